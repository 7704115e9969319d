"""Greatest value."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import GREATEST

AGGREGATE = WindowAggregate(name="max", description="greatest value", parts=(GREATEST,), value="{hi}")

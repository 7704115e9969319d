"""Sum of the values."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import SUM

AGGREGATE = WindowAggregate(name="sum", description="sum of the values", parts=(SUM,), value="{s}")

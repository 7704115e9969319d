"""Least value."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import LEAST

AGGREGATE = WindowAggregate(name="min", description="least value", parts=(LEAST,), value="{lo}")

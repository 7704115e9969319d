"""Arithmetic mean; of a boolean the share that is true."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import COUNT, SUM

AGGREGATE = WindowAggregate(
    name="mean",
    description="mean of the values",
    parts=(COUNT, SUM),
    value="case when {n} > 0 then {s} / {n} end",
)

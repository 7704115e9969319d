"""Count: how many events have a value; 0 in an emptied window."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import COUNT

AGGREGATE = WindowAggregate(
    name="count",
    description="number of values",
    parts=(COUNT,),
    value="cast(coalesce({n}, 0) as bigint)",
    gives="long",
)

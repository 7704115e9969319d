"""Value of the earliest event that has one, by `event_ts`, then `available_ts`, then the value; in its own type."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import EARLIEST

AGGREGATE = WindowAggregate(
    name="first",
    description="value of the earliest event",
    parts=(EARLIEST,),
    value="{earliest}.value",
    takes="any",
    gives="own",
)

"""Value of the latest event that has one, by `event_ts`, then `available_ts`, then the value; in its own type."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import LATEST

AGGREGATE = WindowAggregate(
    name="last",
    description="value of the latest event",
    parts=(LATEST,),
    value="{latest}.value",
    takes="any",
    gives="own",
)

"""One item of `aggregate:` in a windowed feature table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.aggregates import AGGREGATES, find_aggregate
from lakeloop.config.durations import short_name, write_duration
from lakeloop.config.plugins import KnownWord
from lakeloop.config.section import Duration, Lag, Name, Section, Tags, Text
from lakeloop.entry_points import PluginGroup

AggregateName = Annotated[str, KnownWord(PluginGroup.AGGREGATES, tuple(AGGREGATES), find_aggregate)]
"""A word for an aggregate: one that is built in, or that a package brings."""

RATE = "rate"
_OPTIONAL = frozenset({"rate", "where", "name", "offset"})


class Aggregate(Section):
    """Statistics of one measure over trailing windows: of a column (`of` and `as`), or of a condition (`rate`).

    Attributes:
        of: Column of the source; a boolean counts as 0 and 1.
        as_: Names of aggregates, over the values that are not null.
        rate: Spark SQL condition; the share of events for which it holds, among those for which it is not null.
        where: Spark SQL condition over the source's row; an event for which it is false or null counts for nothing.
        name: Word in the features' names, before the window; tells aggregates of one measure apart.
        over: Window lengths, whole multiples of the tick.
        offset: How far back the windows end, a whole multiple of the tick.
        description: What the measure means, where its column does not say it.
        unit: Its unit, where it is another than that of its column.
        tags: Words to find the features by.
    """

    of: Text | None = None
    as_: tuple[AggregateName, ...] = Field(default=(), alias="as", min_length=1)
    rate: Text | None = None
    where: Text | None = None
    name: Name | None = None
    over: tuple[Duration, ...] = Field(min_length=1)
    offset: Lag = timedelta(0)
    description: Annotated[str, Field(exclude=True)] = ""
    unit: Annotated[str | None, Field(exclude=True)] = None
    tags: Tags = ()

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.of is None and self.rate is None:
            raise ValueError("declare of and as, or rate and name")
        if self.of is not None and self.rate is not None:
            raise ValueError("rate: it stands beside of; write it as an item of its own")
        if self.of is not None and not self.as_:
            raise ValueError(f"of: it has no as; write as: [...] out of {', '.join(AGGREGATES)} beside it")
        if self.rate is not None and self.as_:
            raise ValueError("as: a rate has no other statistic; write rate, name and over alone")
        if self.rate is not None and self.name is None:
            raise ValueError("rate: it has no name; write name: beside it, as in name: is_very_late")
        return self

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys that are not used, so that a declaration without them keeps its hash."""
        return {key: each for key, each in write(self).items() if key not in _OPTIONAL or getattr(self, key)}

    @property
    def value(self) -> str:
        """Spark SQL expression of what an event counts as; null where it counts for nothing.

        >>> late = {"of": "delay", "where": "origin = 'EWR'", "as": ["mean"], "over": ["1 day"]}
        >>> " ".join(Aggregate.model_validate(late).value.split())
        "case when ( origin = 'EWR' ) then `delay` end"
        """
        # The line breaks end a comment that an expression may close with.
        value = f"`{self.of}`" if self.rate is None else f"cast((\n{self.rate}\n) as double)"
        return value if self.where is None else f"case when (\n{self.where}\n) then {value} end"

    def features(self) -> Iterator[WindowFeature]:
        """List its features: every statistic over every window.

        >>> rate = {"rate": "delay > 60", "name": "is_very_late", "over": ["3 hours", "1 day"], "offset": "1 day"}
        >>> for feature in Aggregate.model_validate(rate).features():
        ...     print(f"{feature.name}: {feature.meaning}")
        rate_is_very_late_3h: share with delay > 60 over 3 hours that ended 1 day before
        rate_is_very_late_1d: share with delay > 60 over 1 day that ended 1 day before
        """
        for statistic in self.as_ or (RATE,):
            for window in self.over:
                yield WindowFeature(self, statistic, window)


@dataclass(frozen=True)
class WindowFeature:
    """A statistic of a measure over one window.

    Attributes:
        aggregate: The item it is declared in.
        statistic: Name of an aggregate, or `rate`.
        window: Length of the window.
    """

    aggregate: Aggregate
    statistic: str
    window: timedelta

    @property
    def name(self) -> str:
        """Its column: statistic, measure, the item's name, window.

        >>> late = {"of": "delay", "as": ["mean"], "over": ["3 hours"]}
        >>> [next(Aggregate.model_validate(late | more).features()).name for more in ({}, {"name": "at_ewr"})]
        ['mean_delay_3h', 'mean_delay_at_ewr_3h']
        """
        words = (self.statistic, self.aggregate.of, self.aggregate.name, short_name(self.window))
        return "_".join(word for word in words if word is not None)

    @property
    def computed_as(self) -> str:
        """Name of the aggregate that computes it: a rate is the mean of a condition."""
        return "mean" if self.statistic == RATE else self.statistic

    @property
    def offset(self) -> timedelta:
        """How far back its window ends."""
        return self.aggregate.offset

    @property
    def measure(self) -> str:
        """What is taken of which events, without the window."""
        rate, where = self.aggregate.rate, self.aggregate.where
        what = f"{self.statistic} of {self.aggregate.of}" if rate is None else f"share with {_on_a_line(rate)}"
        return what if where is None else f"{what} where {_on_a_line(where)}"

    @property
    def meaning(self) -> str:
        """What it says, for people."""
        if not self.offset:
            return f"{self.measure} over the trailing {write_duration(self.window)}"
        return f"{self.measure} over {write_duration(self.window)} that ended {write_duration(self.offset)} before"


def _on_a_line(expression: str) -> str:
    return " ".join(expression.split())

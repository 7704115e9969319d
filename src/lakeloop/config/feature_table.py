"""`conf/base/features/*.yml`: gold feature tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from lakeloop.aggregates import AGGREGATES
from lakeloop.config.durations import short_name
from lakeloop.config.section import Duration, Name, Section, Tags, Text

if TYPE_CHECKING:
    AggregateName = str
else:
    AggregateName = Literal[tuple(AGGREGATES)]


class Aggregate(Section):
    """Statistics of one measure over trailing windows.

    Attributes:
        of: Column of the source; a boolean counts as 0 and 1.
        as_: Names of aggregates, over the values that are not null.
        over: Window lengths, whole multiples of the tick.
        description: What the measure means, where its column does not say it.
        unit: Its unit, where it is another than that of its column.
        tags: Words to find the features by.
    """

    of: Text
    as_: tuple[AggregateName, ...] = Field(alias="as", min_length=1)
    over: tuple[Duration, ...] = Field(min_length=1)
    description: Annotated[str, Field(exclude=True)] = ""
    unit: Annotated[str | None, Field(exclude=True)] = None
    tags: Tags = ()

    def feature_name(self, statistic: str, window: timedelta) -> str:
        """Name a feature: statistic, measure, window.

        Args:
            statistic: Name of an aggregate.
            window: Length of the window.

        Returns:
            The name of its column.

        >>> late = Aggregate.model_validate({"of": "is_late", "as": ["mean"], "over": ["3 hours"]})
        >>> late.feature_name("mean", timedelta(hours=3))
        'mean_is_late_3h'
        """
        return f"{statistic}_{self.of}_{short_name(window)}"


class Attribute(Section):
    """A feature that is the newest known value of an expression over the source's row.

    Attributes:
        as_: Spark SQL expression; a number or a string.
        description: What it means.
        unit: Its unit, where it has one.
        tags: Words to find it by.
    """

    as_: str = Field(alias="as", min_length=1)
    description: str = ""
    unit: str | None = None
    tags: Tags = ()


class FeatureTable(Section):
    """A gold feature table: either windowed (`every` and `aggregate`) or attributes over time (`attributes`).

    Attributes:
        feature_table: Name; the table is `gold.<feature_table>`.
        description: What a row says.
        owner: Who answers for it.
        tags: Words to find its features by.
        entity: Key columns, from the source.
        from_: The source.
        every: Tick of a windowed table.
        aggregate: Windowed features.
        attributes: Features of an attribute table.
        ttl: Age (from `event_ts`) after which an attribute row is EXPIRED.
    """

    feature_table: Name
    description: str = ""
    owner: str = ""
    tags: Tags = ()
    entity: tuple[Name, ...] = Field(min_length=1)
    from_: Name = Field(alias="from")
    every: Duration | None = None
    aggregate: tuple[Aggregate, ...] = ()
    attributes: dict[Name, Attribute] = Field(default_factory=dict)
    ttl: Duration | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.aggregate) == bool(self.attributes):
            raise ValueError("declare either aggregate (with every) or attributes")
        if self.aggregate and self.every is None:
            raise ValueError("a windowed table needs its tick: every: 1 hour")
        if self.attributes and self.every is not None:
            raise ValueError("an attribute table has no tick: remove every")
        if self.aggregate and self.ttl is not None:
            raise ValueError("ttl does not apply to a windowed table: remove it")
        earlier: dict[str, int] = {}
        for index, aggregate in enumerate(self.aggregate):
            for position, window in enumerate(aggregate.over):
                if self.every is not None and window % self.every:
                    tick = short_name(self.every)
                    problem = f"window {short_name(window)} is not a multiple of every: {tick}"
                    raise ValueError(f"aggregate[{index}].over[{position}]: {problem}; write whole multiples of {tick}")
                for statistic in aggregate.as_:
                    name = aggregate.feature_name(statistic, window)
                    if name in earlier:
                        problem = f"it makes the feature {name} of aggregate[{earlier[name]}] again"
                        raise ValueError(f"aggregate[{index}].over[{position}]: {problem}")
                    earlier[name] = index
        return self

    @property
    def is_windowed(self) -> bool:
        """Whether rows stand on ticks."""
        return self.every is not None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Feature columns in order."""
        windowed = [a.feature_name(s, w) for a in self.aggregate for s in a.as_ for w in a.over]
        return tuple(windowed) + tuple(self.attributes)

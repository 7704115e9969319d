"""`conf/base/features/*.yml`: gold feature tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.aggregate import Aggregate, WindowFeature
from lakeloop.config.durations import short_name
from lakeloop.config.section import Duration, Lag, Name, Section, Tags


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
        delay: How much later than it became available an event counts in a windowed table: from the first tick at or
            after `available_ts` + `delay`.
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
    delay: Lag = timedelta(0)
    aggregate: tuple[Aggregate, ...] = ()
    attributes: dict[Name, Attribute] = Field(default_factory=dict)
    ttl: Duration | None = None

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a delay of nothing, so that a declaration without it keeps its hash."""
        return {key: each for key, each in write(self).items() if key != "delay" or self.delay}

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
        if self.attributes and self.delay:
            raise ValueError("delay does not apply to an attribute table: remove it")
        return self

    @model_validator(mode="after")
    def _on_ticks(self) -> Self:
        if self.every is None:
            return self
        tick = short_name(self.every)
        form = f"write whole multiples of {tick}"
        for index, aggregate in enumerate(self.aggregate):
            at = f"aggregate[{index}]"
            if aggregate.offset % self.every:
                problem = f"offset {short_name(aggregate.offset)} is not a multiple of every: {tick}"
                raise ValueError(f"{at}.offset: {problem}; {form}")
            for position, window in enumerate(aggregate.over):
                if window % self.every:
                    fault = "shorter than" if window < self.every else "not a multiple of"
                    problem = f"window {short_name(window)} is {fault} every: {tick}"
                    raise ValueError(f"{at}.over[{position}]: {problem}; {form}")
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        earlier: dict[str, int] = {}
        for index, aggregate in enumerate(self.aggregate):
            for feature in aggregate.features():
                if feature.name in earlier:
                    position = max(at for at, window in enumerate(aggregate.over) if window == feature.window)
                    at = f"aggregate[{index}].over[{position}]"
                    problem = f"it makes the feature {feature.name} of aggregate[{earlier[feature.name]}] again"
                    raise ValueError(f"{at}: {problem}; write each window once, and a name: where measures are alike")
                earlier[feature.name] = index
        return self

    @property
    def is_windowed(self) -> bool:
        """Whether rows stand on ticks."""
        return self.every is not None

    @property
    def window_features(self) -> tuple[WindowFeature, ...]:
        """Windowed features in order."""
        return tuple(feature for aggregate in self.aggregate for feature in aggregate.features())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Feature columns in order."""
        return (*(feature.name for feature in self.window_features), *self.attributes)

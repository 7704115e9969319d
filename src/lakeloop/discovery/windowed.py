"""The features of a windowed table, each with what it is made of: the one place here that knows how they are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from lakeloop.aggregates import AGGREGATES
from lakeloop.config.durations import short_name, write_duration
from lakeloop.config.feature_table import Aggregate, FeatureTable
from lakeloop.config.source import Source

_KEEP_UNIT = frozenset({"sum", "mean", "min", "max", "stddev"})
"""Aggregates whose value has the unit of their measure; of any other the unit is not known here."""


@dataclass(frozen=True)
class WindowedFeature:
    """A windowed feature.

    Attributes:
        name: Its column.
        aggregate: The declaration that makes it.
        word: Name of the aggregate.
        window: Length of the window.

    >>> mean = windowed_features(shops.feature_tables["shop_delays"])[0]
    >>> mean.describe(shops.sources["deliveries"]), mean.unit(shops.sources["deliveries"])
    ('mean of is_late over the trailing 6 hours', None)
    """

    name: str
    aggregate: Aggregate
    word: str
    window: timedelta

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that it names."""
        return (self.aggregate.of,)

    @property
    def type(self) -> str:
        """Type of its values."""
        return AGGREGATES[self.word].type

    @property
    def made_of(self) -> str:
        """What it is computed from."""
        return f"{self.word} of {self.aggregate.of}"

    @property
    def window_name(self) -> str:
        """Length of the window as it stands in names."""
        return short_name(self.window)

    def unit(self, source: Source) -> str | None:
        """Tell its unit: the aggregate's own, else that of the measure, where the aggregate keeps it."""
        measure = source.declared[self.aggregate.of]
        return (self.aggregate.unit or measure.unit) if self.word in _KEEP_UNIT else None

    def describe(self, source: Source) -> str:
        """Say what it is, and what its measure means."""
        measure = source.declared[self.aggregate.of]
        short = f"{self.made_of} over the trailing {write_duration(self.window)}"
        meaning = self.aggregate.description or measure.description
        return f"{short}: {meaning}" if meaning else short


def windowed_features(table: FeatureTable) -> tuple[WindowedFeature, ...]:
    """List the windowed features of a table, in its order.

    >>> table = shops.feature_tables["shop_delays"]
    >>> [(each.name, each.made_of, each.type) for each in windowed_features(table)][0]
    ('mean_is_late_6h', 'mean of is_late', 'double')
    """
    return tuple(
        WindowedFeature(aggregate.feature_name(word, window), aggregate, word, window)
        for aggregate in table.aggregate
        for word in aggregate.as_
        for window in aggregate.over
    )

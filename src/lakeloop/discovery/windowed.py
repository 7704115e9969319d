"""The features of a windowed table, each with what is said of it and of the measure it is taken of."""

from __future__ import annotations

from dataclasses import dataclass

from lakeloop.aggregates import find_aggregate
from lakeloop.config.aggregate import Aggregate, WindowFeature
from lakeloop.config.durations import short_name
from lakeloop.config.expressions import expression_columns
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.source import Column, DerivedColumn, Source

_KEEP_UNIT = frozenset({"sum", "mean", "min", "max", "stddev", "first", "last"})
"""Aggregates whose value has the unit of their measure; of any other the unit is not known here."""


@dataclass(frozen=True)
class WindowedFeature:
    """A windowed feature.

    Attributes:
        declared: What is declared of it.

    >>> mean = windowed_features(shops.feature_tables["shop_delays"])[0]
    >>> mean.describe(shops.sources["deliveries"]), mean.unit(shops.sources["deliveries"])
    ('mean of is_late over the trailing 6 hours', None)
    """

    declared: WindowFeature

    @property
    def name(self) -> str:
        """Its column."""
        return self.declared.name

    @property
    def aggregate(self) -> Aggregate:
        """The item it is declared in."""
        return self.declared.aggregate

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that it names, in lower case: its measure's, then those of its conditions."""
        texts = (each for each in (self.aggregate.rate, self.aggregate.where) if each is not None)
        named = [name.lower() for text in texts for name in expression_columns(text)]
        return tuple(dict.fromkeys([*filter(None, [self.aggregate.of]), *named]))

    def type(self, source: Source) -> str | None:
        """Type of its values; None where its measure has none that is declared."""
        gives = find_aggregate(self.declared.computed_as).gives
        if gives != "own":
            return gives
        measure = self._measure(source)
        return measure.type.value if measure is not None else None

    @property
    def made_of(self) -> str:
        """What it is computed from."""
        return self.declared.measure

    @property
    def window_name(self) -> str:
        """Length of the window as it stands in names."""
        return short_name(self.declared.window)

    def unit(self, source: Source) -> str | None:
        """Tell its unit: the aggregate's own, else that of the measure, where the aggregate keeps it."""
        if self.declared.statistic not in _KEEP_UNIT:
            return None
        measure = self._measure(source)
        return self.aggregate.unit or (measure.unit if measure is not None else None)

    def describe(self, source: Source) -> str:
        """Say what it is, and what its measure means."""
        measure = self._measure(source)
        meaning = self.aggregate.description or (measure.description if measure is not None else "")
        return f"{self.declared.meaning}: {meaning}" if meaning else self.declared.meaning

    def _measure(self, source: Source) -> Column | DerivedColumn | None:
        return source.declared.get(self.aggregate.of) if self.aggregate.of is not None else None


def windowed_features(table: FeatureTable) -> tuple[WindowedFeature, ...]:
    """List the windowed features of a table, in its order.

    >>> table = shops.feature_tables["shop_delays"]
    >>> [(each.name, each.made_of) for each in windowed_features(table)][0]
    ('mean_is_late_6h', 'mean of is_late')
    """
    return tuple(WindowedFeature(each) for each in table.window_features)

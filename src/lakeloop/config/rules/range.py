"""Range: a number lies between two bounds."""

from __future__ import annotations

from typing import Literal

from lakeloop.config.rules.rule import NUMBERS, Condition, DeclaredRule, Kinds, Place, quoted
from lakeloop.config.section import Bounded


class Range(Bounded, DeclaredRule):
    """The column lies between two bounds, both included; a missing value passes (declare `not_null` for it).

    >>> (condition,) = Range(rule="range", column="distance", min=0).conditions()
    >>> condition.name, condition.message
    ('range_distance', 'is outside 0.0 to inf')
    >>> condition.holds
    "not isnan(cast(`distance` as double)) and cast(`distance` as double) >= cast('0.0' as double)"
    """

    rule: Literal["range"]
    column: str

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"range_{self.column}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the column it names."""
        return {("column",): (self.column,)}

    def kinds(self, place: Place) -> Kinds:  # noqa: ARG002 - it names one column
        """Take numbers."""
        return Kinds(NUMBERS, "a column of numbers", "use a rule: expression")

    def conditions(self) -> tuple[Condition, ...]:
        """Give the one condition; not-a-number is outside, although it compares as greater than every number."""
        value = f"cast({quoted(self.column)} as double)"
        holds = [f"not isnan({value})"]
        if self.min is not None:
            holds.append(f"{value} >= cast('{self.min!r}' as double)")
        if self.max is not None:
            holds.append(f"{value} <= cast('{self.max!r}' as double)")
        low, high = "-inf" if self.min is None else self.min, "inf" if self.max is None else self.max
        return (Condition(self.label, self.column, " and ".join(holds), f"is outside {low} to {high}"),)


RULE = Range

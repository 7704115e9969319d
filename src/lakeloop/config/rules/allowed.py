"""Allowed: a column has one of the listed values."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lakeloop.config.rules.rule import Condition, DeclaredRule, Place, literal, quoted


class Allowed(DeclaredRule):
    """The column has one of the listed values; a missing value passes.

    >>> (condition,) = Allowed(rule="allowed", column="origin", values=("EWR", "JFK")).conditions()
    >>> condition.holds
    "cast(`origin` as string) in ('EWR', 'JFK')"
    """

    rule: Literal["allowed"]
    column: str
    values: tuple[str, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"allowed_{self.column}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the column it names."""
        return {("column",): (self.column,)}

    def texts_compared(self) -> dict[Place, tuple[str, str]]:
        """Give the listed values, by place."""
        return {("values", index): (self.column, value) for index, value in enumerate(self.values)}

    def conditions(self) -> tuple[Condition, ...]:
        """Give the one condition."""
        listed = ", ".join(literal(value) for value in self.values)
        holds = f"cast({quoted(self.column)} as string) in ({listed})"
        return (Condition(self.label, self.column, holds, "is not one of the allowed values"),)


RULE = Allowed

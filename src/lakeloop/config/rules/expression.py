"""Expression: a condition of Spark SQL over the row holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from lakeloop.config.rules.rule import Condition, DeclaredRule, Place
from lakeloop.config.section import Name


class Expression(DeclaredRule):
    """A Spark SQL condition over the row holds; a condition that is null passes.

    >>> rule = Expression(rule="expression", name="lands_after_start", that="arrival_ts > departure_ts")
    >>> [each.holds for each in rule.conditions()]
    ['arrival_ts > departure_ts']
    """

    has_name: ClassVar[bool] = True

    rule: Literal["expression"]
    name: Name
    that: str = Field(min_length=1)

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return self.name

    def expressions(self) -> dict[Place, str]:
        """Give the condition, by place."""
        return {("that",): self.that}

    def conditions(self) -> tuple[Condition, ...]:
        """Give the one condition."""
        return (Condition(self.name, "", self.that, f"does not hold: {self.that}", is_written=True),)


RULE = Expression

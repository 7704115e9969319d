"""Not null: the columns have a value."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lakeloop.config.rules.rule import Condition, DeclaredRule, Expected, Place, quoted


class NotNull(DeclaredRule):
    """The columns have a value.

    >>> rule = NotNull(rule="not_null", columns=("origin", "dest"))
    >>> rule.label, [each.holds for each in rule.conditions()]
    ('not_null_origin_dest', ['`origin` is not null', '`dest` is not null'])
    """

    rule: Literal["not_null"]
    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"not_null_{'_'.join(self.columns)}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the columns it names, by the place that names them."""
        return {("columns", index): (name,) for index, name in enumerate(self.columns)}

    def conditions(self) -> tuple[Condition, ...]:
        """Give one condition for each column."""
        return tuple(
            Condition(f"not_null_{name}", name, f"{quoted(name)} is not null", "is missing") for name in self.columns
        )

    def computed(self) -> dict[str, Condition]:
        """Nothing: the gate looks at the columns themselves."""
        return {}

    def expected(self) -> tuple[Expected, ...]:
        """Expect a value in each column."""
        return tuple(
            Expected(f"not_null_{name}", "ExpectColumnValuesToNotBeNull", {"column": name}) for name in self.columns
        )


RULE = NotNull

"""Unique: no two rows agree in all these columns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lakeloop.config.rules.rule import DeclaredRule, Expected, Place
from lakeloop.statuses import Severity


def expected_unique(check: str, columns: tuple[str, ...]) -> Expected:
    """Expect that no two rows agree in some columns.

    Args:
        check: Name under which the verdict is recorded.
        columns: The columns.

    Returns:
        The expectation.

    >>> expected_unique("unique_key", ("carrier",)).type
    'ExpectColumnValuesToBeUnique'
    """
    if len(columns) == 1:
        return Expected(check, "ExpectColumnValuesToBeUnique", {"column": columns[0]})
    return Expected(check, "ExpectCompoundColumnsToBeUnique", {"column_list": list(columns)})


class Unique(DeclaredRule):
    """No two rows agree in all these columns. The source's key is unique without being declared so.

    >>> Unique(rule="unique", columns=("tail_number", "departure_ts")).label
    'unique_tail_number_departure_ts'
    """

    rule: Literal["unique"]
    columns: tuple[str, ...] = Field(min_length=1)
    severity: Literal[Severity.QUARANTINE] = Severity.QUARANTINE

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"unique_{'_'.join(self.columns)}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the columns it names, by the place that names them."""
        return {("columns", index): (name,) for index, name in enumerate(self.columns)}

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Columns in which no two rows may agree."""
        return self.columns

    def expected(self) -> tuple[Expected, ...]:
        """Expect that no two rows agree in the columns."""
        return (expected_unique(self.label, self.columns),)


RULE = Unique

"""What a rule is: its keys, what holds of a row that keeps it, and what the quality gate expects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lakeloop.config.section import Section
from lakeloop.statuses import Severity

Place = tuple[str | int, ...]
"""Keys below the rule that lead to a value."""

NUMBERS = frozenset({"integer", "long", "double"})
"""Types of numbers, as columns are declared with them."""


@dataclass(frozen=True)
class Condition:
    """Something that holds of one row.

    Attributes:
        name: Name in reasons and reports.
        column: Column it speaks of; empty where it speaks of the whole row.
        holds: Spark SQL condition over the typed row; null counts as true.
        message: What is wrong where it does not hold, without the value.
        is_written: Whether a user wrote it, so that it can fail on a row; a row it fails on does not keep the rule.
    """

    name: str
    column: str
    holds: str
    message: str
    is_written: bool = False


@dataclass(frozen=True)
class Expected:
    """What holds of accepted rows, by its name in Great Expectations.

    Attributes:
        check: Name under which the verdict is recorded.
        type: Class name in `great_expectations.expectations`.
        arguments: Its arguments.
    """

    check: str
    type: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Kinds:
    """Types that the columns of a rule may have.

    Attributes:
        types: The types, as columns are declared with them.
        words: The types in words.
        remedy: What to do about a column of another type.
    """

    types: frozenset[str]
    words: str
    remedy: str


class DeclaredRule(Section):
    """A rule of a source; each kind adds its keys and its own `rule: Literal["..."]`.

    Attributes:
        severity: What breaking it does.

    >>> from lakeloop.config.rules.allowed import Allowed
    >>> from lakeloop.config.rules.expression import Expression
    >>> origin = Allowed(rule="allowed", column="origin", values=["EWR", "JFK"])
    >>> origin.columns_named(), origin.texts_compared()
    ({('column',): ('origin',)}, {('values', 0): ('origin', 'EWR'), ('values', 1): ('origin', 'JFK')})
    >>> order = Expression(rule="expression", name="in_order", that="arrival_ts > departure_ts")
    >>> order.columns_named(), order.expressions(), order.conditions()[0].message
    ({}, {('that',): 'arrival_ts > departure_ts'}, 'does not hold: arrival_ts > departure_ts')
    >>> order.expected()[0].arguments["description"]
    'in_order: broken where a row does not hold: arrival_ts > departure_ts'
    """

    has_name: ClassVar[bool] = False
    """Whether the user names it; then no two rules of a source may share the name."""

    rule: str
    severity: Severity = Severity.QUARANTINE

    @property
    @abstractmethod
    def label(self) -> str:
        """Name of the rule in reasons and reports."""

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the columns it names, by the place that names them."""
        return {}

    def kinds(self, place: Place) -> Kinds | None:  # noqa: ARG002 - for those that judge by it
        """Give the types that a column named at a place may have; None where any will do."""
        return None

    def texts_compared(self) -> dict[Place, tuple[str, str]]:
        """Give the texts a column's values are compared with, by place: the column and the text."""
        return {}

    def expressions(self) -> dict[Place, str]:
        """Give its Spark SQL expressions, by place."""
        return {}

    def regular_expressions(self) -> dict[Place, str]:
        """Give its regular expressions as Java matches them with a whole text, by place."""
        return {}

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """Columns in which no two rows may agree; empty for a rule over single rows."""
        return ()

    def conditions(self) -> tuple[Condition, ...]:
        """Give what holds of every row that keeps it."""
        return ()

    def computed(self) -> dict[str, Condition]:
        """Give the columns the gate looks at beside the table's own: name -> whether this holds."""
        return {f"holds_{each.name}": each for each in self.conditions()}

    def expected(self) -> tuple[Expected, ...]:
        """Give what the gate expects; by default that every condition holds."""
        return tuple(
            Expected(
                each.name,
                "ExpectColumnValuesToBeInSet",
                {
                    "column": column,
                    "value_set": [True],
                    "description": f"{each.name}: broken where a row {each.message}",
                },
            )
            for column, each in self.computed().items()
        )


def quoted(column: str) -> str:
    """Write the name of a column or table in SQL.

    >>> quoted("distance")
    '`distance`'
    """
    return "`" + column.replace("`", "``") + "`"


def literal(text: str) -> str:
    r"""Write a text in SQL.

    >>> print(literal("O'Hare"))
    'O\'Hare'
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

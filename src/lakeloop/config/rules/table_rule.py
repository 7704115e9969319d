"""What a rule over a turn's rows is: what it measures of them, and how it judges what was measured.

A rule over rows is judged where rows land; one over a turn's rows at the quality gate. All that a source's rules
measure is found in one query, and recorded: a later turn compares with what was recorded. Earlier rows are read for
`freshness` and `no_gaps` alone, which ask for the newest one known.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import model_validator

from lakeloop.config.rules.rule import DeclaredRule
from lakeloop.statuses import Severity, Status

Value = float | int | None
"""What is measured: a number; instants are microseconds since 1970."""

NEWEST = "newest"
"""Name of the measure that `newest_of` asks for."""


@dataclass(frozen=True)
class Spacing:
    """Instants whose distances are measured, group by group.

    Attributes:
        column: The instants.
        by: Columns that make the groups.
    """

    column: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """Values that another source has.

    Attributes:
        columns: Columns of this source.
        to: The other source.
        references: Its columns, in the same order.
    """

    columns: tuple[str, ...]
    to: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What was measured of a turn's rows for one rule.

    Attributes:
        rows: How many there are.
        as_of: Logical now of the turn.
        values: By the name of the measure.
    """

    rows: int
    as_of: datetime
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class PastTurn:
    """What was recorded of an earlier turn whose rows passed the gate.

    Attributes:
        rows: How many there were.
        values: By the name of the check that recorded them.
    """

    rows: int
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What came of a check.

    Attributes:
        check: Name under which it is recorded.
        status: OK, or why it could not be judged.
        passed: The verdict; None when it could not be judged.
        observed: What was found: counts and statistics.
        detail: What is wrong where it did not pass.
    """

    check: str
    status: Status
    passed: bool | None
    observed: Mapping[str, Any]
    detail: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether it failed; values that are all missing fail, too little to compare with does not.

        >>> [Judged("x", status, None, {}).is_broken for status in (Status.ALL_NULL, Status.INSUFFICIENT_REFERENCE)]
        [True, False]
        """
        return self.passed is False or self.status is Status.ALL_NULL


class TableRule(DeclaredRule):
    """A rule over a turn's rows as a whole; each kind adds its keys, what it measures and its judgement.

    >>> from datetime import UTC
    >>> from lakeloop.config.rules.row_count import RowCount
    >>> rule = RowCount(rule="row_count", of_history="0.5 to 2", over="2 turns", severity="warn")
    >>> rule.measures(), rule.spacing, rule.newest_of, rule.reference, rule.turns_compared
    ({}, None, None, None, 2)
    >>> turn = Measured(rows=30, as_of=datetime(2013, 5, 1, tzinfo=UTC))
    >>> [(each.status.value, each.passed) for each in rule.judge(turn, [PastTurn(40), PastTurn(60)])]
    [('OK', True)]
    """

    severity: Severity = Severity.FAIL

    @model_validator(mode="after")
    def _of_no_single_row(self) -> Self:
        if self.severity is Severity.QUARANTINE:
            raise ValueError(f"severity: {self._why_not_quarantined}; write warn or fail")
        return self

    @property
    def _why_not_quarantined(self) -> str:
        return "it is judged over all rows of a turn, and no single row can be set aside"

    def measures(self, helper: str = "") -> dict[str, str]:  # noqa: ARG002 - for those that have one
        """Give what it measures of the turn's rows.

        Args:
            helper: Name of the column with what `spacing` or `reference` asks for.

        Returns:
            Name -> aggregate of Spark SQL that gives a number.
        """
        return {}

    @property
    def newest_of(self) -> str | None:
        """Column of which it measures the newest instant up to now, of all rows known, as `newest`."""
        return None

    @property
    def spacing(self) -> Spacing | None:
        """Instants of which it measures the distance to the one before: microseconds, null where there is none."""
        return None

    @property
    def reference(self) -> Reference | None:
        """Values of which it measures whether the other source has them: null where one is missing."""
        return None

    @property
    def turns_compared(self) -> int:
        """Number of earlier turns it compares with."""
        return 0

    @abstractmethod
    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:
        """Judge a turn.

        Args:
            turn: What was measured; of no rows everything is null.
            past: Earlier turns whose rows passed the gate, oldest first.

        Returns:
            What came of each of its checks, always the same ones.
        """


def in_microseconds(duration: timedelta) -> int:
    """Give a duration as a whole number.

    >>> in_microseconds(timedelta(seconds=1))
    1000000
    """
    return duration // timedelta(microseconds=1)

"""Row count: a turn has about as many rows as it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lakeloop.config.rules.history import FactorsText, Turns
from lakeloop.config.rules.rule import Expected
from lakeloop.config.rules.table_rule import Judged, Measured, PastTurn, TableRule
from lakeloop.config.section import Whole
from lakeloop.statuses import Status

_Count = Annotated[Whole, Field(ge=0)]


class RowCount(TableRule):
    """The number of a turn's rows lies between `min` and `max`, and between two multiples (`of_history`) of a median.

    It is the median of the last turns that passed (`over`). Bounds are included; a turn without rows is judged, too.

    >>> rule = RowCount(rule="row_count", min=10, of_history="0.5 to 2.0", over="3 turns")
    >>> from datetime import UTC, datetime
    >>> turn = Measured(rows=9, as_of=datetime(2013, 5, 1, tzinfo=UTC))
    >>> [(each.check, each.passed, each.detail) for each in rule.judge(turn, [PastTurn(20), PastTurn(30)])]
    [('row_count_of_history', None, '2 of 3 turns to compare with')]
    >>> rule.expected()[0].arguments
    {'min_value': 10, 'max_value': None}
    """

    rule: Literal["row_count"]
    min: _Count | None = None
    max: _Count | None = None
    of_history: FactorsText | None = None
    over: Turns | None = None

    @model_validator(mode="after")
    def _some_bounds(self) -> Self:
        if self.min is None and self.max is None and self.of_history is None:
            raise ValueError("declare min, max, of_history with over, or several of them")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if (self.of_history is None) != (self.over is None):
            alone = "over" if self.of_history is None else "of_history"
            raise ValueError(f"{alone}: of_history and over go together; write both, or none")
        return self

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return "row_count"

    @property
    def turns_compared(self) -> int:
        """Number of earlier turns it compares with."""
        return self.over or 0

    def expected(self) -> tuple[Expected, ...]:
        """Expect a number of rows between the fixed bounds."""
        if self.min is None and self.max is None:
            return ()
        bounds = {"min_value": self.min, "max_value": self.max}
        return (Expected(self.label, "ExpectTableRowCountToBeBetween", bounds),)

    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:
        """Judge the number of rows.

        Returns:
            A check of the fixed bounds where there are no rows, and one against earlier turns.
        """
        return (*self._within_bounds(turn), *self._like_history(turn, past))

    def _within_bounds(self, turn: Measured) -> tuple[Judged, ...]:
        if turn.rows or not self.expected():  # where there are rows, Great Expectations looks at them
            return ()
        passed = not self.min
        return (Judged(self.label, Status.OK, passed, {"rows": 0}, f"no rows, fewer than {self.min}"),)

    def _like_history(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:
        if self.of_history is None or self.over is None:
            return ()
        check = f"{self.label}_of_history"
        known = [each.rows for each in past][-self.over :]
        observed: dict[str, float] = {"value": turn.rows, "turns": len(known)}
        if len(known) < self.over:
            detail = f"{len(known)} of {self.over} turns to compare with"
            return (Judged(check, Status.INSUFFICIENT_REFERENCE, None, observed, detail),)
        band = self.of_history.band(known)
        observed |= {"low": band.low, "high": band.high}
        detail = f"{turn.rows} rows, expected {band.low:g} to {band.high:g} from the last {self.over} turns"
        return (Judged(check, Status.OK, band.holds(turn.rows), observed, detail),)


RULE = RowCount

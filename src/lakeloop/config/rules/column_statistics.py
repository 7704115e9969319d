"""Column statistics: a column is like it was in the last turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from lakeloop.config.rules.history import Turns, WithinText, is_number
from lakeloop.config.rules.rule import NUMBERS, Kinds, Place, quoted
from lakeloop.config.rules.table_rule import Judged, Measured, PastTurn, TableRule
from lakeloop.statuses import Status

_OF_ANY_COLUMN = "null_share"
_AGGREGATES = {
    "mean": "avg({value})",
    "stddev": "stddev_samp({value})",
    "min": "min({value})",
    "max": "max({value})",
    _OF_ANY_COLUMN: "avg(case when {column} is null then 1D else 0D end)",
}


class ColumnStatistics(TableRule):
    """Statistics of a column are `within` a distance of those of the last turns that passed (`over`).

    They are mean, stddev, min and max of what is not missing, and null_share. The distance is standard deviations from
    the turns' mean, or per cent of their median, bounds included.
    Too few turns to compare with is INSUFFICIENT_REFERENCE: neither passed nor failed.

    >>> rule = ColumnStatistics(
    ...     rule="column_statistics", column="seats", statistics=("mean",), within="10%", over="2 turns"
    ... )
    >>> rule.measures()
    {'mean': 'avg(cast(`seats` as double))'}
    >>> from datetime import UTC, datetime
    >>> past = [PastTurn(5, {"column_statistics_seats_mean": mean}) for mean in (90.0, 110.0)]
    >>> turn = Measured(rows=5, as_of=datetime(2013, 5, 1, tzinfo=UTC), values={"mean": 111.0})
    >>> (judged,) = rule.judge(turn, past)
    >>> judged.passed, judged.detail
    (False, 'mean is 111, expected 90 to 110 from the last 2 turns')
    """

    rule: Literal["column_statistics"]
    column: str
    statistics: tuple[Literal["mean", "stddev", "min", "max", "null_share"], ...] = Field(min_length=1)
    within: WithinText
    over: Turns

    @model_validator(mode="after")
    def _spread_of_several(self) -> Self:
        if self.within.deviations is not None and self.over < 2:
            raise ValueError("over: one turn has no standard deviation; write at least '2 turns'")
        return self

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return "_".join(("column_statistics", self.column, *self.statistics))

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the column it names."""
        return {("column",): (self.column,)}

    def kinds(self, place: Place) -> Kinds | None:  # noqa: ARG002 - it names one column
        """Take numbers and booleans; anything where only missing values are counted."""
        if set(self.statistics) == {_OF_ANY_COLUMN}:
            return None
        return Kinds(
            NUMBERS | {"boolean"}, "a column of numbers or booleans", "derive a number, or take null_share alone"
        )

    @property
    def turns_compared(self) -> int:
        """Number of earlier turns it compares with."""
        return self.over

    def measures(self, helper: str = "") -> dict[str, str]:  # noqa: ARG002 - it has none
        """Give one aggregate per statistic."""
        column = quoted(self.column)
        return {
            name: _AGGREGATES[name].format(column=column, value=f"cast({column} as double)") for name in self.statistics
        }

    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:
        """Judge each statistic.

        Returns:
            A check per statistic.
        """
        return tuple(self._judge_one(name, turn, past) for name in self.statistics)

    def _judge_one(self, name: str, turn: Measured, past: Sequence[PastTurn]) -> Judged:
        check, value = f"column_statistics_{self.column}_{name}", turn.values.get(name)
        known = [each.values.get(check) for each in past]
        compared = [float(each) for each in known if each is not None and is_number(each)][-self.over :]
        observed: dict[str, float | int | None] = {"value": value if is_number(value) else None, "turns": len(compared)}
        if not turn.rows:
            return Judged(check, Status.EMPTY_WINDOW, None, observed, "no rows")
        if len(compared) < self.over:
            detail = f"{len(compared)} of {self.over} turns to compare with"
            return Judged(check, Status.INSUFFICIENT_REFERENCE, None, observed, detail)
        band = self.within.band(compared)
        observed |= {"low": band.low, "high": band.high}
        if value is None:
            few = name == "stddev" and turn.rows == 1
            status = Status.TOO_FEW_ROWS if few else Status.ALL_NULL
            return Judged(check, status, None, observed, f"{name} can't be computed: values are missing")
        detail = f"{name} is {value:g}, expected {band.low:g} to {band.high:g} from the last {self.over} turns"
        return Judged(check, Status.OK, band.holds(value), observed, detail)


RULE = ColumnStatistics

"""Foreign key: the values of some columns exist in another source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from lakeloop.config.rules.rule import Place, quoted
from lakeloop.config.rules.table_rule import Judged, Measured, PastTurn, Reference, TableRule
from lakeloop.statuses import Status

_LOST = "lost"


class ForeignKey(TableRule):
    """The values of `columns` are those of `references` in an accepted row of the source `to`; a missing value passes.

    It is judged at the gate, against the rows known there.

    >>> rule = ForeignKey(rule="foreign_key", columns=("carrier",), to="airlines", references=("carrier",))
    >>> rule.label, rule.reference
    ('foreign_key_carrier_airlines', Reference(columns=('carrier',), to='airlines', references=('carrier',)))
    >>> from datetime import UTC, datetime
    >>> turn = Measured(rows=5, as_of=datetime(2013, 5, 1, tzinfo=UTC), values={"lost": 2})
    >>> [(each.passed, each.detail) for each in rule.judge(turn, [])]
    [(False, '2 rows')]
    """

    rule: Literal["foreign_key"]
    columns: tuple[str, ...] = Field(min_length=1)
    to: str
    references: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.columns) != len(self.references):
            raise ValueError(
                f"references: {len(self.references)} columns for {len(self.columns)}; write one for each of columns"
            )
        return self

    @property
    def _why_not_quarantined(self) -> str:
        return f"which rows are set aside would depend on whether {self.to} landed before them"

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"foreign_key_{'_'.join(self.columns)}_{self.to}"

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the columns it names, by the place that names them."""
        return {("columns", index): (name,) for index, name in enumerate(self.columns)}

    @property
    def reference(self) -> Reference:
        """What is looked up where."""
        return Reference(self.columns, self.to, self.references)

    def measures(self, helper: str = "") -> dict[str, str]:
        """Count the rows whose values the other source does not have."""
        return {_LOST: f"count_if(not {quoted(helper)})"}

    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:  # noqa: ARG002 - needs no history
        """Judge the number of rows.

        Returns:
            The one check.
        """
        lost = turn.values.get(_LOST)
        observed = {"unexpected_rows": lost}
        if not turn.rows or lost is None:
            return (Judged(self.label, Status.EMPTY_WINDOW, None, observed, "no rows"),)
        return (Judged(self.label, Status.OK, lost == 0, observed, f"{lost} row{'' if lost == 1 else 's'}"),)


RULE = ForeignKey

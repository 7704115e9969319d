"""No gaps: from one instant to the next it is never longer than it should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import model_validator

from lakeloop.config.durations import write_duration
from lakeloop.config.rules.rule import Kinds, Place, quoted
from lakeloop.config.rules.table_rule import Judged, Measured, PastTurn, Spacing, TableRule, in_microseconds
from lakeloop.config.section import Duration
from lakeloop.statuses import Status


class NoGaps(TableRule):
    """Neighbours in time, in each group of `by`, are no farther apart than `every`, or `max_gap` where it is declared.

    A turn's first instant of a group is compared with the newest one known before the turn. A row that arrives behind
    that one can only fill a gap, and is not looked at. Nor is the silence from the last instant up to now: a gap counts
    in the turn that brings the row at its end. `freshness` judges that silence, of the source as a whole.

    >>> rule = NoGaps(rule="no_gaps", every="1 hour", by=("origin",), column="observed_ts")
    >>> rule.label, rule.spacing
    ('no_gaps_observed_ts_origin', Spacing(column='observed_ts', by=('origin',)))
    >>> print(rule.measures("_gap")["gaps"])
    count_if(`_gap` > 3600000000)
    """

    rule: Literal["no_gaps"]
    every: Duration
    by: tuple[str, ...] = ()
    column: str = "event_ts"
    max_gap: Duration | None = None

    @model_validator(mode="after")
    def _longest_from_every(self) -> Self:
        if self.max_gap is not None and self.max_gap < self.every:
            raise ValueError("max_gap: shorter than every; write at least what every says")
        return self

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return "_".join(("no_gaps", self.column, *self.by))

    def columns_named(self) -> dict[Place, tuple[str, ...]]:
        """Give the columns it names, by the place that names them."""
        return {("column",): (self.column,)} | {("by", index): (name,) for index, name in enumerate(self.by)}

    def kinds(self, place: Place) -> Kinds | None:
        """Take instants to be compared, and anything to group by."""
        return (
            Kinds(frozenset({"timestamp"}), "a column of instants", "derive an instant")
            if place[0] == "column"
            else None
        )

    @property
    def spacing(self) -> Spacing:
        """The instants and their groups."""
        return Spacing(self.column, self.by)

    def measures(self, helper: str = "") -> dict[str, str]:
        """Give the distances compared, those too long, the longest, and the rows that are missing in them."""
        gap = quoted(helper)
        step, longest = in_microseconds(self.every), in_microseconds(self.max_gap or self.every)
        return {
            "times": f"count({quoted(self.column)})",
            "compared": f"count({gap})",
            "gaps": f"count_if({gap} > {longest})",
            "missing": f"sum(case when {gap} > {longest} then ({gap} - 1) div {step} end)",
            "longest": f"max({gap})",
        }

    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:  # noqa: ARG002 - needs no history
        """Judge the distances.

        Returns:
            The one check.
        """
        found, longest = turn.values, turn.values.get("longest")
        observed = {
            "compared": found.get("compared") or 0,
            "gaps": found.get("gaps") or 0,
            "missing": found.get("missing") or 0,
            "longest_seconds": None if longest is None else longest / 1e6,
        }
        if not turn.rows:
            return (Judged(self.label, Status.EMPTY_WINDOW, None, observed, "no rows"),)
        if not found.get("times"):
            return (Judged(self.label, Status.ALL_NULL, None, observed, f"{self.column} is missing in all rows"),)
        if not observed["compared"]:
            return (Judged(self.label, Status.TOO_FEW_ROWS, None, observed, "no two instants to compare"),)
        several = observed["gaps"] != 1
        detail = (
            f"{observed['gaps']} gap{'s' if several else ''} of more than"
            f" {write_duration(self.max_gap or self.every)}, the longest {(longest or 0) / 1e6:.0f} seconds"
        )
        return (Judged(self.label, Status.OK, not observed["gaps"], observed, detail),)


RULE = NoGaps

"""Freshness: the newest row is not older than a duration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from lakeloop.config.durations import write_duration
from lakeloop.config.rules.table_rule import NEWEST, Judged, Measured, PastTurn, TableRule
from lakeloop.config.section import Duration
from lakeloop.statuses import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Freshness(TableRule):
    """The newest row known is not older than `within`, also when the turn brought none; the bound is included.

    Instants after now do not count. A source without any row is not fresh.

    >>> rule = Freshness(rule="freshness", within="2 days")
    >>> noon = datetime(2013, 5, 3, 12, tzinfo=UTC)
    >>> newest = {NEWEST: (noon - timedelta(hours=49) - _EPOCH) // timedelta(microseconds=1)}
    >>> (judged,) = rule.judge(Measured(rows=0, as_of=noon, values=newest), [])
    >>> judged.check, judged.passed, judged.detail
    ('freshness_event_ts', False, 'the newest event_ts is 176400 seconds old, more than 2 days')
    """

    rule: Literal["freshness"]
    within: Duration
    column: Literal["event_ts", "available_ts"] = "event_ts"

    @property
    def label(self) -> str:
        """Name of the rule in reasons and reports."""
        return f"freshness_{self.column}"

    @property
    def newest_of(self) -> str:
        """The column."""
        return self.column

    def judge(self, turn: Measured, past: Sequence[PastTurn]) -> tuple[Judged, ...]:  # noqa: ARG002 - now alone counts
        """Judge the age of the newest row.

        Returns:
            The one check.
        """
        newest = turn.values.get(NEWEST)
        if newest is None:
            return (Judged(self.label, Status.OK, False, {"age_seconds": None}, "no row is known"),)
        age = turn.as_of - (_EPOCH + timedelta(microseconds=int(newest)))
        seconds = age.total_seconds()
        detail = f"the newest {self.column} is {seconds:.0f} seconds old, more than {write_duration(self.within)}"
        return (Judged(self.label, Status.OK, age <= self.within, {"age_seconds": seconds}, detail),)


RULE = Freshness

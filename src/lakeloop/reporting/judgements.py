"""Judgements as the report shows them: the gate's and those of drift; instants are aware."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class GateCheck:
    """One check of the gate, as it was recorded."""

    name: str
    status: str
    value: float | None
    bound: float | None
    lower: float | None
    upper: float | None
    detail: str
    blocking: bool = False
    acknowledged: bool = False


@dataclass(frozen=True)
class GateMetric:
    """One metric on the holdout: challenger and baseline on all rows, the two versions on the rows both may see."""

    name: str
    challenger: float | None
    baseline: float | None
    challenger_on_comparable: float | None
    champion: float | None


@dataclass(frozen=True)
class GateSlice:
    """The gate's metric on one slice, on the rows where the champion may be compared, or else on all of its rows."""

    column: str
    value: str
    rows: int | None
    challenger: float | None
    champion: float | None


@dataclass(frozen=True)
class Promotion:
    """One judgement of the gate.

    Attributes:
        as_of: When, on the logical clock.
        version: The challenger.
        outcome: promoted, rejected or held.
        previous: Champion before.
        training_set_id: What it was trained on.
        trained_through: Greatest availability of what it learned from.
        reasons: Why it was rejected or is held, or what it showed.
        metric: Metric that was compared.
        rows: Rows of the holdout.
        days: Days of the holdout.
        comparable_rows: Rows on which the champion may be compared.
        checks: Every check.
        metrics: Every metric.
        slices: The largest slices.
    """

    as_of: datetime
    version: str | None
    outcome: str
    previous: str | None
    training_set_id: str | None
    trained_through: datetime | None
    reasons: tuple[str, ...]
    metric: str | None
    rows: int | None
    days: int | None
    comparable_rows: int | None
    checks: tuple[GateCheck, ...]
    metrics: tuple[GateMetric, ...]
    slices: tuple[GateSlice, ...]


@dataclass(frozen=True)
class DriftWindow:
    """A window that was compared with a version's reference."""

    version: str | None
    start: datetime
    end: datetime


@dataclass(frozen=True)
class DriftCell:
    """What a window said about a column.

    Attributes:
        statistic: What was measured; None where nothing could be.
        threshold: What it was held against; None where it was not judged.
        status: Whether it could be judged.
        verdict: DRIFT, STABLE, RECORDED or UNKNOWN.
        rows: Rows of the window.
        evidence: Its numbers in words, of the prediction and the target.
        severity: low, medium or high as it was recorded; None of what did not drift, and where it is not known.
        score: The number behind the word, as it was recorded; None likewise.
    """

    statistic: float | None
    threshold: float | None
    status: str
    verdict: str
    rows: int
    evidence: str = ""
    severity: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class DriftRow:
    """A column over the last windows.

    Attributes:
        column: The column.
        kind: feature, prediction or target.
        role: contract, regime or seasonal.
        test: The statistic.
        cells: One per window of the table, oldest first; None where the window says nothing about the column.
        importance: The column's share of the champion's importance, 0 to 1; None where it is not known.
    """

    column: str
    kind: str
    role: str
    test: str
    cells: tuple[DriftCell | None, ...]
    importance: float | None = None


@dataclass(frozen=True)
class DriftTable:
    """The last windows, oldest first, and the columns, what drifted first."""

    windows: tuple[DriftWindow, ...] = ()
    rows: tuple[DriftRow, ...] = ()

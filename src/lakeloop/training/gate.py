"""The promotion gate: what a challenger has to show on the holdout, with intervals from resampled days."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.gate import Gate
from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.statuses import GateStatus
from lakeloop.training.metrics import HIGHER_IS_BETTER, FloatArray, evaluate, row_losses
from lakeloop.training.resampling import DifferenceInterval as DifferenceInterval
from lakeloop.training.resampling import resample_difference as resample_difference

MAX_SLICE_VALUES = 100
"""Values per slice column that get a row of their own, those with most rows first; the rest is one row."""

OTHER_VALUES = "(other)"
NO_VALUE = "(null)"
_NAN = float("nan")


@dataclass(frozen=True)
class HoldoutScores:
    """Outcomes and scores of the holdout rows, all of shape (n_rows,).

    Attributes:
        y: Outcomes; 0 and 1 (or booleans) for classification.
        challenger: Scores of the challenger.
        baseline: Scores of the constant model: the training rate, or the training median.
        days: Closed day of the row, datetime64[D].
        champion: Scores of the champion, NaN where it may not be compared because it may have learned from the row
            (`prediction_ts` at or before its `trained_through`); None without any.
        slices: Slice column -> its values.

    Raises:
        DistributionError: If lengths differ, a day is missing, or a champion's score is infinite.
    """

    y: NDArray[Any]
    challenger: FloatArray
    baseline: FloatArray
    days: NDArray[np.datetime64]
    champion: FloatArray | None
    slices: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        arrays = {"challenger": self.challenger, "baseline": self.baseline, "days": self.days}
        arrays |= {} if self.champion is None else {"champion": self.champion}
        arrays |= {f"slices.{column}": values for column, values in self.slices.items()}
        for name, values in arrays.items():
            if np.shape(values) != np.shape(self.y):
                raise DistributionError(name, f"shape {np.shape(values)} does not fit y of shape {np.shape(self.y)}")
        if np.isnat(np.asarray(self.days, dtype="datetime64[D]")).any():
            raise DistributionError("days", "a row has no day")
        if self.champion is not None and np.isinf(self.champion).any():
            raise DistributionError("champion", "a score is infinite")

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Rows on which the champion may be compared."""
        return np.zeros(len(self.y), dtype=bool) if self.champion is None else ~np.isnan(self.champion)


@dataclass(frozen=True)
class Check:
    """One check of the gate.

    Attributes:
        name: `absolute_<metric>`, `beats_baseline`, `no_worse_than_champion` or `too_good_<metric>`.
        status: Its result.
        value: What was judged: a metric, or a difference of mean losses; NaN when it could not be computed.
        bound: What it was held against; NaN where there is nothing to hold.
        detail: The evidence in words: counts and figures.
        lower: Lower end of the interval of a difference; NaN for a metric.
        upper: Upper end, the same.
    """

    name: str
    status: GateStatus
    value: float
    bound: float
    detail: str
    lower: float = _NAN
    upper: float = _NAN


@dataclass(frozen=True)
class SliceMetric:
    """The gate's metric on the rows with one value of a slice column.

    Attributes:
        column: The slice column.
        value: Its value as text; `(null)`, or `(other)` for the values beyond the most frequent ones.
        rows: Rows of the slice.
        challenger: Mean loss of the challenger on them.
        champion: Mean loss of the champion on the comparable ones; NaN without any.
        comparable_rows: Rows of the slice on which the champion may be compared.
        challenger_on_comparable: Mean loss of the challenger on those; what `champion` is to be compared with.
    """

    column: str
    value: str
    rows: int
    challenger: float
    champion: float
    comparable_rows: int
    challenger_on_comparable: float


@dataclass(frozen=True)
class GateReport:
    """The gate's judgement with its evidence.

    Attributes:
        checks: Every check that was made.
        metric: Metric that was compared.
        rows: Rows of the holdout.
        days: Days of the holdout with rows.
        comparable_rows: Rows on which the champion may be compared.
        comparable_days: Days with such rows.
        challenger: Metrics of the challenger on all rows.
        baseline: Metrics of the constant model on all rows.
        champion: Metrics of the champion on the comparable rows; empty without a champion.
        challenger_on_comparable: Metrics of the challenger on the comparable rows; empty without a champion.
        slices: The metric per slice.

    >>> check = Check("beats_baseline", GateStatus.INSUFFICIENT, _NAN, 0.0, "3 comparable days, 10 needed")
    >>> report = GateReport((check,), Metric.BRIER, 60, 3, 0, 0, {Metric.BRIER: 0.2}, {}, {}, {}, ())
    >>> report.passed, report.reasons
    (False, ('beats_baseline INSUFFICIENT: 3 comparable days, 10 needed',))
    >>> report.to_dict()["checks"][0]["value"], report.to_dict()["challenger"]
    (None, {'brier': 0.2})
    """

    checks: tuple[Check, ...]
    metric: Metric
    rows: int
    days: int
    comparable_rows: int
    comparable_days: int
    challenger: Mapping[Metric, float]
    baseline: Mapping[Metric, float]
    champion: Mapping[Metric, float]
    challenger_on_comparable: Mapping[Metric, float]
    slices: tuple[SliceMetric, ...]

    @property
    def passed(self) -> bool:
        """Whether there was a check and none failed or could not be judged; a warning passes."""
        blocking = (GateStatus.FAIL, GateStatus.INSUFFICIENT)
        return bool(self.checks) and not any(check.status in blocking for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What kept the challenger from passing, one sentence per check."""
        blocking = (GateStatus.FAIL, GateStatus.INSUFFICIENT)
        found = tuple(f"{c.name} {c.status}: {c.detail}" for c in self.checks if c.status in blocking)
        return found if self.checks else ("no check was made",)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON; what is NaN or infinite becomes None."""
        plain: dict[str, Any] = _as_json(asdict(self))
        return {"passed": self.passed, "reasons": list(self.reasons), **plain}


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value


def _check_absolute(gate: Gate, metrics: Mapping[Metric, float]) -> list[Check]:
    checks = []
    for metric, bounds in gate.absolute.items():
        value, name = metrics.get(metric, _NAN), f"absolute_{metric}"
        if math.isnan(value):
            checks.append(Check(name, GateStatus.INSUFFICIENT, value, _NAN, f"{metric} cannot be computed"))
            continue
        low = -math.inf if bounds.min is None else bounds.min
        high = math.inf if bounds.max is None else bounds.max
        holds = low <= value <= high
        nearest = bounds.min if bounds.max is None or value < low else bounds.max
        bound = _NAN if nearest is None else nearest
        status = GateStatus.PASS if holds else GateStatus.FAIL
        checks.append(Check(name, status, value, bound, f"{metric} {value:.4f}, allowed [{low:g}, {high:g}]"))
    return checks


def _check_too_good(gate: Gate, metrics: Mapping[Metric, float]) -> list[Check]:
    checks = []
    for metric, limit in gate.too_good.items():
        value, name = metrics.get(metric, _NAN), f"too_good_{metric}"
        if math.isnan(value):
            checks.append(Check(name, GateStatus.INSUFFICIENT, value, limit, f"{metric} cannot be computed"))
            continue
        beyond = value > limit if metric in HIGHER_IS_BETTER else value < limit
        side = "above" if metric in HIGHER_IS_BETTER else "below"
        detail = f"{metric} {value:.4f}, {'' if beyond else 'not '}{side} {limit:g}" + (
            ": look for a leak" if beyond else ""
        )
        checks.append(Check(name, GateStatus.WARN if beyond else GateStatus.PASS, value, limit, detail))
    return checks


def _judge_difference(name: str, gate: Gate, found: DifferenceInterval, other: str) -> Check:
    """Judge an interval: superiority over the baseline, non-inferiority to the champion."""
    against_champion = other == "champion"
    bound = gate.non_inferior_by if against_champion else 0.0
    if found.days < gate.min_blocks:
        detail = f"{found.days} comparable days, {gate.min_blocks} needed"
        return Check(name, GateStatus.INSUFFICIENT, found.difference, bound, detail, found.lower, found.upper)
    holds = found.upper < bound and (found.difference <= 0 or not against_champion)
    needed = f"at most 0 with upper end below {bound:g}" if against_champion else "upper end below 0"
    detail = (
        f"{gate.metric} of challenger minus {other} {found.difference:+.5f} "
        f"({gate.confidence:.0%} interval {found.lower:+.5f} to {found.upper:+.5f}; "
        f"{found.days} days, {found.rows} rows); needed: {needed}"
    )
    status = GateStatus.PASS if holds else GateStatus.FAIL
    return Check(name, status, found.difference, bound, detail, found.lower, found.upper)


def _slice_metrics(gate: Gate, holdout: HoldoutScores, ours: FloatArray, theirs: FloatArray) -> tuple[SliceMetric, ...]:
    table: list[SliceMetric] = []
    for column in gate.slices:
        if column not in holdout.slices:
            raise DistributionError(f"slices.{column}", "the gate declares this slice, the holdout lacks the column")
        values = np.asarray(holdout.slices[column], dtype=object)
        texts = np.where(pd.isna(values), NO_VALUE, values.astype(str)).astype(str)
        names, code_of_row, counts = np.unique(texts, return_inverse=True, return_counts=True)
        order = np.lexsort((names, -counts))
        kept = [(str(names[code]), code_of_row == code) for code in order[:MAX_SLICE_VALUES]]
        if len(order) > MAX_SLICE_VALUES:
            kept.append((OTHER_VALUES, np.isin(code_of_row, order[MAX_SLICE_VALUES:])))
        for value, rows in kept:
            both = rows & holdout.comparable
            has_both = bool(both.any())
            table.append(
                SliceMetric(
                    column=column,
                    value=value,
                    rows=int(rows.sum()),
                    challenger=float(ours[rows].mean()),
                    champion=float(theirs[both].mean()) if has_both else _NAN,
                    comparable_rows=int(both.sum()),
                    challenger_on_comparable=float(ours[both].mean()) if has_both else _NAN,
                )
            )
    return tuple(table)


def judge(gate: Gate, task: Task, holdout: HoldoutScores, has_champion: bool, *, seed: int = 0) -> GateReport:
    """Judge a challenger on the holdout.

    Args:
        gate: What it has to show.
        task: Kind of label.
        holdout: Outcomes and scores.
        has_champion: Whether there is a serving version; without one there is nothing to compare with, but with one
            whose rows cannot be compared the comparison is INSUFFICIENT.
        seed: Of the resampled days.

    Returns:
        The checks, in the order absolute, baseline, champion, too good, with metrics and slices.

    Raises:
        DistributionError: If an outcome or score is missing or out of its range, the metric is no mean of losses per
            row, or a declared slice is absent.

    >>> days = np.repeat(np.arange("2013-01-01", "2013-01-15", dtype="datetime64[D]"), 2)
    >>> outcomes = np.tile([0.0, 1.0], 14)
    >>> scores = HoldoutScores(outcomes, 0.25 + 0.5 * outcomes, np.full(28, 0.5), days, None, {})
    >>> report = judge(Gate(metric=Metric.BRIER, non_inferior_by=0.01), Task.CLASSIFICATION, scores, has_champion=False)
    >>> [(check.name, str(check.status), check.value) for check in report.checks]
    [('beats_baseline', 'PASS', -0.1875), ('no_worse_than_champion', 'NOT_APPLICABLE', nan)]
    """
    days = np.asarray(holdout.days, dtype="datetime64[D]")
    both = holdout.comparable
    challenger, baseline = (evaluate(task, holdout.y, score) for score in (holdout.challenger, holdout.baseline))
    ours = row_losses(gate.metric, holdout.y, holdout.challenger)
    constant = row_losses(gate.metric, holdout.y, holdout.baseline)
    theirs = np.full(len(ours), _NAN)
    champion: dict[Metric, float] = {}
    challenger_on_comparable: dict[Metric, float] = {}
    if holdout.champion is not None:
        theirs[both] = row_losses(gate.metric, holdout.y[both], holdout.champion[both])
        champion = evaluate(task, holdout.y[both], holdout.champion[both])
        challenger_on_comparable = evaluate(task, holdout.y[both], holdout.challenger[both])

    def difference_to(losses: FloatArray, rows: NDArray[np.bool_]) -> DifferenceInterval:
        return resample_difference(
            ours[rows], losses[rows], days[rows], confidence=gate.confidence, resamples=gate.resamples, seed=seed
        )

    checks = _check_absolute(gate, challenger)
    if "baseline" in gate.against:
        found = difference_to(constant, np.ones(len(ours), dtype=bool))
        checks.append(_judge_difference("beats_baseline", gate, found, "baseline"))
    if "champion" in gate.against and has_champion:
        checks.append(_judge_difference("no_worse_than_champion", gate, difference_to(theirs, both), "champion"))
    elif "champion" in gate.against:
        detail = "there is no champion"
        checks.append(Check("no_worse_than_champion", GateStatus.NOT_APPLICABLE, _NAN, gate.non_inferior_by, detail))
    checks += _check_too_good(gate, challenger)
    return GateReport(
        checks=tuple(checks),
        metric=gate.metric,
        rows=len(ours),
        days=len(np.unique(days)),
        comparable_rows=int(both.sum()),
        comparable_days=len(np.unique(days[both])),
        challenger=challenger,
        baseline=baseline,
        champion=champion,
        challenger_on_comparable=challenger_on_comparable,
        slices=_slice_metrics(gate, holdout, ours, theirs),
    )

"""Metrics with intervals from resampled days: a day is the unit that is independent enough, a row is not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.intervals import student_interval
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.classes import top_label
from lakeloop.training.drawn_metrics import DRAWN, BlockedRows, Weights, draw_mean, draw_of_classes
from lakeloop.training.metrics import FloatArray, evaluate

RESAMPLES = 300
"""Draws of days: the spread of so many is known to about 4%."""

LEAST_SHARE = 0.95
"""Share of the draws in which a metric must be defined; below it there is no interval."""

_LEAST: dict[Metric, float] = {Metric.R2: -math.inf}
_MOST: dict[Metric, float] = dict.fromkeys(
    (
        *(Metric.BRIER, Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.CALIBRATION_ERROR),
        *(Metric.ACCURACY, Metric.F1_MACRO, Metric.R2),
    ),
    1.0,
)


@dataclass(frozen=True)
class MetricInterval:
    """A metric on a set of rows, with its interval from resampled days.

    Attributes:
        metric: The metric.
        status: OK; NO_ROWS or ONE_OUTCOME when there is no value; TOO_FEW_BLOCKS or ONE_OUTCOME when there is a value
            without an interval.
        value: The metric on all rows; None when it cannot be computed.
        lower: Lower end of the two-sided interval; None when there is none.
        upper: Upper end, the same.
        rows: Rows it was computed on.
        days: Days with rows.
        resamples: Draws of days on which the metric was defined.

    >>> MetricInterval(Metric.ROC_AUC, EvidenceStatus.ONE_OUTCOME, None, None, None, 3, 1, 0).to_dict()["value"] is None
    True
    """

    metric: Metric
    status: EvidenceStatus
    value: float | None
    lower: float | None
    upper: float | None
    rows: int
    days: int
    resamples: int

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON."""
        return {
            "metric": self.metric.value,
            "status": self.status.value,
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "rows": self.rows,
            "days": self.days,
            "resamples": self.resamples,
        }


def measure_intervals(
    task: Task,
    y: ArrayLike,
    score: ArrayLike,
    days: ArrayLike,
    *,
    confidence: float,
    min_blocks: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[MetricInterval, ...]:
    """Compute every metric of a task with its interval.

    Whole days are drawn with replacement, as many as there are, and the metric of the drawn rows is computed exactly.
    The interval is the value plus and minus Student's quantile (days - 1 degrees) times the spread of the draws, raised
    by sqrt(n / (n - 1)) because a resample of n days spreads too little; it is cut to the range of the metric.
    Percentiles of the draws are not used: those of the calibration error lie above its value, because every draw adds
    noise to each bin.

    Args:
        task: Kind of label.
        y: Outcomes, shape (n_rows,); 0 or 1 (or booleans) for classification, places of classes for multiclass.
        score: Probabilities of 1, or predictions, shape (n_rows,); for multiclass shape (n_rows, n_classes).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        confidence: Of the two-sided interval, in (0, 1).
        min_blocks: Days below which no interval is given, at least 2.
        resamples: Number of draws.
        seed: Seed of the draws.

    Returns:
        One per metric, in the order of `evaluate`.

    Raises:
        DistributionError: If shapes differ, a day is missing, a value is missing or out of its range, `confidence` is
            not in (0, 1) or `min_blocks` is below 2.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 12, with days for observations.

    >>> days = np.repeat(np.arange("2013-01-01", "2013-01-09", dtype="datetime64[D]"), 2)
    >>> found = measure_intervals(Task.REGRESSION, np.zeros(16), np.tile([1.0, 3.0], 8), days,
    ...                           confidence=0.95, min_blocks=3)
    >>> [(each.metric.value, each.value, each.lower, each.status.value) for each in found][0]
    ('mean_absolute_error', 2.0, 2.0, 'OK')
    >>> [(each.value, each.status.value) for each in found if each.metric == "r2"]  # the outcomes do not vary
    [(None, 'ONE_OUTCOME')]
    """
    if not 0 < confidence < 1:
        raise DistributionError("confidence", f"got {confidence}, allowed is (0, 1)")
    if min_blocks < 2:
        raise DistributionError("min_blocks", f"got {min_blocks}, an interval needs 2")
    values = evaluate(task, y, score)
    rows = BlockedRows.of(*top_label(y, np.asarray(score, dtype=np.float64)), days)
    blocks = rows.blocks
    draws = draw_blocks(blocks, resamples, seed) if blocks >= min_blocks else np.zeros((0, blocks), dtype=np.int64)
    found = []
    for metric, value in values.items():
        drawn = np.empty(0)
        if len(draws) and not math.isnan(value):
            several = task is Task.MULTICLASS
            drawn = draw_of_classes(metric, y, score, days, draws) if several else DRAWN[metric](rows, draws)
        found.append(_interval(metric, value, drawn[np.isfinite(drawn)], rows, confidence, min_blocks, resamples))
    return tuple(found)


def mean_interval(
    metric: Metric,
    losses: FloatArray,
    days: ArrayLike,
    *,
    confidence: float,
    min_blocks: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricInterval:
    """Give the mean of losses per row with its interval, as `measure_intervals` does.

    Args:
        metric: What the losses are of.
        losses: Losses, shape (n_rows,).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        confidence: Of the two-sided interval, in (0, 1).
        min_blocks: Days below which no interval is given, at least 2.
        resamples: Number of draws.
        seed: Seed of the draws.

    Returns:
        The mean with its interval.

    >>> days = np.arange("2013-01-01", "2013-01-05", dtype="datetime64[D]")
    >>> mean_interval(Metric.BRIER, np.full(4, 0.25), days, confidence=0.95, min_blocks=5).status.value
    'TOO_FEW_BLOCKS'
    """
    rows = BlockedRows.of(losses, losses, days)
    value = float(losses.mean()) if losses.size else math.nan
    drawn = np.empty(0)
    if rows.blocks >= min_blocks:
        drawn = draw_mean(rows, rows.y, draw_blocks(rows.blocks, resamples, seed))  # the losses, as the rows are sorted
    return _interval(metric, value, drawn, rows, confidence, min_blocks, resamples)


def draw_blocks(blocks: int, resamples: int, seed: int) -> Weights:
    """Draw blocks with replacement, as many as there are, again and again.

    Args:
        blocks: Number of blocks, at least 1.
        resamples: Number of draws.
        seed: Seed.

    Returns:
        How often each block was drawn, shape (n_resamples, n_blocks); each row sums to the number of blocks.

    >>> draw_blocks(3, 4, seed=0).sum(axis=1).tolist()
    [3, 3, 3, 3]
    """
    drawn: Weights = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
    return drawn


def _interval(
    metric: Metric,
    value: float,
    drawn: FloatArray,
    rows: BlockedRows,
    confidence: float,
    min_blocks: int,
    resamples: int,
) -> MetricInterval:
    size, blocks = rows.y.size, rows.blocks
    if math.isnan(value):
        status = EvidenceStatus.ONE_OUTCOME if size else EvidenceStatus.NO_ROWS
        return MetricInterval(metric, status, None, None, None, size, blocks, 0)
    if blocks < min_blocks:
        return MetricInterval(metric, EvidenceStatus.TOO_FEW_BLOCKS, value, None, None, size, blocks, 0)
    if len(drawn) < LEAST_SHARE * resamples:
        return MetricInterval(metric, EvidenceStatus.ONE_OUTCOME, value, None, None, size, blocks, len(drawn))
    lower, upper = student_interval(value, drawn, blocks, confidence)
    lower, upper = max(lower, _LEAST.get(metric, 0.0)), min(upper, _MOST.get(metric, math.inf))
    return MetricInterval(metric, EvidenceStatus.OK, value, lower, upper, size, blocks, len(drawn))

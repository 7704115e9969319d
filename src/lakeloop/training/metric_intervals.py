"""Metrics with intervals from resampled days: a day is the unit that is independent enough, a row is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lakeloop.config.metric import COMPARED, Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.intervals import student_interval
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.metrics import CALIBRATION_BINS, FloatArray, evaluate, row_losses

RESAMPLES = 300
"""Draws of days: the spread of so many is known to about 4%."""

LEAST_SHARE = 0.95
"""Share of the draws in which a metric must be defined; below it there is no interval."""

_LEAST: dict[Metric, float] = {Metric.R2: -math.inf}
_MOST: dict[Metric, float] = dict.fromkeys(
    (Metric.BRIER, Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.CALIBRATION_ERROR, Metric.R2), 1.0
)

Weights = NDArray[np.int64]
"""How often each block was drawn, shape (n_resamples, n_blocks)."""


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
        task: Classification or regression.
        y: Outcomes, shape (n_rows,); 0 or 1 (or booleans) for classification.
        score: Probabilities of 1, or predictions, shape (n_rows,).
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
    rows = _Rows.of(y, score, days)
    blocks = rows.blocks
    draws = draw_blocks(blocks, resamples, seed) if blocks >= min_blocks else np.zeros((0, blocks), dtype=np.int64)
    found = []
    for metric, value in values.items():
        drawn = _DRAWN[metric](rows, draws) if len(draws) and not math.isnan(value) else np.empty(0)
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
    rows = _Rows.of(losses, losses, days)
    value = float(losses.mean()) if losses.size else math.nan
    drawn = np.empty(0)
    if rows.blocks >= min_blocks:
        drawn = _mean(rows, rows.y, draw_blocks(rows.blocks, resamples, seed))  # the losses, as the rows are sorted
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


@dataclass(frozen=True)
class _Rows:
    """Rows sorted by score, with what all metrics need of them.

    Attributes:
        y: Outcomes, ascending by score.
        score: Scores, ascending.
        block: Number of the day of each row.
        blocks: Days with rows.
        group_ends: Index of the last row of each distinct score.
    """

    y: FloatArray
    score: FloatArray
    block: NDArray[np.int64]
    blocks: int
    group_ends: NDArray[np.int64]

    @classmethod
    def of(cls, y: ArrayLike, score: ArrayLike, days: ArrayLike) -> _Rows:
        outcomes, scores = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
        day_of_row = np.asarray(days, dtype="datetime64[D]")
        if day_of_row.shape != outcomes.shape:
            raise DistributionError("days", f"shape {day_of_row.shape} does not fit y of shape {outcomes.shape}")
        if np.isnat(day_of_row).any():
            raise DistributionError("days", f"{int(np.isnat(day_of_row).sum())} of {day_of_row.size} rows have no day")
        names, block = np.unique(day_of_row, return_inverse=True)
        order = np.argsort(scores, kind="stable")
        ascending = scores[order]
        ends = np.flatnonzero(np.append(np.diff(ascending) > 0, True)) if scores.size else np.empty(0, dtype=np.int64)
        return cls(outcomes[order], ascending, block[order], len(names), ends)

    @property
    def group_starts(self) -> NDArray[np.int64]:
        """Index of the first row of each distinct score."""
        return np.append(0, self.group_ends[:-1] + 1)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum values, ascending by score, per day."""
        return np.bincount(self.block, weights=values, minlength=self.blocks).astype(np.float64)


def _interval(
    metric: Metric,
    value: float,
    drawn: FloatArray,
    rows: _Rows,
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


def _mean(rows: _Rows, losses: FloatArray, draws: Weights) -> FloatArray:
    drawn: FloatArray = (draws @ rows.sums(losses)) / (draws @ rows.sums(np.ones(losses.size)))
    return drawn


def _mean_loss(metric: Metric) -> Callable[[_Rows, Weights], FloatArray]:
    return lambda rows, draws: _mean(rows, row_losses(metric, rows.y, rows.score), draws)


def _root_mean_squared_error(rows: _Rows, draws: Weights) -> FloatArray:
    return np.sqrt(_mean(rows, np.square(rows.y - rows.score), draws))


def _r2(rows: _Rows, draws: Weights) -> FloatArray:
    """1 - squares / spread; outcomes are centred first, or the spread would drown in their squares."""
    centred = rows.y - rows.y.mean()
    squares, totals = draws @ rows.sums(np.square(rows.y - rows.score)), draws @ rows.sums(centred)
    spread = draws @ rows.sums(np.square(centred)) - np.square(totals) / (draws @ rows.sums(np.ones(centred.size)))
    varies = spread > 1e-12 * max(float(np.square(centred).sum()), 1e-300)
    return 1.0 - _divided(squares, spread, varies)


def _roc_auc(rows: _Rows, draws: Weights) -> FloatArray:
    """Pairs of a positive of one day and a negative of another are counted once; a draw weighs the days' pairs."""
    positives = rows.sums(rows.y)
    negatives = rows.sums(1.0 - rows.y)
    pairs = np.zeros((rows.blocks, rows.blocks))
    for block in range(rows.blocks):
        negative = np.cumsum((rows.block == block) & (rows.y == 0))[rows.group_ends].astype(np.float64)
        below_or_half = (np.append(0.0, negative[:-1]) + negative) / 2
        won = np.repeat(below_or_half, rows.group_ends + 1 - rows.group_starts) * rows.y
        pairs[:, block] = rows.sums(won)
    weighted = np.einsum("db,bc,dc->d", draws, pairs, draws, optimize=True)
    possible = (draws @ positives) * (draws @ negatives)
    return _divided(weighted, possible, possible > 0)


def _divided(above: FloatArray, below: FloatArray, is_defined: NDArray[np.bool_]) -> FloatArray:
    found = np.full(len(above), np.nan)
    found[is_defined] = above[is_defined] / below[is_defined]
    return found


def _average_precision(rows: _Rows, draws: Weights) -> FloatArray:
    """Precision at each distinct score, from the highest down, weighed by the recall it adds."""
    ends = rows.y.size - 1 - rows.group_starts[::-1]  # in descending order a group ends where it starts in ascending
    block, outcome = rows.block[::-1], rows.y[::-1]
    drawn = np.full(len(draws), np.nan)
    for index, draw in enumerate(draws.astype(np.float64)):
        weight = draw[block]
        hits = np.cumsum(weight * outcome)[ends]
        if hits[-1] > 0:
            taken = np.cumsum(weight)[ends]
            precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
            drawn[index] = float(np.diff(hits, prepend=0.0) @ precision) / hits[-1]
    return drawn


def _calibration_error(rows: _Rows, draws: Weights) -> FloatArray:
    """Bins of equal count are cut anew in each draw, as `equal_count_bins` cuts the drawn rows."""
    drawn = np.full(len(draws), np.nan)
    for index, draw in enumerate(draws):
        weight = draw[rows.block]
        below = np.append(0, np.cumsum(weight)[rows.group_ends])
        gaps = np.add.reduceat(weight * (rows.score - rows.y), rows.group_starts)
        if below[-1]:
            kept = np.diff(below) > 0
            bin_of_group = below[:-1][kept] * CALIBRATION_BINS // below[-1]
            drawn[index] = np.abs(np.bincount(bin_of_group, weights=gaps[kept])).sum() / below[-1]
    return drawn


_DRAWN: dict[Metric, Callable[[_Rows, Weights], FloatArray]] = {
    **{metric: _mean_loss(metric) for metric in COMPARED},
    Metric.ROC_AUC: _roc_auc,
    Metric.AVERAGE_PRECISION: _average_precision,
    Metric.CALIBRATION_ERROR: _calibration_error,
    Metric.ROOT_MEAN_SQUARED_ERROR: _root_mean_squared_error,
    Metric.R2: _r2,
}

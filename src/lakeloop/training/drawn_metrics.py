"""Metrics of drawn days: what each comes to when days are drawn again, exactly and without drawing their rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lakeloop.config.metric import COMPARED, Metric
from lakeloop.errors import DistributionError
from lakeloop.training.classes import ClassCounts, ClassScores, f1_macro
from lakeloop.training.metrics import CALIBRATION_BINS, FloatArray, row_losses

Weights = NDArray[np.int64]
"""How often each block was drawn, shape (n_resamples, n_blocks)."""


@dataclass(frozen=True)
class BlockedRows:
    """Rows sorted by score, with what all metrics need of them.

    Attributes:
        y: Outcomes, ascending by score.
        score: Scores, ascending.
        block: Number of the day of each row.
        blocks: Days with rows.
        group_ends: Index of the last row of each distinct score.

    >>> days = np.array(["2013-01-02", "2013-01-01", "2013-01-01"], dtype="datetime64[D]")
    >>> rows = BlockedRows.of([1, 0, 1], [0.5, 0.25, 0.5], days)
    >>> rows.block.tolist(), rows.group_ends.tolist(), rows.sums(rows.y).tolist()
    ([0, 1, 0], [0, 2], [1.0, 1.0])
    """

    y: FloatArray
    score: FloatArray
    block: NDArray[np.int64]
    blocks: int
    group_ends: NDArray[np.int64]

    @classmethod
    def of(cls, y: ArrayLike, score: ArrayLike, days: ArrayLike) -> BlockedRows:
        """Sort rows by their scores.

        Args:
            y: Outcomes, shape (n_rows,).
            score: Scores, shape (n_rows,).
            days: Day of each row, datetime64[D], shape (n_rows,).

        Returns:
            The rows.

        Raises:
            DistributionError: If a shape differs, or a row has no day.
        """
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


def draw_mean(rows: BlockedRows, losses: FloatArray, draws: Weights) -> FloatArray:
    """Give the mean of losses in each draw.

    Args:
        rows: The rows.
        losses: Losses, ascending by score as the rows are, shape (n_rows,).
        draws: How often each day was drawn.

    Returns:
        Means, shape (n_resamples,).

    >>> rows = BlockedRows.of([0, 1], [0.25, 0.5], np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[D]"))
    >>> draw_mean(rows, np.array([1.0, 3.0]), np.array([[2, 0], [1, 1]])).tolist()
    [1.0, 2.0]
    """
    drawn: FloatArray = (draws @ rows.sums(losses)) / (draws @ rows.sums(np.ones(losses.size)))
    return drawn


def _mean_loss(metric: Metric) -> Callable[[BlockedRows, Weights], FloatArray]:
    return lambda rows, draws: draw_mean(rows, row_losses(metric, rows.y, rows.score), draws)


def _root_mean_squared_error(rows: BlockedRows, draws: Weights) -> FloatArray:
    return np.sqrt(draw_mean(rows, np.square(rows.y - rows.score), draws))


def _r2(rows: BlockedRows, draws: Weights) -> FloatArray:
    """1 - squares / spread; outcomes are centred first, or the spread would drown in their squares."""
    centred = rows.y - rows.y.mean()
    squares, totals = draws @ rows.sums(np.square(rows.y - rows.score)), draws @ rows.sums(centred)
    spread = draws @ rows.sums(np.square(centred)) - np.square(totals) / (draws @ rows.sums(np.ones(centred.size)))
    varies = spread > 1e-12 * max(float(np.square(centred).sum()), 1e-300)
    return 1.0 - _divided(squares, spread, varies)


def _roc_auc(rows: BlockedRows, draws: Weights) -> FloatArray:
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


def _average_precision(rows: BlockedRows, draws: Weights) -> FloatArray:
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


def _calibration_error(rows: BlockedRows, draws: Weights) -> FloatArray:
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


DRAWN: dict[Metric, Callable[[BlockedRows, Weights], FloatArray]] = {
    **{metric: _mean_loss(metric) for metric in COMPARED},
    Metric.ROC_AUC: _roc_auc,
    Metric.AVERAGE_PRECISION: _average_precision,
    Metric.CALIBRATION_ERROR: _calibration_error,
    Metric.ROOT_MEAN_SQUARED_ERROR: _root_mean_squared_error,
    Metric.R2: _r2,
}
"""Metric -> its values in draws of days, of all tasks but multiclass; NaN in a draw where it is not defined."""


def draw_of_classes(metric: Metric, y: ArrayLike, score: ArrayLike, days: ArrayLike, draws: Weights) -> FloatArray:
    """Compute a metric of a multiclass model in each draw.

    Args:
        metric: The metric.
        y: Places of the classes that came true, shape (n_rows,).
        score: Probabilities, shape (n_rows, n_classes).
        days: Day of each row, datetime64[D], shape (n_rows,).
        draws: How often each day was drawn.

    Returns:
        Its values, shape (n_resamples,); NaN in a draw where it is not defined.

    >>> days = np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[D]")
    >>> scores = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    >>> draw_of_classes(Metric.ACCURACY, [0, 1], scores, days, np.array([[2, 0], [1, 1]])).tolist()
    [1.0, 0.5]
    """
    outcomes, scores = np.asarray(y, dtype=np.float64), ClassScores(np.asarray(score, dtype=np.float64))
    right = scores.are_right(outcomes)
    match metric:
        case Metric.ROC_AUC:
            areas = [
                _roc_auc(BlockedRows.of(outcomes == place, of_class, days), draws)
                for place, of_class in enumerate(scores.values.T)
            ]
            return np.asarray(np.mean(areas, axis=0))
        case Metric.CALIBRATION_ERROR:
            return _calibration_error(BlockedRows.of(right, scores.confidence, days), draws)
        case Metric.F1_MACRO:
            by_day = ClassCounts.of(outcomes, scores, np.unique(np.asarray(days), return_inverse=True)[1])
            return f1_macro(*(draws @ counts for counts in (by_day.hits, by_day.predicted, by_day.actual)))
        case _:
            losses = right if metric is Metric.ACCURACY else row_losses(metric, outcomes, scores.values)
            rows = BlockedRows.of(losses, losses, days)
            return draw_mean(rows, rows.y, draws)

"""Intervals of a difference of mean losses, from resampled blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakeloop.training.metrics import FloatArray

_NAN = float("nan")


@dataclass(frozen=True)
class DifferenceInterval:
    """A difference of mean losses with its interval from resampled days.

    Attributes:
        difference: Mean loss of the first minus mean loss of the second, over all rows; NaN without rows.
        lower: Lower end of the two-sided percentile interval; NaN with fewer than two days.
        upper: Upper end, the same.
        days: Days that were resampled.
        rows: Rows that were compared.
    """

    difference: float
    lower: float
    upper: float
    days: int
    rows: int


def resample_difference(
    losses: FloatArray,
    other_losses: FloatArray,
    days: NDArray[np.datetime64],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> DifferenceInterval:
    """Estimate a difference of mean losses, with an interval that respects the dependence within days.

    Whole days are drawn with replacement, as many as there are; the difference of a draw is the sum of its rows'
    differences over the number of its rows, so both sides always stand on the same rows.

    Args:
        losses: Losses per row of the first, shape (n_rows,).
        other_losses: Losses per row of the second, same rows.
        days: Day of each row, datetime64[D], shape (n_rows,).
        confidence: Of the two-sided percentile interval, in (0, 1).
        resamples: Number of draws.
        seed: Of the draws; the same rows and seed give the same interval.

    Returns:
        The difference (first minus second: negative is better) and its interval.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 8.6 (blocks) and 13.3 (percentile).

    >>> every_day = np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[D]")
    >>> ours, theirs = np.array([0.5, 0.25]), np.array([0.75, 0.5])
    >>> resample_difference(ours, theirs, every_day, confidence=0.95, resamples=100, seed=0)
    DifferenceInterval(difference=-0.25, lower=-0.25, upper=-0.25, days=2, rows=2)
    """
    if not losses.size:
        return DifferenceInterval(_NAN, _NAN, _NAN, 0, 0)
    blocks, block_of_row = np.unique(days, return_inverse=True)
    counts = np.bincount(block_of_row).astype(np.float64)
    sums = np.bincount(block_of_row, weights=losses - other_losses)
    difference = float(sums.sum() / counts.sum())
    if len(blocks) == 1:
        return DifferenceInterval(difference, _NAN, _NAN, 1, int(losses.size))
    draws = np.random.default_rng(seed).multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=resamples)
    drawn = (draws @ sums) / (draws @ counts)
    lower, upper = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return DifferenceInterval(difference, float(lower), float(upper), len(blocks), int(losses.size))

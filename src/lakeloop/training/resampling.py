"""Intervals of a difference of mean losses from resampled blocks of days: rows of a day are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakeloop.errors import DistributionError
from lakeloop.intervals import student_interval
from lakeloop.training.metrics import FloatArray

_NAN = float("nan")


@dataclass(frozen=True)
class DifferenceInterval:
    """A difference of mean losses with its interval from resampled days.

    Attributes:
        difference: Mean loss of the first minus mean loss of the second, over all rows; NaN without rows.
        lower: Lower end of the two-sided interval; NaN with fewer than two blocks.
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
    block_days: int = 1,
) -> DifferenceInterval:
    """Estimate a difference of mean losses, with an interval that respects the dependence within blocks of days.

    Whole days are drawn with replacement, as many as there are; the difference of a draw is the sum of its rows'
    differences over their number, so both sides always stand on the same rows. Where neighbouring days are alike too,
    blocks of several days in a row are drawn: any stretch may be, the first day follows the last, and one block is
    cut so that a draw has as many days as there are. Days without rows are skipped over.

    The interval is the difference plus and minus Student's quantile with n - 1 degrees of freedom times the draws'
    standard deviation, raised by sqrt(n / (n - 1)) because draws of n blocks spread too little. Percentiles of the
    draws would be too narrow: they know neither of the two, and cannot reach beyond the blocks at hand.

    Args:
        losses: Losses per row of the first, shape (n_rows,).
        other_losses: Losses per row of the second, same rows.
        days: Day of each row, datetime64[D], shape (n_rows,).
        confidence: Of the two-sided interval, in (0, 1).
        resamples: Number of draws.
        seed: Of the draws; the same rows and seed give the same interval.
        block_days: Days in a row that are drawn together, at least 1; n is the number of days over it.

    Returns:
        The difference (first minus second: negative is better) and its interval.

    Raises:
        DistributionError: If `block_days` is below 1.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 8.6 (blocks) and 12.3 (Student's t);
    Politis and Romano, A circular block-resampling procedure for stationary data (1992); Hesterberg, What Teachers
    Should Know About the Bootstrap, The American Statistician 69 (2015), on narrowness bias.

    >>> every_day = np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[D]")
    >>> ours, theirs = np.array([0.5, 0.25]), np.array([0.75, 0.5])
    >>> resample_difference(ours, theirs, every_day, confidence=0.95, resamples=100, seed=0)
    DifferenceInterval(difference=-0.25, lower=-0.25, upper=-0.25, days=2, rows=2)
    """
    if block_days < 1:
        raise DistributionError("block_days", f"{block_days}; a block has at least one day")
    rows = int(losses.size)
    if not rows:
        return DifferenceInterval(_NAN, _NAN, _NAN, 0, 0)
    found, day_of_row = np.unique(days, return_inverse=True)
    counts = np.bincount(day_of_row).astype(np.float64)
    sums = np.bincount(day_of_row, weights=losses - other_losses)
    difference = float(sums.sum() / counts.sum())
    if len(found) < 2 * block_days:
        return DifferenceInterval(difference, _NAN, _NAN, len(found), rows)
    drawn_days = _draw_days(len(found), block_days, resamples, seed)
    drawn = (drawn_days @ sums) / (drawn_days @ counts)
    lower, upper = student_interval(difference, drawn, len(found) / block_days, confidence)
    return DifferenceInterval(difference, lower, upper, len(found), rows)


def _draw_days(days: int, block_days: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Tell how often each day is in each draw, shape (resamples, days)."""
    rng, every_day = np.random.default_rng(seed), np.full(days, 1 / days)
    whole, rest = divmod(days, block_days)
    drawn = _spread(rng.multinomial(whole, every_day, size=resamples), block_days)
    return drawn if not rest else drawn + _spread(rng.multinomial(1, every_day, size=resamples), rest)


def _spread(starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Turn how often each day begins a block into how often it is in one."""
    spread = np.zeros_like(starts)
    for later in range(length):
        spread += np.roll(starts, later, axis=1)
    return spread

"""The interval around a value from the spread of its resampled values; training and drift use the same."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from lakeloop.errors import DistributionError


def student_interval(value: float, drawn: NDArray[np.float64], blocks: float, confidence: float) -> tuple[float, float]:
    """Put an interval around a value from the spread of its resampled values.

    The value plus and minus Student's quantile (blocks - 1 degrees) times the draws' standard deviation, raised by
    sqrt(n / (n - 1)) because a resample of n blocks spreads too little. With few blocks percentiles of the draws miss
    far too often: they cannot reach beyond the blocks at hand.

    Args:
        value: The value on all blocks.
        drawn: Resampled values, at least one.
        blocks: Number of blocks that were resampled, at least 2; of two samples, the smaller number.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        Lower and upper end.

    Raises:
        DistributionError: If there are fewer than 2 blocks, or the confidence is not in (0, 1).

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 12.

    >>> lower, upper = student_interval(0.0, np.array([-1.0, 1.0]), 1000, 0.95)
    >>> round(lower, 2), round(upper, 2)
    (-1.96, 1.96)
    """
    if not blocks >= 2:
        raise DistributionError("blocks", f"got {blocks:g}, an interval needs 2")
    if not 0 < confidence < 1:
        raise DistributionError("confidence", f"got {confidence}, allowed is (0, 1)")
    quantile = float(student_t.ppf((1 + confidence) / 2, blocks - 1))
    reach = math.sqrt(blocks / (blocks - 1)) * quantile * float(drawn.std())
    return value - reach, value + reach

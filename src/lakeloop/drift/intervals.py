"""Intervals from resampled blocks: a day is the unit that is independent enough, a row is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakeloop.intervals import student_interval

RESAMPLES = 2000
MIN_BLOCKS = 3
"""Blocks below which an interval is not worth printing."""


@dataclass(frozen=True)
class Interval:
    """An interval, both ends included.

    Attributes:
        low: Lower end.
        high: Upper end.

    >>> Interval(-0.1, 0.2).excludes(0.0)
    False
    """

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Tell whether a value lies outside.

        Args:
            value: The value.

        Returns:
            True when it is below the lower or above the upper end.
        """
        return not self.low <= value <= self.high


def resample_ratios(
    numerators: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw blocks with replacement and compute the ratio of their sums, again and again.

    Args:
        numerators: Sum per block, shape [n_blocks].
        denominators: Sum per block, shape [n_blocks], positive.
        rng: Source of randomness.

    Returns:
        Ratios, shape [RESAMPLES].

    >>> resample_ratios(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.random.default_rng(0)).tolist()[:2]
    [0.5, 0.5]
    """
    n = len(numerators)
    draws = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray((draws @ numerators) / (draws @ denominators))


def spread_interval(estimate: float, resamples: npt.NDArray[np.float64], blocks: int, level: float) -> Interval:
    """Put an interval around an estimate from the spread of its resampled values.

    Args:
        estimate: The value on all blocks.
        resamples: Resampled values, at least one.
        blocks: Number of blocks that were resampled, at least 2; of two samples, the smaller number.
        level: Chance, in (0, 1), that the interval misses the truth.

    Returns:
        The interval.

    Raises:
        DistributionError: If there are fewer than 2 blocks or the level is not in (0, 1).

    Source: `lakeloop.intervals.student_interval`.

    >>> interval = spread_interval(0.0, np.array([-1.0, 1.0]), 1000, 0.05)
    >>> round(interval.low, 2), round(interval.high, 2)
    (-1.96, 1.96)
    """
    return Interval(*student_interval(estimate, resamples, blocks, 1 - level))

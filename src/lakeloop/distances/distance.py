"""What a distance is, and the check of the shares it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakeloop.errors import DistributionError

Shares = npt.NDArray[np.float64]
"""Shares of rows per bin along the last axis, nulls in a bin of their own."""

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Distance:
    """A statistic of drift: how far one binned distribution lies from another.

    Attributes:
        name: What is written in `monitor.statistic` and recorded as `test`.
        description: What it says, with its unit.
        min_effect: Value below which a difference is not worth an alarm, unless the model declares another.
        along: The distance of shares known to be sound, shapes [..., n_bins] and [..., n_bins] to [...]; the reference
            comes first.
        table_column: Column of `monitoring.drift_metrics` that is named for it, where Databricks' profiling has one.
    """

    name: str
    description: str
    min_effect: float
    along: Callable[[Shares, Shares], Shares]
    table_column: str | None = None

    def between(self, expected: Sequence[float], actual: Sequence[float]) -> float:
        """Compare two distributions.

        Args:
            expected: Reference share of rows per bin, length n_bins, summing to 1.
            actual: Current share per bin, same bins and order, nulls in a bin of their own.

        Returns:
            The distance, >= 0; 0 when the shares agree.

        Raises:
            DistributionError: If lengths differ, a share is NaN or negative, or a sum is not 1 within 1e-6.

        >>> from lakeloop.distances import DISTANCES
        >>> round(DISTANCES["total_variation"].between([0.5, 0.5, 0.0], [0.4, 0.4, 0.2]), 4)
        0.2
        """
        return float(self.along(*checked_shares(expected, actual)))


def checked_shares(expected: Sequence[float], actual: Sequence[float]) -> tuple[Shares, Shares]:
    """Check two lists of shares.

    Args:
        expected: Reference share of rows per bin, length n_bins, summing to 1.
        actual: Current share per bin, same bins and order.

    Returns:
        Both as arrays, shape [n_bins].

    Raises:
        DistributionError: If lengths differ, a share is NaN or negative, or a sum is not 1 within 1e-6.

    >>> checked_shares([0.5, 0.5], [0.4, 0.4])
    Traceback (most recent call last):
    lakeloop.errors.DistributionError: actual: the shares sum to 0.8, not to 1
    """
    reference, current = _checked("expected", expected), _checked("actual", actual)
    if len(reference) != len(current):
        raise DistributionError("actual", f"has {len(current)} bins where expected has {len(reference)}")
    return reference, current


def _checked(name: str, shares: Sequence[float]) -> Shares:
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise DistributionError(name, f"needs one share per bin, got shape {values.shape}")
    if not bool((values >= 0).all()):
        raise DistributionError(name, "a share is NaN or negative")
    if not abs(float(values.sum()) - 1) <= _SUM_TOLERANCE:
        raise DistributionError(name, f"the shares sum to {float(values.sum()):.6g}, not to 1")
    return values

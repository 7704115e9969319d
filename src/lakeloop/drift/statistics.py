"""Distances between two binned distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakeloop.errors import DistributionError

Shares = npt.NDArray[np.float64]

SHARE_FLOOR = 1e-4
"""Smallest share a bin counts with in the population stability index."""
_SUM_TOLERANCE = 1e-6


def population_stability_index(
    expected: Sequence[float], actual: Sequence[float], *, floor: float = SHARE_FLOOR
) -> float:
    """Measure how far a binned distribution has moved from its reference.

    The sum over bins of (a - e) * ln(a / e), with both shares raised to at least `floor`.

    Args:
        expected: Reference share of rows per bin, length n_bins, summing to 1.
        actual: Current share per bin, same bins and order, nulls in a bin of their own.
        floor: Smallest share used, in (0, 1); keeps empty bins finite.

    Returns:
        PSI in nats, >= 0; 0 when the shares agree.

    Raises:
        DistributionError: If lengths differ, a share is NaN or negative, or a sum is not 1 within 1e-6.

    Source: the symmetrised divergence of Kullback and Leibler, "On Information and Sufficiency", 1951;
    its use as an index is from Siddiqi, "Credit Risk Scorecards", 2006.

    >>> round(population_stability_index([0.5, 0.5], [0.7, 0.3]), 4)
    0.1695
    """
    if not 0 < floor < 1:
        raise DistributionError("floor", f"got {floor}, allowed is (0, 1)")
    reference, current = _both(expected, actual)
    return float(stability_indices(reference, current, floor=floor))


def total_variation(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Measure the share of rows that would have to change bin to turn one distribution into the other.

    Half the sum over bins of |a - e|.

    Args:
        expected: Reference share of rows per bin, length n_bins, summing to 1.
        actual: Current share per bin, same bins and order, nulls in a bin of their own.

    Returns:
        A share in [0, 1]; 0 when the shares agree.

    Raises:
        DistributionError: If lengths differ, a share is NaN or negative, or a sum is not 1 within 1e-6.

    Source: Levin, Peres and Wilmer, "Markov Chains and Mixing Times", 2009, proposition 4.2.

    >>> round(total_variation([0.5, 0.5, 0.0], [0.4, 0.4, 0.2]), 4)
    0.2
    """
    reference, current = _both(expected, actual)
    return float(total_variations(reference, current))


def stability_indices(expected: Shares, actual: Shares, *, floor: float = SHARE_FLOOR) -> Shares:
    """Compute the population stability index along the last axis, for shares already known to be sound.

    Args:
        expected: Shares, shape [..., n_bins].
        actual: Shares, shape [..., n_bins].
        floor: Smallest share used.

    Returns:
        One index per leading entry, shape [...].

    >>> stability_indices(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.7, 0.3]])).round(4).tolist()
    [0.0, 0.1695]
    """
    reference, current = np.maximum(expected, floor), np.maximum(actual, floor)
    return np.asarray(((current - reference) * np.log(current / reference)).sum(axis=-1))


def total_variations(expected: Shares, actual: Shares) -> Shares:
    """Compute the total variation along the last axis, for shares already known to be sound.

    Args:
        expected: Shares, shape [..., n_bins].
        actual: Shares, shape [..., n_bins].

    Returns:
        One share per leading entry, shape [...].

    >>> total_variations(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.7, 0.3]])).round(4).tolist()
    [0.0, 0.2]
    """
    return np.asarray(np.abs(actual - expected).sum(axis=-1) / 2)


def _both(expected: Sequence[float], actual: Sequence[float]) -> tuple[Shares, Shares]:
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

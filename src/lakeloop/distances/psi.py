"""Population stability index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lakeloop.distances.distance import Distance, Shares, checked_shares
from lakeloop.errors import DistributionError

SHARE_FLOOR = 1e-4
"""Smallest share a bin counts with."""


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
    reference, current = checked_shares(expected, actual)
    return float(stability_indices(reference, current, floor=floor))


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


DISTANCE = Distance(
    name="psi",
    description="population stability index, nats",
    min_effect=0.1,
    along=stability_indices,
    table_column="population_stability_index",
)

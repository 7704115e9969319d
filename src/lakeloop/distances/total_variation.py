"""Total variation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lakeloop.distances.distance import Distance, Shares, checked_shares


def total_variation(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Measure the share of rows that would have to change bin to turn one distribution into the other.

    Half the sum over bins of `|a - e|`.

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
    reference, current = checked_shares(expected, actual)
    return float(total_variations(reference, current))


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


DISTANCE = Distance(
    name="total_variation",
    description="total variation, share of rows",
    min_effect=0.05,
    along=total_variations,
    table_column="tv_distance",
)

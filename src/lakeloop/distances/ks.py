"""Kolmogorov and Smirnov: the greatest difference of two cumulative distributions."""

from __future__ import annotations

import numpy as np

from lakeloop.distances.count_test import Counts, CountTest, Significance, checked_counts
from lakeloop.distances.distance import Distance, Shares, shares_of_values


def ks_distances(expected: Shares, actual: Shares) -> Shares:
    """Compute the Kolmogorov-Smirnov statistic along the last axis, for shares already known to be sound.

    The greatest difference of the shares of values at or below an edge, over all edges. Nulls are left out of both
    sides, so that a change of the missing share alone is 0. Between edges nothing is known: the statistic of the values
    themselves is at least this, and greater by no more than the largest share that a side has in one bin.

    Args:
        expected: Shares, nulls in the last bin, shape [..., n_bins].
        actual: Shares, same bins, shape [..., n_bins].

    Returns:
        One share in [0, 1] per leading entry, shape [...]; NaN where a side holds no value.

    Source: Conover, "Practical Nonparametric Statistics", 1999, section 6.3.

    >>> ks_distances(np.array([0.5, 0.3, 0.2]), np.array([[0.25, 0.15, 0.6], [0.2, 0.8, 0.0]])).round(4).tolist()
    [0.0, 0.425]
    """
    ahead = np.cumsum(shares_of_values(actual) - shares_of_values(expected), axis=-1)
    return np.asarray(np.abs(ahead).max(axis=-1))


def ks_test(expected: Counts, actual: Counts) -> Significance | None:
    """Test whether two columns of numbers come from one distribution, rows taken for independent.

    Args:
        expected: Rows per bin of the reference, nulls in the last, shape [n_bins].
        actual: Rows per bin of the window, same bins.

    Returns:
        The statistic over bins with its asymptotic p-value, as `scipy.stats.ks_2samp` gives both for the numbers of the
        bins; because of ties the p-value is too great. None where a side holds no value.

    Raises:
        DistributionError: If lengths differ, or a count is negative or not whole.

    >>> found = ks_test(np.array([50, 30, 20]), np.array([20, 80, 0]))
    >>> round(found.statistic, 4), round(found.pvalue, 7)
    (0.425, 1e-07)
    """
    reference, current = (side[:-1] for side in checked_counts(expected, actual))
    n, m = int(reference.sum()), int(current.sum())
    if not n or not m:
        return None
    from scipy.stats import kstwo  # slow to import, and the configuration imports this file

    ahead = np.cumsum(current / m - reference / n)
    statistic = float(np.abs(ahead).max())
    pairs = float(n) * float(m) / float(n + m)
    return Significance(statistic, float(np.clip(kstwo.sf(statistic, max(1, round(pairs))), 0.0, 1.0)))


DISTANCE = Distance(
    name="ks",
    description="Kolmogorov-Smirnov statistic over bins, share of values",
    min_effect=0.05,
    along=ks_distances,
    kinds=("number",),
    nulls_apart=True,
)

TEST = CountTest(
    name="ks",
    description="Kolmogorov-Smirnov over bins; the p-value takes rows for independent, and is recorded only",
    table_column="ks_test",
    of=ks_test,
    kinds=("number",),
)

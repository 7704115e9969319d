"""Jensen-Shannon distance."""

from __future__ import annotations

import numpy as np

from lakeloop.distances.distance import Distance, Shares


def jensen_shannon_distances(expected: Shares, actual: Shares) -> Shares:
    """Compute the Jensen-Shannon distance along the last axis, for shares already known to be sound.

    The square root of the mean of two divergences in bits, from each side to the middle m = (e + a) / 2:
    sqrt((sum of e log2(e / m) + sum of a log2(a / m)) / 2). An empty bin adds nothing and needs no floor.

    Args:
        expected: Shares, shape [..., n_bins].
        actual: Shares, shape [..., n_bins].

    Returns:
        One distance in [0, 1] per leading entry, shape [...]; 1 when no bin holds rows of both.

    Source: Endres and Schindelin, "A New Metric for Probability Distributions", 2003; the value is that of
    `scipy.spatial.distance.jensenshannon` with base 2.

    >>> jensen_shannon_distances(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.0, 1.0]])).round(4).tolist()
    [0.0, 0.5579]
    """
    reference, current = np.broadcast_arrays(expected, actual)
    middle = (reference + current) / 2
    return np.asarray(np.sqrt(np.maximum(0.0, (_bits(reference, middle) + _bits(current, middle)) / 2)))


def _bits(shares: Shares, middle: Shares) -> Shares:
    ratio = np.divide(shares, middle, out=np.ones(shares.shape), where=shares > 0)
    return np.asarray((shares * np.log2(ratio)).sum(axis=-1))


DISTANCE = Distance(
    name="jensen_shannon",
    description="Jensen-Shannon distance, base 2, 0 to 1",
    min_effect=0.1,
    along=jensen_shannon_distances,
    table_column="js_distance",
)

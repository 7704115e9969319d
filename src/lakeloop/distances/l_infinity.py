"""L-infinity distance: the bin that changed most."""

from __future__ import annotations

import numpy as np

from lakeloop.distances.distance import Distance, Shares


def l_infinity_distances(expected: Shares, actual: Shares) -> Shares:
    """Compute the greatest difference of a bin's shares along the last axis, for shares already known to be sound.

    The greatest `|a - e|` of any bin. It lies between twice the total variation over the number of bins, and the total
    variation.

    Args:
        expected: Shares, shape [..., n_bins].
        actual: Shares, shape [..., n_bins].

    Returns:
        One share in [0, 1] per leading entry, shape [...].

    Source: Chebyshev's distance; for categories in production data Breck et al., "Data Validation for Machine
    Learning", 2019, section 4.

    >>> l_infinity_distances(np.array([0.5, 0.3, 0.2]), np.array([[0.5, 0.3, 0.2], [0.1, 0.5, 0.4]])).tolist()
    [0.0, 0.4]
    """
    return np.asarray(np.abs(actual - expected).max(axis=-1))


DISTANCE = Distance(
    name="l_infinity",
    description="greatest difference of a bin's share, share of rows",
    min_effect=0.05,
    along=l_infinity_distances,
    table_column="l_infinity_distance",
)

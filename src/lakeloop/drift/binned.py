"""Counts and sums per bin as what distances compare: shares, and the means of the bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakeloop.distances.distance import Binned
from lakeloop.drift.bins import ColumnBins


def bin_numbers(
    bins: ColumnBins, rows: npt.NDArray[np.int64], totals: npt.NDArray[np.float64], unit: float | None = None
) -> Binned:
    """Give the shares and means of a number's bins.

    A mean is held to the range of its bin, because an infinite value counts as a row and adds nothing to the sum. A bin
    without rows stands at its nearest edge, where it weighs nothing.

    Args:
        bins: The column's bins.
        rows: Rows per bin, shape [..., n_bins], at least one row in each entry.
        totals: Sums of the finite values per bin, same shape; NULL adds 0.
        unit: Standard deviation of the column's values in the reference.

    Returns:
        What distances compare.

    >>> bins = ColumnBins("delay", "number", edges=(0.0, 10.0))
    >>> binned = bin_numbers(bins, np.array([0, 2, 2, 4]), np.array([0.0, 10.0, 60.0, 0.0]), unit=7.5)
    >>> binned.shares.tolist(), binned.means.tolist(), binned.unit
    ([0.0, 0.25, 0.25, 0.5], [0.0, 5.0, 30.0], 7.5)
    """
    edges = np.asarray(bins.edges, dtype=np.float64)
    low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
    means = totals[..., :-1] / np.maximum(rows[..., :-1], 1)
    return Binned(rows / rows.sum(axis=-1, keepdims=True), np.clip(means, low, high), unit)

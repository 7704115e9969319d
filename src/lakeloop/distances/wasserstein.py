"""Wasserstein distance: how far values moved, in standard deviations of the reference."""

from __future__ import annotations

import numpy as np

from lakeloop.distances.distance import Binned, Distance, Shares, shares_of_values
from lakeloop.errors import DistributionError


def wasserstein_distances(expected: Binned, actual: Binned) -> Shares:
    """Compute the normalised Wasserstein distance of two binned numbers, for shares and means that are sound.

    The area between two cumulative distributions (the mean way that a value has to go), over the standard deviation of
    the reference. The rows of a bin stand at the mean of their values: those of the reference at the reference's mean,
    those of the window at the window's. So values that move on inside an open end bin move its mean, and are seen. Lost
    is how values lie around the mean of their bin: a wider spread inside a bin is 0, and where values cross an edge the
    result may be too great or too small, by no more than the mean absolute differences of the values from the means of
    their bins, of both sides added. Nulls are left out of both sides.

    Args:
        expected: The reference, shares [..., n_bins] and means [..., n_bins - 1], with the unit.
        actual: What is compared with it, over the same bins.

    Returns:
        One distance in standard deviations, >= 0, per leading entry, shape [...]; NaN where a side holds no value.

    Raises:
        DistributionError: If means or the unit are not known.

    Source: Villani, "Topics in Optimal Transportation", 2003, section 2.2; the value is that of
    `scipy.stats.wasserstein_distance` for the means with the shares as weights, over the unit.

    >>> reference = Binned(np.array([0.5, 0.5, 0.0]), means=np.array([10.0, 20.0]), unit=5.0)
    >>> week = Binned(np.array([0.5, 0.5, 0.0]), means=np.array([10.0, 40.0]))  # beyond the last edge
    >>> float(wasserstein_distances(reference, week))
    2.0
    """
    if expected.means is None or actual.means is None or not expected.unit:
        raise DistributionError("wasserstein", "needs the means of the bins and the reference's standard deviation")
    rows, taken = shares_of_values(expected.shares), -shares_of_values(actual.shares)
    rows, taken, places, targets = np.broadcast_arrays(rows, taken, expected.means, actual.means)
    position, mass = np.concatenate([places, targets], axis=-1), np.concatenate([rows, taken], axis=-1)
    order = np.argsort(position, axis=-1, kind="stable")
    position, mass = np.take_along_axis(position, order, axis=-1), np.take_along_axis(mass, order, axis=-1)
    ahead = np.cumsum(mass, axis=-1)[..., :-1]
    return np.asarray((np.abs(ahead) * np.diff(position, axis=-1)).sum(axis=-1) / expected.unit)


DISTANCE = Distance(
    name="wasserstein",
    description="Wasserstein distance, standard deviations of the reference",
    min_effect=0.1,
    table_column="wasserstein_distance",
    kinds=("number",),
    nulls_apart=True,
    along_values=wasserstein_distances,
)

"""What a test of counts is: a statistic with a p-value, recorded beside the distances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lakeloop.distances.distance import KINDS, Kind
from lakeloop.errors import DistributionError

Counts = npt.NDArray[np.int64]
"""Rows per bin, nulls in the last, shape [n_bins]."""


class Significance(NamedTuple):
    """What a test of counts gave.

    Attributes:
        statistic: Its statistic.
        pvalue: Chance of a statistic at least as great, if both sides were independent rows of one distribution.
    """

    statistic: float
    pvalue: float


@dataclass(frozen=True)
class CountTest:
    """A test of two counted columns. It is recorded and judges nothing.

    Its p-value takes rows for independent draws. Rows of one day are not, and consecutive days are not either: on large
    windows it is near 0 for differences that the reference shows between its own weeks.

    Attributes:
        name: What it is called.
        description: What it says.
        table_column: Column of `monitoring.drift_metrics`, named as in Databricks' profiling.
        of: The test of counts known to be sound, the reference first; None where a side has nothing to be tested.
        kinds: Kinds of columns it can be told of.
    """

    name: str
    description: str
    table_column: str
    of: Callable[[Counts, Counts], Significance | None]
    kinds: tuple[Kind, ...] = KINDS


def checked_counts(expected: Counts, actual: Counts) -> tuple[Counts, Counts]:
    """Check two lists of counts.

    Args:
        expected: Rows per bin of the reference, shape [n_bins].
        actual: Rows per bin of the window, same bins.

    Returns:
        Both as arrays of whole numbers.

    Raises:
        DistributionError: If lengths differ, or a count is negative or not whole.

    >>> checked_counts(np.array([1, 2]), np.array([1, -2]))
    Traceback (most recent call last):
    lakeloop.errors.DistributionError: actual: needs rows per bin, whole numbers from 0 on
    """
    sides = []
    for name, counts in (("expected", np.asarray(expected)), ("actual", np.asarray(actual))):
        if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
            raise DistributionError(name, "needs rows per bin, whole numbers from 0 on")
        sides.append(counts.astype(np.int64))
    if len(sides[0]) != len(sides[1]):
        raise DistributionError("actual", f"has {len(sides[1])} bins where expected has {len(sides[0])}")
    return sides[0], sides[1]

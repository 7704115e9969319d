"""What a distance is, what it compares, and the check of the shares it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lakeloop.errors import DistributionError

Shares = npt.NDArray[np.float64]
"""Shares of rows per bin along the last axis, nulls in a bin of their own."""

Kind = Literal["number", "category"]
"""How a column is binned."""

KINDS: tuple[Kind, ...] = ("number", "category")

_SUM_TOLERANCE = 1e-6
_ONE_FUNCTION = "a distance is told by one of `along` and `along_values`"


@dataclass(frozen=True, eq=False)
class Binned:
    """A column over its frozen bins: of one stretch of days, or of many along leading axes.

    Attributes:
        shares: Shares of rows per bin, nulls in the last, shape [..., n_bins].
        means: Mean of the values of each bin but the last, shape [..., n_bins - 1], in the column's unit; any finite
            number where the bin holds no row. None of categories, and where it was not recorded.
        unit: Standard deviation of the column's values in the reference, in the column's unit; None where it is 0 or
            was not recorded.

    >>> Binned(np.array([0.5, 0.5, 0.0])).means is None
    True
    """

    shares: Shares
    means: Shares | None = None
    unit: float | None = None


@dataclass(frozen=True)
class Distance:
    """A statistic of drift: how far one binned distribution lies from another.

    It is told by one of two functions: `along`, where shares are enough, or `along_values`, where it counts how far
    values lie apart.

    Attributes:
        name: What is written in `monitor.statistic` and recorded as `test`.
        description: What it says, with its unit.
        min_effect: Value below which a difference is not worth an alarm, unless the model declares another.
        along: The distance of shares known to be sound, shapes [..., n_bins] and [..., n_bins] to [...]; the reference
            comes first.
        table_column: Column of `monitoring.drift_metrics` that is named for it, where Databricks' profiling has one.
        kinds: Kinds of columns it can be told of. One of numbers alone reads an order into the bins.
        nulls_apart: Whether it compares values alone, so that rows without one are left out of both sides.
        along_values: The distance of two binned columns, to [...]; the reference comes first. It refuses those whose
            means or unit are not known.

    Raises:
        DistributionError: If not exactly one of `along` and `along_values` is given.
    """

    name: str
    description: str
    min_effect: float
    along: Callable[[Shares, Shares], Shares] | None = None
    table_column: str | None = None
    kinds: tuple[Kind, ...] = KINDS
    nulls_apart: bool = False
    along_values: Callable[[Binned, Binned], Shares] | None = None

    def __post_init__(self) -> None:
        if (self.along is None) is (self.along_values is None):
            raise DistributionError(self.name, _ONE_FUNCTION)

    @property
    def needs_values(self) -> bool:
        """Whether shares are not enough: it needs the means of the bins, and the unit."""
        return self.along_values is not None

    def compare(self, reference: Binned, window: Binned) -> Shares:
        """Compare binned columns that are known to be sound.

        Args:
            reference: The reference, or many.
            window: What is compared with it, or many, over the same bins.

        Returns:
            The distance, >= 0, shape [...]; NaN where `nulls_apart` and a side holds no value.

        Raises:
            DistributionError: If it needs means or a unit that are not known.

        >>> from lakeloop.distances import DISTANCES
        >>> week = Binned(np.array([0.4, 0.4, 0.2]))
        >>> float(DISTANCES["total_variation"].compare(Binned(np.array([0.5, 0.5, 0.0])), week).round(4))
        0.2
        """
        if self.along is not None:
            return self.along(reference.shares, window.shares)
        if self.along_values is not None:
            return self.along_values(reference, window)
        raise DistributionError(self.name, _ONE_FUNCTION)

    def between(self, expected: Sequence[float], actual: Sequence[float]) -> float:
        """Compare two distributions by their shares.

        Args:
            expected: Reference share of rows per bin, length n_bins, summing to 1.
            actual: Current share per bin, same bins and order, nulls in a bin of their own.

        Returns:
            The distance, >= 0; 0 when the shares agree.

        Raises:
            DistributionError: If lengths differ, a share is NaN or negative, or a sum is not 1 within 1e-6; if values
                are compared and a side has none; if shares are not enough.

        >>> from lakeloop.distances import DISTANCES
        >>> round(DISTANCES["total_variation"].between([0.5, 0.5, 0.0], [0.4, 0.4, 0.2]), 4)
        0.2
        """
        sides = dict(zip(("expected", "actual"), checked_shares(expected, actual), strict=True))
        for name, shares in sides.items():
            if self.nulls_apart and not shares[:-1].sum() > 0:
                raise DistributionError(name, "no row has a value")
        return float(self.compare(*(Binned(shares) for shares in sides.values())))


def shares_of_values(shares: Shares) -> Shares:
    """Leave the nulls out.

    Args:
        shares: Shares of rows per bin, nulls in the last, shape [..., n_bins].

    Returns:
        Shares of the rows with a value, shape [..., n_bins - 1]; NaN where no row has one.

    >>> shares_of_values(np.array([[0.3, 0.1, 0.6], [0.0, 0.0, 1.0]])).tolist()
    [[0.7499999999999999, 0.25], [nan, nan]]
    """
    values = shares[..., :-1]
    with np.errstate(invalid="ignore"):
        return np.asarray(values / values.sum(axis=-1, keepdims=True))


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

"""Fitted steps for numbers: outliers, bins, logarithm, scale. Missing stays missing, and a row is treated alone."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

CLIP_QUANTILES = (0.005, 0.995)
"""Quantiles of the training rows to which values are pulled in."""

BINS = 10
"""Bins that are made, as far as the values are distinct."""

IQR_FACTOR = 1.5
"""Share of the distance of the quartiles by which they are widened."""


def _numbers(step: BaseEstimator, X: Any, *, reset: bool) -> NDArray[np.float64]:  # noqa: N803
    checked: NDArray[np.float64] = validate_data(
        step, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", copy=True
    )
    return checked


class QuantileClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Pull values beyond two quantiles of the training rows in to those quantiles; missing stays missing.

    Args:
        lower: Lower quantile, in [0, 1].
        upper: Upper quantile, in [0, 1].

    Attributes:
        lower_: Lower bound per column, shape (n_columns,); NaN for a column without values, which is left as it is.
        upper_: Upper bound per column, the same.

    >>> QuantileClipper(0.25, 0.75).fit_transform([[0.0], [1.0], [2.0], [3.0], [float("nan")]]).ravel()
    array([0.75, 1.  , 2.  , 2.25,  nan])
    """

    def __init__(self, lower: float = CLIP_QUANTILES[0], upper: float = CLIP_QUANTILES[1]) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn the bounds from rows of shape (n_rows, n_columns)."""
        bounds = np.full((2, np.shape(X)[1]), np.nan)
        for index, column in enumerate(_numbers(self, X, reset=True).T):
            present = column[~np.isnan(column)]
            if present.size:
                bounds[:, index] = self._bounds(present)
        self.lower_, self.upper_ = bounds
        return self

    def _bounds(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.quantile(present, [self.lower, self.upper])
        return found

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Clip rows of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        values = _numbers(self, X, reset=False)
        return np.where(np.isnan(values), np.nan, np.fmax(np.fmin(values, self.upper_), self.lower_))


class IqrClipper(QuantileClipper):
    """Pull values in that lie further from the quartiles of the training rows than some times their distance.

    A column whose quartiles are equal is left as it is: every other value of it would be lost.

    Args:
        factor: Of the distance of the quartiles, above 0.

    >>> IqrClipper(1.5).fit_transform([[0.0], [1.0], [2.0], [3.0], [100.0]]).ravel()
    array([0., 1., 2., 3., 6.])
    """

    def __init__(self, factor: float = IQR_FACTOR) -> None:
        super().__init__(0.25, 0.75)
        self.factor = factor

    def _bounds(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        quartiles = super()._bounds(present)
        distance = quartiles[1] - quartiles[0]
        return quartiles + np.array([-1.0, 1.0]) * self.factor * distance if distance > 0 else np.full(2, np.nan)


class QuantileBinner(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Replace a number by the rank of its bin; bins hold about equally many training rows. Missing stays missing.

    A value on an edge belongs to the bin above it; values outside the training range to the outermost bins.

    Args:
        bins: Most bins, at least 2; equal quantiles make fewer.

    Attributes:
        edges_: Inner edges per column, ascending; none for a column without values, whose bin is 0.

    >>> QuantileBinner(2).fit_transform([[1.0], [2.0], [3.0], [4.0], [float("nan")]]).ravel()
    array([ 0.,  0.,  1.,  1., nan])
    """

    def __init__(self, bins: int = BINS) -> None:
        self.bins = bins

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn the edges from rows of shape (n_rows, n_columns)."""
        self.edges_: list[NDArray[np.float64]] = []
        for column in _numbers(self, X, reset=True).T:
            present = column[~np.isnan(column)]
            self.edges_.append(np.unique(self._inner_edges(present)) if present.size else np.empty(0))
        return self

    def _inner_edges(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.quantile(present, np.linspace(0, 1, self.bins + 1)[1:-1])
        return found

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Bin rows of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        values = _numbers(self, X, reset=False)
        ranks = [
            np.searchsorted(edges, column, side="right") for edges, column in zip(self.edges_, values.T, strict=True)
        ]
        return np.where(np.isnan(values), np.nan, np.column_stack(ranks).astype(np.float64))


class UniformBinner(QuantileBinner):
    """Replace a number by the rank of its bin; bins are equally wide over the training range. Missing stays missing.

    A value on an edge belongs to the bin above it; values outside the training range to the outermost bins.

    Args:
        bins: Bins, at least 2; a column with one value has an edge at that value.

    >>> UniformBinner(4).fit_transform([[0.0], [1.0], [5.0], [8.0], [float("nan")]]).ravel()
    array([ 0.,  0.,  2.,  3., nan])
    """

    def _inner_edges(self, present: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.linspace(present.min(), present.max(), self.bins + 1)[1:-1]
        return found


class SignedLog(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Replace x by `sign(x) * ln(1 + |x|)`: long tails on both sides shrink, zero and the order stay, missing too.

    >>> SignedLog().fit_transform([[0.0], [1.0], [-1.0], [float("nan")]]).ravel().round(4)
    array([ 0.    ,  0.6931, -0.6931,     nan])
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Note the columns' names; nothing else is learned."""
        _numbers(self, X, reset=True)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Shrink rows of shape (n_rows, n_columns)."""
        values = _numbers(self, X, reset=False)
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)


class NullSafeScaler(StandardScaler):  # type: ignore[misc]  # scikit-learn is untyped
    """Scale to mean 0 and variance 1; a column without values stays missing, and does so without a warning.

    >>> NullSafeScaler().fit_transform([[1.0, float("nan")], [3.0, float("nan")]])
    array([[-1., nan],
           [ 1., nan]])
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803 - scikit-learn's interface
        """Learn mean and variance from rows of shape (n_rows, n_columns)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            super().fit(X, y, sample_weight)
        return self

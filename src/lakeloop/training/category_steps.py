"""Fitted steps for categories: columns of 0 and 1, or numbers; what is rare or unseen has a place of its own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted, validate_data

from lakeloop.errors import DataContractError, Failure

MAX_CATEGORIES = 1000
"""Categories of one column, beyond which it is taken for an identifier."""


def _names(X: Any) -> list[str]:  # noqa: N803 - scikit-learn's interface
    return [str(name) for name in getattr(X, "columns", range(np.shape(X)[1]))]


def refuse_many(X: Any, most: int) -> None:  # noqa: N803 - scikit-learn's interface
    """Refuse columns with too many categories.

    Args:
        X: Training rows, shape (n_rows, n_columns).
        most: Most categories of a column, missing not counted.

    Raises:
        DataContractError: With the columns and their numbers of categories.

    >>> try:
    ...     refuse_many(pd.DataFrame({"tail": ["a", "b", None]}), most=1)
    ... except DataContractError as error:
    ...     print(error.failures[0])
    tail: 2 categories in the training rows, at most 1 allowed
    """
    values = pd.DataFrame(np.asarray(X, dtype=object), columns=_names(X))
    counts = {name: int(values[name].nunique()) for name in values.columns}
    failures = [
        Failure(name, f"{count} categories in the training rows, at most {most} allowed")
        for name, count in counts.items()
        if count > most
    ]
    if failures:
        remedy = "leave the column out, derive a coarser one, or raise max_allowed of the step"
        raise DataContractError("the training rows", failures, remedy)


class CategoryColumns(OneHotEncoder):  # type: ignore[misc]  # scikit-learn is untyped
    """One column of 0 and 1 per category, missing among them; refuses too many, and where it is to, unseen ones.

    Args:
        min_frequency: Share of the training rows below which categories share a column; None for none.
        max_categories: Most columns per column; None without a limit.
        handle_unknown: What an unseen category is: as of scikit-learn's OneHotEncoder.
        max_allowed: Categories beyond which a column is refused.

    >>> rows = pd.DataFrame({"carrier": ["UA", "AA", "UA", None]})
    >>> CategoryColumns(min_frequency=0.3).fit(rows).transform(pd.DataFrame({"carrier": ["UA", "ZZ"]}))
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(
        self,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "infrequent_if_exist",
        max_allowed: int = MAX_CATEGORIES,
    ) -> None:
        super().__init__(
            min_frequency=min_frequency,
            max_categories=max_categories,
            handle_unknown=handle_unknown,
            sparse_output=False,
        )
        self.max_allowed = max_allowed

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's interface
        """Learn the categories of rows of shape (n_rows, n_columns)."""
        refuse_many(X, self.max_allowed)
        super().fit(X, y)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's interface
        """Encode rows of shape (n_rows, n_columns)."""
        if self.handle_unknown == "error":
            self._refuse_unseen(X)
        return super().transform(X)

    def _refuse_unseen(self, X: Any) -> None:  # noqa: N803 - scikit-learn's interface
        check_is_fitted(self)
        failures = []
        for name, column, known in zip(_names(X), np.asarray(X, dtype=object).T, self.categories_, strict=True):
            unseen = int((~pd.Series(column).isin(known) & ~pd.isna(column)).sum())
            unseen += 0 if pd.isna(known).any() else int(pd.isna(column).sum())
            if unseen:
                failures.append(
                    Failure(name, f"{unseen} of {len(column)} rows have a category that no training row has")
                )
        if failures:
            raise DataContractError("the model's input", failures, "train again, or declare unseen: infrequent")


class CategoryNumbers(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Replace categories by 0, 1, 2 and so on; rare, unseen and missing ones by numbers of their own.

    Args:
        min_fraction: Share of the training rows below which categories are rare.
        order: Categories in their order; empty for the alphabetical order of those that are not rare.
        rare: Number of rare categories.
        unseen: Number of categories that no training row has, or that the order lacks.
        missing: Number of what is missing; None leaves it missing.
        max_allowed: Categories beyond which a column is refused.

    Attributes:
        frequent_: Categories per column, in their order: the first is 0.
        rare_: Rare categories per column.

    >>> rows = pd.DataFrame({"carrier": ["UA", "AA", "UA", "OO", None]})
    >>> step = CategoryNumbers(min_fraction=0.3, rare=-1, unseen=-2).fit(rows)
    >>> step.transform(pd.DataFrame({"carrier": ["UA", "OO", "ZZ", None]})).ravel()
    array([ 0., -1., -2., nan])
    """

    def __init__(
        self,
        min_fraction: float = 0.0,
        order: list[str] | None = None,
        rare: int = -1,
        unseen: int = -1,
        missing: int | None = None,
        max_allowed: int = MAX_CATEGORIES,
    ) -> None:
        self.min_fraction = min_fraction
        self.order = order
        self.rare = rare
        self.unseen = unseen
        self.missing = missing
        self.max_allowed = max_allowed

    def _columns(self, X: Any, *, reset: bool) -> NDArray[np.object_]:  # noqa: N803 - scikit-learn's interface
        validate_data(self, X, reset=reset, skip_check_array=True)
        values = np.asarray(X, dtype=object)
        return values.T

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn the categories of rows of shape (n_rows, n_columns)."""
        refuse_many(X, self.max_allowed)
        self.frequent_: list[list[Any]] = []
        self.rare_: list[list[Any]] = []
        for column in self._columns(X, reset=True):
            counts = pd.Series(column).value_counts(dropna=True)
            if self.order:
                self.frequent_.append(list(self.order))
                self.rare_.append([])
                continue
            enough = counts >= self.min_fraction * len(column)
            self.frequent_.append(sorted(counts.index[enough]))
            self.rare_.append(sorted(counts.index[~enough]))
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's interface
        """Encode rows of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        missing = np.nan if self.missing is None else float(self.missing)
        made = []
        for column, frequent, rare in zip(self._columns(X, reset=False), self.frequent_, self.rare_, strict=True):
            numbers = {name: float(index) for index, name in enumerate(frequent)} | dict.fromkeys(
                rare, float(self.rare)
            )
            known = pd.Series(column, dtype=object).map(numbers).to_numpy(dtype=np.float64)
            made.append(np.where(pd.isna(column), missing, np.where(np.isnan(known), float(self.unseen), known)))
        return np.column_stack(made)

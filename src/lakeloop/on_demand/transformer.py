"""The first step of a model's pipeline: on-demand columns, and the model's columns in their order and types."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lakeloop.errors import DataContractError, Failure
from lakeloop.on_demand.calls import apply_calls

_NUMERIC_KINDS = frozenset({"boolean", "integer", "floating", "mixed-integer-float", "decimal"})


def _is_numeric(values: pd.Series[Any]) -> bool:
    if pd.api.types.is_object_dtype(values.dtype):  # numbers and booleans with nulls arrive as objects
        return pd.api.types.infer_dtype(values, skipna=True) in _NUMERIC_KINDS
    return pd.api.types.is_numeric_dtype(values.dtype)


class OnDemandColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Compute on-demand columns and hand on exactly the model's columns.

    Numbers and booleans become float64, everything else objects; missing is NaN in both. Which is which is learned when
    fitting, so a batch whose values happen to be all missing keeps its types. A column without any value when fitting
    stays missing: nothing was learned of it, so a value that appears later must not move a prediction.

    Args:
        calls: On-demand column -> call.
        timezone: IANA zone of the calls' wall clock.
        columns: Model columns: known, on-demand and features, in order.

    Attributes:
        numeric_columns_: The columns that are numbers.
        empty_columns_: The columns without any value.

    >>> rows = pd.DataFrame({"minutes": [90, 60], "miles": [30, 0], "not_a_feature": ["x", "y"]})
    >>> step = OnDemandColumns({"pace": "ratio(minutes, miles)"}, "UTC", ["miles", "pace"])
    >>> step.fit_transform(rows).to_dict("list")
    {'miles': [30.0, 0.0], 'pace': [3.0, nan]}
    """

    def __init__(self, calls: dict[str, str], timezone: str, columns: list[str]) -> None:
        self.calls = calls
        self.timezone = timezone
        self.columns = columns

    def _select(self, frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
        made = apply_calls(self.calls, frame, self.timezone)
        absent = [name for name in self.columns if name not in made.columns and name not in frame.columns]
        if absent:
            failures = [Failure(name, "the column is absent") for name in absent]
            raise DataContractError("the model's input", failures, "give the frame every column of the model")
        return {name: made[name] if name in made.columns else frame[name] for name in self.columns}

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: N803, ARG002 - scikit-learn's interface
        """Learn which columns are numbers, and which have no value.

        Args:
            X: Rows with the columns that the model and the calls read.
            y: Ignored.

        Returns:
            This transformer.

        Raises:
            DataContractError: If a column is absent.
        """
        selected = self._select(X)
        self.numeric_columns_ = [name for name, values in selected.items() if _is_numeric(values)]
        self.empty_columns_ = [name for name, values in selected.items() if values.isna().all()]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 - scikit-learn's interface
        """Compute the model's columns.

        Args:
            X: Rows with the columns that the model and the calls read; others are ignored.

        Returns:
            One row per row of `X`, the columns of `columns`, float64 or object, missing as NaN.

        Raises:
            DataContractError: If a column is absent.
            ValueError: If a column that was numeric when fitted holds something else.
        """
        check_is_fitted(self, "numeric_columns_")
        numeric = set(self.numeric_columns_)
        empty = set(getattr(self, "empty_columns_", ()))  # a pipeline stored before they were noted has none
        typed: dict[str, NDArray[Any]] = {}
        for name, values in self._select(X).items():
            if name in empty:
                typed[name] = np.full(len(X), np.nan, dtype=np.float64 if name in numeric else object)
                continue
            is_object = name not in numeric or values.dtype == object
            present = values.to_numpy(dtype=object, na_value=np.nan) if is_object else values
            if name not in numeric:
                typed[name] = np.asarray(present)
                continue
            try:
                typed[name] = np.asarray(present.astype(np.float64))
            except (TypeError, ValueError):
                raise ValueError(
                    f"{name}: got values that are not numbers; it was numeric when fitted"
                ) from None  # the cause shows values
        return pd.DataFrame(typed, index=X.index, columns=self.columns)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Name the columns of the result, in order."""
        return np.asarray(self.columns, dtype=object)

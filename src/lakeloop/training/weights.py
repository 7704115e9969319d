"""What each row of a fit counts: a column, its age, its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.estimator import ClassWeights, Estimator
from lakeloop.errors import DataContractError, Failure, UsageError

FloatArray = NDArray[np.float64]


def column_weights(part: str, column: str, values: Any) -> FloatArray:
    """Read weights from a column.

    Args:
        part: Part of the split, for messages.
        column: The column, for messages.
        values: Its values, shape (n_rows,).

    Returns:
        The weights, shape (n_rows,).

    Raises:
        DataContractError: If one is missing, infinite, negative or no number, or all are 0.

    >>> column_weights("train", "fare", [1, 2.5]).tolist()
    [1.0, 2.5]
    """
    weights = np.asarray(pd.to_numeric(pd.Series(np.asarray(values)), errors="coerce"), dtype=np.float64)
    absent, negative = ~np.isfinite(weights), weights < 0
    found = [(absent, "are missing or no finite number"), (negative, "are negative")]
    failures = [
        Failure(column, f"{int(wrong.sum())} of {weights.size} weights {what}") for wrong, what in found if wrong.any()
    ]
    if not failures and weights.size and not weights.any():
        failures = [Failure(column, f"all {weights.size} weights are 0")]
    if failures:
        remedy = "weigh by a column that is never missing and at least 0, or derive one that is"
        raise DataContractError(f"weights of the {part} rows", failures, remedy)
    return weights


def age_weights(seconds: FloatArray, newest: float, half_life_seconds: float) -> FloatArray:
    """Weigh rows by their age: one half for each half-life.

    Args:
        seconds: `prediction_ts` of each row, seconds since the epoch, shape (n_rows,).
        newest: That of the newest training row; a row after it has age 0.
        half_life_seconds: The half-life.

    Returns:
        Weights in (0, 1], shape (n_rows,).

    >>> age_weights(np.array([0.0, 50.0, 100.0, 200.0]), newest=100.0, half_life_seconds=50.0).tolist()
    [0.25, 0.5, 1.0, 1.0]
    """
    age = np.maximum(newest - np.asarray(seconds, dtype=np.float64), 0.0)
    return np.asarray(np.exp2(-age / half_life_seconds), dtype=np.float64)


def class_weights(declared: str | ClassWeights, label: NDArray[np.bool_], weight: FloatArray | None) -> ClassWeights:
    """Give the weight of each class.

    Args:
        declared: `balanced`, or the weights.
        label: Labels of the training rows, both classes among them.
        weight: Weights of the training rows; None when every row counts the same.

    Returns:
        The weights; of `balanced` those by which each class has half the weight of all rows.

    >>> class_weights("balanced", np.array([True, False, False, False]), None)
    ClassWeights(true=2.0, false=0.6666666666666666)
    """
    if isinstance(declared, ClassWeights):
        return declared
    counted = np.ones(label.size) if weight is None else weight
    of_true = float(counted[label].sum())
    of_false = float(counted.sum()) - of_true
    if not (of_true > 0 and of_false > 0):
        empty = "true" if not of_true > 0 else "false"
        failure = Failure("train", f"the rows whose label is {empty} have no weight")
        raise DataContractError("class_weight: balanced", [failure], "declare weights by which both classes count")
    return ClassWeights(true=(of_true + of_false) / (2 * of_true), false=(of_true + of_false) / (2 * of_false))


def balanced_weights(label: NDArray[np.int64], weight: FloatArray | None) -> FloatArray:
    """Give the weight of each of several classes by which all have the same weight in all.

    Args:
        label: Places of the classes of the training rows, every class among them.
        weight: Weights of the training rows; None when every row counts the same.

    Returns:
        Weights, shape (n_classes,).

    Raises:
        DataContractError: If one class has no weight in all.

    >>> balanced_weights(np.array([0, 0, 0, 1, 2, 2]), None).round(4).tolist()
    [0.6667, 2.0, 1.0]
    """
    counted = np.ones(label.size) if weight is None else weight
    of_class = np.bincount(label, weights=counted)
    if not (of_class > 0).all():
        empty = ", ".join(str(place) for place in np.flatnonzero(of_class <= 0))
        failure = Failure("train", f"the rows of the classes at place {empty} of label.classes, from 0, have no weight")
        raise DataContractError("class_weight: balanced", [failure], "weigh rows so that every class counts")
    return np.asarray(of_class.sum() / (of_class.size * of_class))


@dataclass(frozen=True)
class RowFacts:
    """What the weights of rows are made of, all of shape (n_rows,).

    Attributes:
        label: Labels.
        column: Weights of the declared column; None without one.
        seconds: `prediction_ts`, seconds since the epoch; None where the age does not count.
    """

    label: NDArray[Any]
    column: FloatArray | None = None
    seconds: FloatArray | None = None


def row_weights(estimator: Estimator, train: RowFacts, rows: RowFacts) -> FloatArray | None:
    """Put the weights of rows together.

    Those by column and age are divided by their mean over the training rows, so that they leave the balance of loss
    and regularisation as it was; those of the classes are then multiplied in.

    Args:
        estimator: The declaration.
        train: The training rows.
        rows: The rows that are weighed: the training rows, or others by the same measure.

    Returns:
        Weights, shape (n_rows,); None when none are declared.

    Raises:
        UsageError: If the column or the instants are declared to count, but were not given.
        DataContractError: If one class has no weight in all.

    >>> fit = Estimator.model_validate({"class": "a.B", "weight": "fare", "class_weight": {"true": 3}})
    >>> rows = RowFacts(np.array([True, False, False]), column=np.array([1.0, 2.0, 3.0]))
    >>> row_weights(fit, rows, rows).tolist()
    [1.5, 1.0, 1.5]
    """
    if not estimator.is_weighted:
        return None
    of_train, of_rows = _declared(estimator, train, train), _declared(estimator, train, rows)
    weights = np.ones(rows.label.size)
    if of_train is not None and of_rows is not None:
        weights = of_rows / of_train.mean()
    if estimator.class_weight is not None and np.issubdtype(train.label.dtype, np.integer):
        weights = weights * balanced_weights(train.label, of_train)[rows.label]
    elif estimator.class_weight is not None:
        by_class = class_weights(estimator.class_weight, train.label, of_train)
        weights = weights * np.where(rows.label, by_class.true, by_class.false)
    return weights


def _declared(estimator: Estimator, train: RowFacts, rows: RowFacts) -> FloatArray | None:
    """Multiply the weights by column and by age; None when neither is declared."""
    declared = estimator.row_weight
    if declared is None:
        return None
    weights = None
    if declared.column is not None:
        weights = _given("column", rows.column)
    if declared.half_life is not None:
        newest = float(_given("half_life", train.seconds).max())
        aged = age_weights(_given("half_life", rows.seconds), newest, declared.half_life.total_seconds())
        weights = aged if weights is None else weights * aged
    return weights


def _given(key: str, values: FloatArray | None) -> FloatArray:
    if values is None:
        wanted = "the rows' weights" if key == "column" else "the rows' prediction_ts"
        raise UsageError(f"estimator.weight.{key}", "rows without it", wanted, "give them with the rows")
    return values

"""How well one column alone tells the label: what knows too much was written after the fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import r2_score, roc_auc_score

from lakeloop.config.metric import Task

FloatArray = NDArray[np.float64]

MIN_ROWS = 50
"""Rows of the fitting and of the scoring part below which nothing is said."""

_BINS = 20
_PRIOR_ROWS = 10


def score_columns(
    columns: Mapping[str, pd.Series[Any]],
    label: FloatArray,
    fit: NDArray[np.bool_],
    score: NDArray[np.bool_],
    task: Task,
) -> dict[str, float | None]:
    """Score each column alone, on rows that it was not fitted on.

    A column is cut into values or stretches, and each gets the mean label of the fitting rows, drawn towards the mean
    of all by ten rows of it. So a column need not be monotone to be found, and an id, whose values do not come again,
    is no finding.

    Args:
        columns: Column -> values, shape [n_rows]; numbers, booleans or texts, missing allowed.
        label: Labels, shape [n_rows].
        fit: Rows to learn the means from, shape [n_rows].
        score: Rows to score, shape [n_rows].
        task: Kind of label.

    Returns:
        Column -> ROC AUC of a classification, at least 0.5, of several classes the greatest of one against the rest, or
        R2 of a regression, at least 0; None where too few rows or only one class can be scored.

    >>> label = np.tile([0.0, 1.0], 100)
    >>> told, noise, same = label * 3 + 1, np.arange(200) % 7, ["x"] * 200
    >>> columns = {"told": pd.Series(told), "noise": pd.Series(noise), "same": pd.Series(same)}
    >>> first = np.arange(200) < 100
    >>> found = score_columns(columns, label, first, ~first, Task.CLASSIFICATION)
    >>> found["told"], found["noise"] < 0.7, found["same"]
    (1.0, True, 0.5)
    """
    if min(fit.sum(), score.sum()) < MIN_ROWS or len(np.unique(label[score])) < 2:
        return dict.fromkeys(columns)
    found: dict[str, float | None] = {}
    for name, values in columns.items():
        cells = _cells(values, fit)
        if task is Task.REGRESSION:
            found[name] = max(0.0, float(r2_score(label[score], _means(cells, label, fit)[cells[score]])))
            continue
        places = [1.0] if task is Task.CLASSIFICATION else np.unique(label[score])
        # A column that gives one class away is a leak, however little it says of the others.
        found[name] = max(_area(cells, (label == place).astype(np.float64), fit, score) for place in places)
    return found


def _area(cells: NDArray[np.int64], outcomes: FloatArray, fit: NDArray[np.bool_], score: NDArray[np.bool_]) -> float:
    """Tell how well a column ranks yes above no: a class that the fitting rows lack is not ranked at all."""
    return max(0.5, float(roc_auc_score(outcomes[score], _means(cells, outcomes, fit)[cells[score]])))


def _cells(values: pd.Series[Any], fit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the cell of each value: 0 for missing and unseen ones."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        known = numbers[fit & np.isfinite(numbers)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if known.size else np.array([])
        return np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, side="right") + 1, 0).astype(np.int64)
    seen = pd.Index(values[fit].dropna().unique())
    return np.asarray(seen.get_indexer(values) + 1, dtype=np.int64)


def _means(cells: NDArray[np.int64], label: FloatArray, fit: NDArray[np.bool_]) -> FloatArray:
    of_all = float(label[fit].mean())
    size = int(cells.max(initial=0)) + 1
    rows = np.bincount(cells[fit], minlength=size)
    sums = np.bincount(cells[fit], weights=label[fit], minlength=size)
    return np.asarray((sums + _PRIOR_ROWS * of_all) / (rows + _PRIOR_ROWS), dtype=np.float64)

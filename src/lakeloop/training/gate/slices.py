"""The holdout cut by the values of a column: the metric per value, recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lakeloop.config.gate import Gate
from lakeloop.errors import DistributionError
from lakeloop.training.gate.check import NAN
from lakeloop.training.gate.comparison import Losses
from lakeloop.training.gate.holdout import HoldoutScores

MAX_SLICE_VALUES = 100
"""Values per slice column that are told apart, those with most rows first; the others are taken together."""

OTHER_VALUES = "(other)"
NO_VALUE = "(null)"


@dataclass(frozen=True)
class SliceMetric:
    """The gate's metric on the rows with one value of a slice column.

    Attributes:
        column: The slice column.
        value: Its value as text; `(null)`, or `(other)` for the values beyond the most frequent ones.
        rows: Rows of the slice.
        challenger: Mean loss of the challenger on them.
        champion: Mean loss of the champion on the comparable ones; NaN without any.
        comparable_rows: Rows of the slice on which the champion may be compared.
        challenger_on_comparable: Mean loss of the challenger on those; what `champion` is to be compared with.
    """

    column: str
    value: str
    rows: int
    challenger: float
    champion: float
    comparable_rows: int
    challenger_on_comparable: float


@dataclass(frozen=True)
class Slice:
    """The rows with one value of a slice column.

    Attributes:
        column: The slice column.
        value: Its value as text.
        rows: Which rows have it, shape (n_rows,).
    """

    column: str
    value: str
    rows: NDArray[np.bool_]


def group_rows(values: ArrayLike, most: int = MAX_SLICE_VALUES) -> list[tuple[str, NDArray[np.bool_]]]:
    """Group rows by a value, the most frequent ones first.

    Args:
        values: Values, shape (n_rows,).
        most: Values that get a group of their own.

    Returns:
        Value as text and its rows, shape (n_rows,); `(null)` for what is missing, `(other)` for the rest, last.

    >>> [(value, rows.tolist()) for value, rows in group_rows(["b", None, "b", "a"], most=1)]
    [('b', [True, False, True, False]), ('(other)', [False, True, False, True])]
    """
    told = np.asarray(values, dtype=object)
    texts = np.where(pd.isna(told), NO_VALUE, told.astype(str)).astype(str)
    names, code_of_row, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.lexsort((names, -counts))
    groups = [(str(names[code]), np.asarray(code_of_row == code)) for code in order[:most]]
    if len(order) > most:
        groups.append((OTHER_VALUES, np.isin(code_of_row, order[most:])))
    return groups


def cut_slices(holdout: HoldoutScores, column: str) -> list[Slice]:
    """Cut the holdout by the values of a column.

    Args:
        holdout: Outcomes and scores.
        column: The column.

    Returns:
        A slice per value, those with most rows first, `(other)` last; none without rows.

    Raises:
        DistributionError: If the holdout lacks the column.

    >>> days, half = np.full(3, np.datetime64("2013-01-01", "D")), np.full(3, 0.5)
    >>> holdout = HoldoutScores(half, half, half, days, None, {"origin": np.array(["EWR", None, "EWR"])})
    >>> [(each.value, each.rows.tolist()) for each in cut_slices(holdout, "origin")]
    [('EWR', [True, False, True]), ('(null)', [False, True, False])]
    """
    if column not in holdout.slices:
        raise DistributionError(f"slices.{column}", "the gate declares this slice, the holdout lacks the column")
    return [Slice(column, value, rows) for value, rows in group_rows(holdout.slices[column])]


def measure_slices(gate: Gate, holdout: HoldoutScores, losses: Losses) -> tuple[SliceMetric, ...]:
    """Measure the gate's metric on every slice of every declared column.

    Args:
        gate: What it declares.
        holdout: Outcomes and scores.
        losses: Losses per row.

    Returns:
        An entry per column and value.

    Raises:
        DistributionError: If a declared slice is absent.

    >>> days, half = np.full(2, np.datetime64("2013-01-01", "D")), np.full(2, 0.5)
    >>> holdout = HoldoutScores(half, half, half, days, None, {"origin": np.array(["EWR", "JFK"])})
    >>> losses = Losses(np.array([1.0, 2.0]), half, half, np.ones(2, dtype=bool), days)
    >>> found = measure_slices(Gate(metric="brier", superior_by=0.01, slices=["origin"]), holdout, losses)
    >>> [(each.value, each.rows, each.challenger, each.champion) for each in found]
    [('EWR', 1, 1.0, 0.5), ('JFK', 1, 2.0, 0.5)]
    """
    return tuple(_measure(each, losses) for column in gate.slices for each in cut_slices(holdout, column))


def _measure(part: Slice, losses: Losses) -> SliceMetric:
    both = part.rows & losses.comparable
    has_both = bool(both.any())
    return SliceMetric(
        column=part.column,
        value=part.value,
        rows=int(part.rows.sum()),
        challenger=float(losses.ours[part.rows].mean()),
        champion=float(losses.theirs[both].mean()) if has_both else NAN,
        comparable_rows=int(both.sum()),
        challenger_on_comparable=float(losses.ours[both].mean()) if has_both else NAN,
    )

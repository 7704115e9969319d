"""Changes planted on the rows of a window, each by a known amount."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

_ROUNDING = 1e-9
Change = Callable[[pd.Series, pd.Series, float, np.random.Generator], pd.Series]
"""Rows of the window, rows of the reference, amount, source of randomness -> changed rows of the window."""


def shift_mean(rows: pd.Series, reference: pd.Series, amount: float, rng: np.random.Generator) -> pd.Series:
    """Add so many standard deviations of the reference.

    >>> rows = pd.Series([1.5, 2.5])
    >>> shift_mean(rows, rows, 2.0, np.random.default_rng(0)).round(4).tolist()
    [2.9142, 3.9142]
    """
    return _keep_whole(rows, rows + amount * float(reference.std()), rng)


def widen(rows: pd.Series, reference: pd.Series, amount: float, rng: np.random.Generator) -> pd.Series:
    """Multiply distances from the reference's mean.

    >>> rows = pd.Series([1.5, 2.5])
    >>> widen(rows, rows, 1.5, np.random.default_rng(0)).tolist()
    [1.25, 2.75]
    """
    mean = float(reference.mean())
    return _keep_whole(rows, mean + amount * (rows - mean), rng)


def move_mass(rows: pd.Series, reference: pd.Series, amount: float, rng: np.random.Generator) -> pd.Series:
    """Move so great a share of all rows from the reference's most frequent value to the next one.

    >>> rows = pd.Series(["a"] * 6 + ["b"] * 4)
    >>> move_mass(rows, rows, 0.3, np.random.default_rng(0)).value_counts().to_dict()
    {'b': 7, 'a': 3}
    """
    first, second = reference.value_counts().index[:2]
    return _replace_some(rows, np.flatnonzero(rows == first), amount, second, rng)


def lose(rows: pd.Series, _: pd.Series, amount: float, rng: np.random.Generator) -> pd.Series:
    """Make so great a share of all rows missing that were not.

    >>> int(lose(pd.Series([None, 1.0, 2.0, 3.0]), pd.Series([1.0]), 0.25, np.random.default_rng(0)).isna().sum())
    2
    """
    return _replace_some(rows, np.flatnonzero(rows.notna()), amount, None, rng)


def unmatch(rows: pd.Series, _: pd.Series, amount: float, rng: np.random.Generator) -> pd.Series:
    """Make so great a share of rows missing, whether they were or not: the look-up finds nothing.

    >>> int(unmatch(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([1.0]), 0.5, np.random.default_rng(0)).isna().sum())
    2
    """
    return _replace_some(rows, np.arange(len(rows)), amount, None, rng)


def multiply(rows: pd.Series, _: pd.Series, amount: float, __: np.random.Generator) -> pd.Series:
    """Give another unit.

    >>> multiply(pd.Series([2.0]), pd.Series([2.0]), 60.0, np.random.default_rng(0)).tolist()
    [120.0]
    """
    return rows * amount


@dataclass(frozen=True)
class Planted:
    """A kind of change.

    Attributes:
        name: Name of it.
        change: What it does.
        amounts: How much.
        kind: Columns it is planted on: number, category, any, unit (the one column whose unit changes), or join (all
            columns of a table, in the same rows).
        wanted: Amount at which a share of 95% is aimed at; None where the curve alone is shown.
        contract_only: Whether that is aimed at for contract columns alone.
    """

    name: str
    change: Change
    amounts: tuple[float, ...]
    kind: str
    wanted: float | None = None
    contract_only: bool = False


MEAN, SPREAD, MASS, MISSING, UNIT, JOIN = "mean", "spread", "mass", "missing", "unit", "join"
PLANTED = (
    Planted(MEAN, shift_mean, (0.1, 0.25, 0.5, 1.0), "number", wanted=0.5, contract_only=True),
    Planted(SPREAD, widen, (1.25, 1.5, 2.0), "number"),
    Planted(MASS, move_mass, (0.02, 0.05, 0.1, 0.2), "category"),
    Planted(MISSING, lose, (0.0, 0.01, 0.02, 0.05, 0.1), "any", wanted=0.05),
    Planted(UNIT, multiply, (), "unit"),
    Planted(JOIN, unmatch, (0.0, 0.05, 0.1, 0.2, 0.4), "join", wanted=0.2),
)
"""Standard deviations; times; shares of all rows; another unit; share of rows that a table does not match.

At 0 nothing is planted: what is flagged then would be flagged anyway.
"""


def _keep_whole(rows: pd.Series, changed: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Whole numbers stay whole: each is rounded up with the chance that keeps the mean."""
    values = rows.dropna().to_numpy()
    if not len(values) or not (values == np.floor(values)).all():
        return changed
    return pd.Series(np.floor(changed.to_numpy() + rng.random(len(changed))), index=rows.index)


def _replace_some(
    rows: pd.Series, candidates: np.ndarray, share: float, value: object, rng: np.random.Generator
) -> pd.Series:
    some = min(math.ceil(share * len(rows) - _ROUNDING), len(candidates))
    chosen = rng.choice(candidates, some, replace=False)
    changed = rows.copy()
    changed.iloc[chosen] = value
    return changed

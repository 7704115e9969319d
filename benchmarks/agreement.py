"""Whether a side found what it should have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

TOLERANCE = 1e-9
"""Relative: sums of floats depend on their order."""


@dataclass(frozen=True)
class Agreement:
    """How a result compares with the expected one.

    Attributes:
        rows: Rows expected.
        values: Values compared.
        different: Values that differ; a null differs from every value.
        problem: Why the rows themselves do not fit; empty when they do.
    """

    rows: int
    values: int
    different: int
    problem: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether something was compared and nothing differs."""
        return not self.problem and self.values > 0 and self.different == 0

    def describe(self) -> str:
        """Say it in a few words."""
        return self.problem or f"{self.different} of {self.values} values differ"


def compare(found: Path, expected: pa.Table, keys: Sequence[str]) -> Agreement:
    """Compare a result with the expected one, by key, all other columns of the expected one.

    Args:
        found: Parquet file or folder; its rows are in any order, columns that were not expected are left out.
        expected: The expected rows; integers, strings and instants have to be equal, floats to `TOLERANCE`.
        keys: Columns that tell rows apart.

    Returns:
        How they compare.
    """
    result = ds.dataset(found, format="parquet")
    rows = expected.num_rows
    absent = [name for name in expected.column_names if name not in result.schema.names]
    if absent:
        return Agreement(rows, 0, 0, f"no column {', '.join(absent)}")
    there = result.to_table(columns=list(keys))
    if there.num_rows != rows:
        return Agreement(rows, 0, 0, f"{there.num_rows} rows, expected {rows}")
    there = there.cast(expected.select(list(keys)).schema)
    by_keys = [(key, "ascending") for key in keys]
    order, expected_order = pc.sort_indices(there, by_keys), pc.sort_indices(expected, by_keys)
    for key in keys:
        if not there.column(key).take(order).equals(expected.column(key).take(expected_order)):
            return Agreement(rows, 0, 0, f"other values of {key}")
    different = 0
    names = [name for name in expected.column_names if name not in keys]
    for name in names:
        column = result.to_table(columns=[name]).column(0).take(order)
        different += _count_different(column, expected.column(name).take(expected_order))
    return Agreement(rows, rows * len(names), different)


def _count_different(found: pa.ChunkedArray, expected: pa.ChunkedArray) -> int:
    if not pa.types.is_floating(expected.type):
        same = pc.equal(found.cast(expected.type), expected)
        both_null = pc.and_(found.is_null(), expected.is_null())
        alike = pc.sum(pc.or_(pc.fill_null(same, False), both_null)).as_py()
        return int(found.length() - (alike or 0))
    null, expected_null = (_array(each.is_null()) for each in (found, expected))
    a, b = (_array(each.cast(pa.float64()).fill_null(0.0)) for each in (found, expected))
    scale = np.maximum(np.abs(a), np.abs(b))
    return int(np.count_nonzero((null != expected_null) | ~(np.abs(a - b) <= TOLERANCE * scale)))


def _array(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy())

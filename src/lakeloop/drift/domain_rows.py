"""Rows of model columns for a classifier: numbers, categories as codes, the day of each; drawn alike from every day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.drift.bins import is_category, is_number, read_numbers
from lakeloop.errors import DistributionError

MAX_CODES = 254
"""Values of text with a code of their own: a histogram of the classifier holds no more."""


@dataclass(frozen=True, eq=False)
class DomainRows:
    """Rows with their day.

    Attributes:
        blocks: Days with rows, ascending.
        block: Place of each row's day among them, shape [n_rows].
        columns: Column -> its values, shape [n_rows]: numbers, NaN where missing, or texts, None where missing.

    >>> rows = DomainRows((date(2013, 4, 1),), np.array([0, 0]), {"x": np.array([1.0, 2.0])})
    >>> len(rows), rows.keep(np.array([False, True])).columns["x"].tolist()
    (2, [2.0])
    """

    blocks: tuple[date, ...]
    block: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.float64] | npt.NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.block)

    def keep(self, kept: npt.NDArray[np.bool_]) -> DomainRows:
        """Keep some rows, and the days that still have one.

        Args:
            kept: Whether each is kept, shape [n_rows].

        Returns:
            The rows in their order.
        """
        days, block = np.unique(self.block[kept], return_inverse=True)
        blocks = tuple(self.blocks[day] for day in days)
        return DomainRows(blocks, block.astype(np.int64), {name: each[kept] for name, each in self.columns.items()})


def read_rows(table: pa.Table, columns: Sequence[str], block_col: str) -> DomainRows:
    """Read rows.

    Args:
        table: Rows with the columns and the block.
        columns: Columns, each a number, text or a boolean.
        block_col: Column of type date.

    Returns:
        The rows in their order.

    Raises:
        DistributionError: If a column is absent, given twice or of another type, or the block is no date or null.

    >>> day = [date(2013, 4, 2), date(2013, 4, 1)]
    >>> table = pa.table({"day": day, "origin": ["JFK", None], "seats": [180, None]})
    >>> rows = read_rows(table, ["origin", "seats"], "day")
    >>> rows.block.tolist(), {name: each.tolist() for name, each in rows.columns.items()}
    ([1, 0], {'origin': ['JFK', None], 'seats': [180.0, nan]})
    """
    absent = [name for name in (*columns, block_col) if name not in table.column_names]
    if absent:
        raise DistributionError(absent[0], "the column is absent")
    if len(set(columns)) != len(columns):
        raise DistributionError("columns", "a column is given twice")
    days = table.column(block_col)
    if not pa.types.is_date(days.type) or days.null_count:
        raise DistributionError(
            block_col, f"a block is a date in every row, not {days.type} with {days.null_count} nulls"
        )
    numbers = pc.cast(pc.cast(days, pa.date32()), pa.int32()).to_numpy()
    distinct, block = np.unique(numbers, return_inverse=True)
    epoch = date(1970, 1, 1).toordinal()
    blocks = tuple(date.fromordinal(epoch + int(day)) for day in distinct)
    return DomainRows(blocks, block.astype(np.int64), {name: _values(table.column(name), name) for name in columns})


def _values(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64] | npt.NDArray[np.object_]:
    if is_number(column.type):
        numbers = pc.fill_null(read_numbers(column), float("nan"))
        return np.array(numbers.to_numpy(), dtype=np.float64)
    if is_category(column.type) or pa.types.is_null(column.type):
        return np.array(pc.cast(column, pa.string()).to_pylist(), dtype=object)
    raise DistributionError(name, f"type {column.type} is neither number nor category; cast it to a number or to text")


def draw_rows(rows: DomainRows, most: int, rng: np.random.Generator) -> DomainRows:
    """Thin rows, each day alike.

    Args:
        rows: The rows.
        most: Most rows that are kept, at least 1.
        rng: Source of randomness.

    Returns:
        All rows where there are no more; else exactly `most` in their order: of each day its share, and what rounding
        down leaves over from the days that lost most by it.

    >>> days = DomainRows((date(2013, 4, 1), date(2013, 4, 2)), np.repeat([0, 1], [60, 20]), {"x": np.arange(80.0)})
    >>> np.bincount(draw_rows(days, 20, np.random.default_rng(0)).block).tolist()
    [15, 5]
    """
    if len(rows) <= most:
        return rows
    held = np.bincount(rows.block)
    wanted = held * most / len(rows)
    quota = np.floor(wanted).astype(np.int64)
    quota[np.argsort(quota - wanted, kind="stable")[: most - int(quota.sum())]] += 1
    kept = np.zeros(len(rows), dtype=bool)
    for day in np.flatnonzero(quota):
        kept[rng.choice(np.flatnonzero(rows.block == day), quota[day], replace=False)] = True
    return rows.keep(kept)


def encode_rows(before: DomainRows, now: DomainRows) -> tuple[npt.NDArray[np.float64], list[bool]]:
    """Make the rows of two sides numbers.

    Args:
        before: Rows of one side.
        now: Rows of the other, the same columns; a column that one side has as text is taken for text on both.

    Returns:
        The values of both sides below each other, shape [n_rows, n_columns], NaN where missing; which columns are
        categories.

    >>> before = DomainRows((date(2013, 4, 1),), np.zeros(3, dtype=int), {"origin": np.array(["JFK", None, "JFK"])})
    >>> now = DomainRows((date(2013, 5, 1),), np.zeros(1, dtype=int), {"origin": np.array(["EWR"], dtype=object)})
    >>> values, is_category = encode_rows(before, now)
    >>> values[:, 0].tolist(), is_category
    ([0.0, nan, 0.0, 1.0], [True])
    """
    encoded, categories = [], []
    for name in before.columns:
        first, second = before.columns[name], now.columns[name]
        categories.append(first.dtype == object or second.dtype == object)
        if categories[-1]:
            encoded.append(_codes([*_texts(first), *_texts(second)]))
        else:
            encoded.append(_finite(np.concatenate([first, second]).astype(np.float64)))
    return np.stack(encoded, axis=1), categories


def _texts(values: npt.NDArray[np.float64] | npt.NDArray[np.object_]) -> list[str | None]:
    return [None if each is None or each != each else str(each) for each in values.tolist()]  # NaN differs from itself


def _codes(texts: Sequence[str | None]) -> npt.NDArray[np.float64]:
    rows = Counter(text for text in texts if text is not None)
    ranked = sorted(rows, key=lambda text: (-rows[text], text))
    codes = {text: min(place, MAX_CODES) for place, text in enumerate(ranked)}
    return np.array([np.nan if text is None else codes[text] for text in texts])


def _finite(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    finite = numbers[np.isfinite(numbers)]
    return np.clip(numbers, finite.min(), finite.max()) if finite.size else np.where(np.isnan(numbers), np.nan, 0.0)

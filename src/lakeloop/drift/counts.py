"""Grouped counts: block x column x bin. All that monitoring ever takes from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.drift.bins import ColumnBins, is_number, read_numbers
from lakeloop.errors import DistributionError

COUNTS_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("block", pa.date32(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("bin", pa.int32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("total", pa.float64(), nullable=False),
    ]
)
"""One row per block, column and bin that holds a row. `total` is the sum of the finite values, 0 for text."""

_FEW_EDGES = 32
"""Edges up to which comparing every number with each of them is quicker than a search: a search can't be foretold."""


def count_bins(batch: pa.Table | pa.RecordBatch, bins: Sequence[ColumnBins], block_col: str) -> pa.Table:
    """Count a batch of rows by block, column and bin.

    Runs per batch inside Spark or once in process; the counts of several batches are merged by `sum_counts`.

    Args:
        batch: Rows with `block_col` and the binned columns.
        bins: Frozen bins.
        block_col: Column of type date that names the block (the day) of a row.

    Returns:
        A table of `COUNTS_SCHEMA`. A column that `batch` does not have gives no rows.

    Raises:
        DistributionError: If the block column is absent, not a date or null in a row, or a column binned as a number
            holds something that is not one.

    >>> days = [date(2013, 4, 1), date(2013, 4, 1), date(2013, 4, 2)]
    >>> batch = pa.table({"day": days, "distance": [50.0, 80.0, None]})
    >>> counts = count_bins(batch, [ColumnBins("distance", "number", edges=(100.0,))], "day")
    >>> counts.select(["bin", "rows", "total"]).to_pydict()
    {'bin': [0, 2], 'rows': [2, 1], 'total': [130.0, 0.0]}
    """
    blocks, block_of_row = _blocks(batch, block_col)
    parts = []
    for column in bins:
        if column.name not in batch.schema.names:
            continue
        bin_of_row, values = place_rows(batch.column(column.name), column)
        cell_of_row = block_of_row * column.n_bins + bin_of_row
        n_cells = len(blocks) * column.n_bins
        rows = np.bincount(cell_of_row, minlength=n_cells)
        totals = np.bincount(cell_of_row, weights=values, minlength=n_cells)
        cells = np.flatnonzero(rows)
        parts.append(
            pa.table(
                {
                    "block": pa.array(blocks[cells // column.n_bins], pa.int32()).cast(pa.date32()),
                    "column": pa.array([column.name] * len(cells), pa.string()),
                    "bin": pa.array(cells % column.n_bins, pa.int32()),
                    "rows": pa.array(rows[cells], pa.int64()),
                    "total": pa.array(totals[cells], pa.float64()),
                },
                schema=COUNTS_SCHEMA,
            )
        )
    return pa.concat_tables(parts) if parts else COUNTS_SCHEMA.empty_table()


def _blocks(batch: pa.Table | pa.RecordBatch, block_col: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Distinct blocks as days since 1970, and the place of each row's block among them."""
    if block_col not in batch.schema.names:
        raise DistributionError(block_col, "the block column is absent")
    values = batch.column(block_col)
    if not pa.types.is_date(values.type):
        raise DistributionError(block_col, f"a block is a date, not {values.type}")
    if values.null_count:
        raise DistributionError(block_col, f"{values.null_count} rows without a block")
    days = np.asarray(pc.cast(pc.cast(values, pa.date32()), pa.int32()).to_numpy(zero_copy_only=False), dtype=np.int32)
    blocks, places = np.unique(days, return_inverse=True)
    return blocks, places.astype(np.int64)


def fits_bins(values: pa.Array | pa.ChunkedArray, column: ColumnBins) -> bool:
    """Tell whether values are of the kind that bins were made for.

    Args:
        values: The values of a column.
        column: Its bins.

    Returns:
        Whether they are; a column without any value fits, and so does every one where the bins know no value.

    >>> seats = ColumnBins("seats", "number", edges=(100.0,))
    >>> fits_bins(pa.array([180]), seats), fits_bins(pa.array(["many"]), seats), fits_bins(pa.array([None]), seats)
    (True, False, True)
    """
    if values.null_count == len(values):
        return True
    if column.kind == "number":
        return is_number(values.type)
    return not is_number(values.type) or not column.categories


def place_rows(
    values: pa.Array | pa.ChunkedArray, column: ColumnBins
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Find the bin of each row.

    Args:
        values: The values of a column.
        column: Its bins.

    Returns:
        The bins, and the values where they are finite numbers, else 0; both of shape [n_rows].

    Raises:
        DistributionError: If the column is binned as a number and holds something that is not one.

    >>> place, value = place_rows(pa.array([50, 180, None]), ColumnBins("seats", "number", edges=(100.0,)))
    >>> place.tolist(), value.tolist()
    ([0, 1, 2], [50.0, 180.0, 0.0])
    """
    if column.kind == "category":
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), None, values)
        texts = pc.cast(values, pa.string())
        known = pc.index_in(texts, value_set=pa.array(column.categories, pa.string()))
        place = pc.fill_null(known, len(column.categories)).to_numpy(zero_copy_only=False).astype(np.int64)
        place[pc.is_null(texts).to_numpy(zero_copy_only=False)] = column.null_bin
        return place, np.zeros(len(place))
    number = to_numbers(values, column)
    return place_numbers(number, column), np.where(np.isfinite(number), number, 0.0)


def to_numbers(values: pa.Array | pa.ChunkedArray, column: ColumnBins) -> npt.NDArray[np.float64]:
    """Read the values of a column as numbers.

    Args:
        values: The values.
        column: Its bins, of a number.

    Returns:
        The numbers, NaN where there is none, shape [n_rows]; instants in seconds since 1970, UTC.

    Raises:
        DistributionError: If they are not numbers.

    >>> to_numbers(pa.array([50, None]), ColumnBins("seats", "number")).tolist()
    [50.0, nan]
    """
    try:
        numbers = read_numbers(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DistributionError(column.name, f"binned as a number, but of type {values.type}") from error
    return np.array(pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def place_numbers(number: npt.NDArray[np.float64], column: ColumnBins) -> npt.NDArray[np.int64]:
    """Find the bin of each number.

    Args:
        number: Numbers, NaN where there is none, shape [n_rows].
        column: The column's bins.

    Returns:
        The bins, shape [n_rows].

    >>> place_numbers(np.array([50.0, np.inf, np.nan]), ColumnBins("seats", "number", edges=(100.0,))).tolist()
    [0, 1, 2]
    """
    if len(column.edges) <= _FEW_EDGES:
        above = np.zeros(len(number), dtype=np.uint8)
        for edge in column.edges:
            above += number > edge
        place = above.astype(np.int64)
    else:
        place = np.searchsorted(np.asarray(column.edges, dtype=np.float64), number, side="left").astype(np.int64)
    place[np.isnan(number)] = column.null_bin
    return place


def sum_counts(counts: pa.Table) -> pa.Table:
    """Merge counts of several batches: one row per block, column and bin, in that order.

    Args:
        counts: Rows of `COUNTS_SCHEMA`, cells in any number and order.

    Returns:
        A table of `COUNTS_SCHEMA`.

    >>> cell = pa.table({"block": [date(2013, 4, 1)], "column": ["a"], "bin": [0], "rows": [2], "total": [1.5]})
    >>> sum_counts(pa.concat_tables([cell, cell])).select(["rows", "total"]).to_pylist()
    [{'rows': 4, 'total': 3.0}]
    """
    keys = ["block", "column", "bin"]
    merged = counts.group_by(keys, use_threads=False).aggregate([("rows", "sum"), ("total", "sum")])
    merged = merged.sort_by([(key, "ascending") for key in keys])
    return merged.rename_columns([*keys, "rows", "total"]).cast(COUNTS_SCHEMA)


@dataclass(frozen=True, eq=False)
class DailyCounts:
    """Counts laid out as arrays.

    Attributes:
        blocks: Blocks that hold a row, ascending.
        rows: Column -> rows per block and bin, shape [n_blocks, n_bins]. Columns without any row are not in it.
        totals: Column -> sum of the finite values per block, shape [n_blocks].
        bin_totals: Number -> sum of the finite values per block and bin, shape [n_blocks, n_bins].
    """

    blocks: tuple[date, ...]
    rows: Mapping[str, npt.NDArray[np.int64]]
    totals: Mapping[str, npt.NDArray[np.float64]]
    bin_totals: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


def lay_out_daily(counts: pa.Table, bins: Sequence[ColumnBins]) -> DailyCounts:
    """Lay out counts as one array per column.

    A block in which a column has fewer rows than another one lacked the column in part of its batches: the rows that
    are missing count as null.

    Args:
        counts: Rows of `COUNTS_SCHEMA`; columns that `bins` does not name are left out.
        bins: The bins the counts were made with.

    Returns:
        The arrays.

    Raises:
        DistributionError: If a count lies outside the bins of its column.

    >>> cell = pa.table({"block": [date(2013, 4, 1)], "column": ["a"], "bin": [0], "rows": [2], "total": [1.5]})
    >>> lay_out_daily(cell, [ColumnBins("a", "number", edges=(1.0,))]).rows["a"].tolist()
    [[2, 0, 0]]
    """
    names = np.asarray(counts.column("column").to_pylist(), dtype=object)
    wanted = np.isin(names, [column.name for column in bins]) if len(names) else np.zeros(0, dtype=bool)
    names = names[wanted]
    days = counts.column("block").cast(pa.int32()).to_numpy()[wanted]
    bin_of_cell = counts.column("bin").to_numpy()[wanted]
    rows_of_cell = counts.column("rows").to_numpy()[wanted]
    total_of_cell = counts.column("total").to_numpy()[wanted]
    distinct_days, block_of_cell = np.unique(days, return_inverse=True)
    rows: dict[str, npt.NDArray[np.int64]] = {}
    totals: dict[str, npt.NDArray[np.float64]] = {}
    bin_totals: dict[str, npt.NDArray[np.float64]] = {}
    for column in bins:
        own = names == column.name
        if not own.any():
            continue
        place = bin_of_cell[own]
        if place.min() < 0 or place.max() >= column.n_bins:
            raise DistributionError(column.name, f"a count lies outside its {column.n_bins} bins")
        table = np.zeros((len(distinct_days), column.n_bins), dtype=np.int64)
        np.add.at(table, (block_of_cell[own], place), rows_of_cell[own])
        rows[column.name] = table
        totals[column.name] = np.bincount(
            block_of_cell[own], weights=total_of_cell[own], minlength=len(distinct_days)
        ).astype(np.float64)
        if column.kind == "number":
            bin_totals[column.name] = np.zeros(table.shape)
            np.add.at(bin_totals[column.name], (block_of_cell[own], place), total_of_cell[own])
    if rows:
        most = np.max([table.sum(axis=1) for table in rows.values()], axis=0)
        for table in rows.values():
            table[:, -1] += most - table.sum(axis=1)
    epoch = date(1970, 1, 1).toordinal()
    days_with_rows = tuple(date.fromordinal(epoch + int(day)) for day in distinct_days)
    return DailyCounts(days_with_rows, rows, totals, bin_totals)

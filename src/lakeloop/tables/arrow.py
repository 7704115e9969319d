"""Reading a table into this process, cut by time, after asking its log how large it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.tables import in_process
from lakeloop.tables.address import TableAddress
from lakeloop.tables.lake import Lake


def count_logged_rows(lake: Lake, address: TableAddress, version: int | None = None) -> int | None:
    """Ask a table's log how many rows a version holds; no data is read.

    Args:
        lake: The tables.
        address: The table.
        version: Delta version; the newest without it.

    Returns:
        Rows; None when the log does not tell, or the table is in a catalog and not to be read by path.

    >>> orders = context.lake.address("bronze", "orders")
    >>> count_logged_rows(context.lake, orders) == context.lake.read_uncut(orders).count()
    True
    """
    if address.in_catalog or not lake.exists(address):
        return None
    return in_process.count_logged_rows(address.path, version)


def read_arrow(
    lake: Lake,
    address: TableAddress,
    as_of: datetime,
    columns: Sequence[str],
    *,
    by: str = "available_ts",
    version: int | None = None,
    equal: Mapping[str, Any] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """Read what was known at an instant into this process; the caller has asked for the size.

    Args:
        lake: The tables.
        address: A table on a path.
        as_of: Rows with `by` after this instant are cut off.
        columns: Columns wanted.
        by: Column that says when a row became known.
        version: Delta version; the newest without it.
        equal: Column -> value that rows must have.
        where: What else rows have to keep.

    Returns:
        The rows, in no order.

    >>> address = context.lake.address("gold", "shop_last")
    >>> read_arrow(context.lake, address, context.as_of, ["shop", "last_delay_minutes"]).column_names
    ['shop', 'last_delay_minutes']
    """
    condition = _condition(by, as_of, equal)
    rows = in_process.read_table(address.path, columns, condition if where is None else condition & where, version)
    lake.uses.read(address, rows.num_rows)
    return rows


def read_arrow_batches(
    lake: Lake,
    address: TableAddress,
    as_of: datetime,
    columns: Sequence[str],
    *,
    rows: int,
    by: str = "available_ts",
    equal: Mapping[str, Any] | None = None,
    where: pc.Expression | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read what was known at an instant into this process, a part at a time.

    Args:
        lake: The tables.
        address: A table on a path.
        as_of: Rows with `by` after this instant are cut off.
        columns: Columns wanted.
        rows: Rows of a part, about.
        by: Column that says when a row became known.
        equal: Column -> value that rows must have.
        where: What else rows have to keep.

    Yields:
        Parts of the rows, in no order; none is empty.

    >>> address = context.lake.address("gold", "shop_last")
    >>> parts = list(read_arrow_batches(context.lake, address, context.as_of, ["shop"], rows=100))
    >>> sum(each.num_rows for each in parts) == read_arrow(context.lake, address, context.as_of, ["shop"]).num_rows
    True
    """
    condition = _condition(by, as_of, equal)
    kept = condition if where is None else condition & where
    for batch in in_process.read_batches(address.path, columns, kept, rows):
        lake.uses.read(address, batch.num_rows)
        yield batch


def count_rows_by(
    lake: Lake,
    address: TableAddress,
    as_of: datetime,
    keys: Sequence[str],
    *,
    by: str = "available_ts",
    equal: Mapping[str, Any] | None = None,
) -> dict[tuple[Any, ...], int]:
    """Count what was known at an instant in this process, batch by batch: of the rows only the keys are read.

    Args:
        lake: The tables.
        address: A table on a path.
        as_of: Rows with `by` after this instant are not counted.
        keys: Columns with few values.
        by: Column that says when a row became known.
        equal: Column -> value that rows must have.

    Returns:
        Values of the keys -> rows.

    >>> address = context.lake.address("training_sets", "late")
    >>> counts = count_rows_by(context.lake, address, context.as_of, ["_split"], by="as_of")
    >>> counts["validation",], sum(counts.values())
    (134, 1254)
    """
    counted = in_process.count_rows_by(address.path, keys, _condition(by, as_of, equal))
    lake.uses.read(address, sum(counted.values()))
    return counted


def _condition(by: str, as_of: datetime, equal: Mapping[str, Any] | None) -> pc.Expression:
    condition = pc.field(by) <= pa.scalar(as_of, pa.timestamp("us", "UTC"))
    for name, value in (equal or {}).items():
        condition &= pc.field(name) == value
    return condition

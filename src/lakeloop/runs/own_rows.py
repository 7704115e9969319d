"""Rows of the lake's own tables that are asked for, and not the whole of a table that grows with every turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import functions as F

from lakeloop.runs.context import Context
from lakeloop.schemas import TableSchema
from lakeloop.tables import TableAddress, read_known


def read_own_rows(
    context: Context,
    table: TableSchema,
    where: Mapping[str, str | None] | None = None,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Read rows of one of the lake's own tables; on a path without Spark.

    Args:
        context: Project, lake and logical now.
        table: The table.
        where: Column -> the text it has, None for rows without one; all rows without it.
        columns: Columns to read; all without it.

    Returns:
        Column -> value, up to the logical now; none when the table does not exist yet.

    >>> from lakeloop.schemas import QUALITY
    >>> found = read_own_rows(context, QUALITY, {"source": "orders"}, ["source", "check"])
    >>> {row["source"] for row in found}
    {'orders'}
    """
    if context.config.project.catalog is None:
        address = TableAddress(table.layer, table.name, context.config.tables)
        return read_known(address, table.cut_by, context.as_of, columns, where)
    frame = context.lake.read_own(table, context.as_of)
    for name, text in (where or {}).items():
        frame = frame.where(F.col(name).eqNullSafe(F.lit(text)))
    frame = frame if columns is None else frame.select(*columns)
    rows: list[dict[str, Any]] = frame.toArrow().to_pylist()  # bounded: what was asked for, a few rows per turn
    return rows

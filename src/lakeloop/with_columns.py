"""Columns added to a frame, be it none: Spark Connect refuses to add none, a classic session does not."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame


def with_columns(rows: DataFrame, columns: Mapping[str, Column]) -> DataFrame:
    """Add columns to a frame, or replace them.

    Args:
        rows: Rows of any grain.
        columns: Name -> column; may be empty.

    Returns:
        The rows with these columns; the frame itself where there are none.

    >>> with_columns(spark.range(1), {}).columns
    ['id']
    """
    return rows.withColumns(dict(columns)) if columns else rows

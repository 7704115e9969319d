"""The engines of the point-in-time join behind one call, so that one test holds them to the same answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakeloop.point_in_time import arrow, spark
from lakeloop.point_in_time.lookup import Lookup
from lakeloop.tables.in_process import arrow_schema
from tests.factories import GOLD_COLUMNS, SPINE_COLUMNS, Row, frame, instant, rows_of

LATER = instant("2014-01-01 00:00")

GoldRows = Sequence[Row]
Join = Callable[[SparkSession, Sequence[Row], Sequence[Lookup[GoldRows]]], list[Row]]


def declare_lookup(rows: GoldRows, table: str = "plain", **changes: Any) -> Lookup[GoldRows]:
    """A look-up of the wind at an origin in a table that is built far enough."""
    declared: dict[str, Any] = {"entity": ("origin",), "features": ("wind",), "built_through": LATER}
    return Lookup(table, rows, **(declared | changes))


def join_on_spark(
    session: SparkSession,
    spine: Sequence[Row],
    lookups: Sequence[Lookup[GoldRows]],
    spine_columns: str = SPINE_COLUMNS,
    gold_columns: str = GOLD_COLUMNS,
) -> list[Row]:
    """Join by Spark; rows in no order."""
    frames = [
        Lookup(
            each.table,
            frame(session, gold_columns, each.rows),
            each.entity,
            each.features,
            each.built_through,
            each.every,
            each.ttl,
        )
        for each in lookups
    ]
    return rows_of(spark.join_as_of(frame(session, spine_columns, spine), frames))


def join_in_process(
    session: SparkSession,
    spine: Sequence[Row],
    lookups: Sequence[Lookup[GoldRows]],
    spine_columns: str = SPINE_COLUMNS,
    gold_columns: str = GOLD_COLUMNS,
) -> list[Row]:
    """Join in this process; rows in the spine's order."""
    tables = [replace(each, rows=arrow_table(gold_columns, each.rows)) for each in lookups]
    found: list[Row] = arrow.join_as_of(arrow_table(spine_columns, spine), tables).to_pylist()
    return found


def join_in_pieces(*asked: Any) -> list[Row]:
    """Do what `join_in_process` does as many rows have it done: a few keys at a time."""
    with patch.object(arrow, "_PIECE_ROWS", 2):
        return join_in_process(*asked)


ENGINES: dict[str, Any] = {"spark": join_on_spark, "local": join_in_process, "local in pieces": join_in_pieces}


def arrow_table(columns: str, rows: Sequence[Row]) -> pa.Table:
    """Make a table from rows, of the types a Spark frame of these columns has; a column that a row lacks is null."""
    schema = StructType.fromDDL(columns)
    assert isinstance(schema, StructType)
    names = schema.fieldNames()
    plain = [{name: row.get(name) for name in names} for row in rows]
    return pa.Table.from_pylist(plain, schema=arrow_schema(schema))


def minute(number: int) -> datetime:
    """An instant a number of minutes into a morning."""
    return instant("2013-05-01 10:00") + timedelta(minutes=number)

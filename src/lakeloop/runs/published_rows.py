"""The rows that a publish hands to the online store: the newest of every entity, in batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DateType, DecimalType, StructType, TimestampType

from lakeloop.config.project import Engine
from lakeloop.online_store.store import Key, PublishedTable, State
from lakeloop.point_in_time.newest import newest_in_process, newest_on_spark
from lakeloop.runs.context import Context
from lakeloop.runs.engine import choose_engine, held_columns, types_of
from lakeloop.tables import count_logged_rows, read_arrow

_TIMES = ("available_ts", "event_ts")
_ROWS_OF_A_BATCH = 10_000
_ROWS_OF_A_PARTITION = 50_000
_COPIES = 3
"""Of the rows that are read: as they are, sorted, and those that are the newest."""


def newest_states(context: Context, table: PublishedTable, after: datetime | None) -> Iterator[tuple[Key, State]]:
    """Give the newest state of every entity, by the engine that suits the size.

    Args:
        context: Project and lake.
        table: What is published; rows are read from its Delta version, up to its `built_through`.
        after: Only rows with a later `available_ts` are read; None reads all.

    Returns:
        A key and a state per entity; the rows are read when the first is asked for.

    Raises:
        BudgetError: If the in-process engine is declared and the rows do not fit the memory budget.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> from lakeloop.runs.publish_plan import describe_table
    >>> table = describe_table(context, gold_inputs(context, context.config.models["late"])[0])
    >>> sorted((key, len(state.values)) for key, state in newest_states(context, table, None))
    [(('A',), 4), (('B',), 4), (('C',), 4)]
    """
    address = context.lake.address("gold", table.table)
    columns = _columns(table)
    rows = count_logged_rows(context.lake, address, table.delta_version)
    held = held_columns(f"gold.{table.table}", rows, types_of(context.lake.columns(address)), columns, _COPIES)
    if choose_engine(context, f"the publish of gold.{table.table}", [held]) is Engine.LOCAL:
        return in_process(context, table, after)
    return on_spark(context, table, after, rows)


def in_process(context: Context, table: PublishedTable, after: datetime | None) -> Iterator[tuple[Key, State]]:
    """Give the newest states, read in this process; the caller has asked for the size.

    Args:
        context: Project and lake.
        table: What is published.
        after: Only rows with a later `available_ts` are read; None reads all.

    Yields:
        A key and a state per entity, oldest first.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> from lakeloop.runs.publish_plan import describe_table
    >>> table = describe_table(context, gold_inputs(context, context.config.models["late"])[0])
    >>> sorted(key for key, _ in in_process(context, table, None))
    [('A',), ('B',), ('C',)]
    """
    address = context.lake.address("gold", table.table)
    where = None if after is None else pc.field("available_ts") > pa.scalar(after, pa.timestamp("us", "UTC"))
    columns, through = _columns(table), table.built_through
    read = read_arrow(context.lake, address, through, columns, version=table.delta_version, where=where)
    newest = newest_in_process(read, table.entity)
    plain = pa.table({name: _plain(newest.column(name)) for name in columns})
    for batch in plain.to_batches(max_chunksize=_ROWS_OF_A_BATCH):
        yield from _states(table, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def on_spark(
    context: Context, table: PublishedTable, after: datetime | None, rows: int | None
) -> Iterator[tuple[Key, State]]:
    """Give the newest states, found by Spark; one partition of them is in this process at a time.

    Args:
        context: Project and lake.
        table: What is published.
        after: Only rows with a later `available_ts` are read; None reads all.
        rows: Rows of the table; None when that is not known.

    Yields:
        A key and a state per entity.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> from lakeloop.runs.publish_plan import describe_table
    >>> table = describe_table(context, gold_inputs(context, context.config.models["late"])[0])
    >>> dict(on_spark(context, table, None, None)) == dict(in_process(context, table, None))
    True
    """
    address = context.lake.address("gold", table.table)
    read = context.lake.read(address, table.built_through, after=after, version=table.delta_version)
    newest = _plain_columns(newest_on_spark(read.select(*_columns(table)), table.entity))
    known = rows if rows is not None else newest.count()
    few = newest.repartition(max(1, math.ceil(known / _ROWS_OF_A_PARTITION)))
    yield from _states(table, few.toLocalIterator())  # bounded: a partition of so many rows at a time


def _columns(table: PublishedTable) -> list[str]:
    return [*table.entity, *_TIMES, *table.features]


def _states(table: PublishedTable, rows: Iterator[Sequence[object]]) -> Iterator[tuple[Key, State]]:
    keys = len(table.entity)
    for row in rows:
        key, (available, event, *values) = tuple(row[:keys]), row[keys:]
        yield key, State(available, event, tuple(values))  # type: ignore[arg-type,misc]  # the columns were made plain


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give an instant as microseconds, a date as ISO text, a decimal as a double; anything else as it is."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column


def _plain_columns(rows: DataFrame) -> DataFrame:
    columns: StructType = rows.schema
    return rows.select(*(_plain_column(field.name, field.dataType).alias(field.name) for field in columns.fields))


def _plain_column(name: str, kind: DataType) -> Column:
    if isinstance(kind, TimestampType):
        return F.unix_micros(name)
    if isinstance(kind, DateType):
        return F.col(name).cast("string")
    return F.col(name).cast("double") if isinstance(kind, DecimalType) else F.col(name)

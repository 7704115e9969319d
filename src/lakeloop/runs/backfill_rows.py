"""The rows of a stretch of a gold table's past, computed anew from what it is made from, at pinned versions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.features.attributes import log_attributes
from lakeloop.features.stretches import Stretch, cut_stretch
from lakeloop.features.windows import aggregate_windows, reach_back
from lakeloop.quality.versions import standing_versions
from lakeloop.runs.context import Context
from lakeloop.runs.function_table import function_rows
from lakeloop.runs.statement_table import MAX_TICKS, newest_states, statement_columns, statement_rows


def compute_rows(context: Context, table: FeatureTable, stretch: Stretch, versions: Mapping[str, int]) -> DataFrame:
    """Compute the rows of a stretch of a gold table as a build from nothing has them.

    Rows of a table of `sql` are those at which the state changes: its first ones go on from what is published up to
    the beginning of the stretch.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        stretch: The stretch, on ticks.
        versions: Delta version of every input, by its name as of `FeatureTable.inputs`.

    Returns:
        Entity columns, `event_ts`, `available_ts` and the features.

    >>> from datetime import UTC, datetime
    >>> table = context.config.feature_tables["shop_last"]
    >>> stretch = Stretch(datetime(2024, 2, 1, tzinfo=UTC), context.as_of)
    >>> versions = {"deliveries": context.lake.version(context.lake.address("bronze", "deliveries"))}
    >>> published = context.lake.read(context.lake.address("gold", "shop_last"), context.as_of, after=stretch.after)
    >>> compute_rows(context, table, stretch, versions).exceptAll(published).count()
    0
    """
    if table.kind is Kind.SQL:
        return _statement_rows(context, table, stretch, versions)
    lake, name = context.lake, str(table.from_)
    if table.kind is Kind.PYTHON:
        return function_rows(context, table, stretch.after, stretch.through, version=versions[name])
    bronze = lake.address("bronze", name)
    if table.kind is Kind.WINDOWED:
        reached = stretch.after - reach_back(table)
        events = lake.read(bronze, stretch.through, after=reached, version=versions[name])
        return aggregate_windows(events, table, stretch.after, stretch.through)
    source = context.config.sources[name]
    events = standing_versions(lake.read(bronze, stretch.through, version=versions[name]), source)
    before = events.where(F.col("available_ts") <= F.lit(stretch.after))
    last_known = before.groupBy(*table.entity).agg(F.max("event_ts").alias("_known_ts"))
    return log_attributes(events, table, last_known, stretch.after)


def row_columns(context: Context, table: FeatureTable, stretch: Stretch, versions: Mapping[str, int]) -> StructType:
    """Tell the columns of the rows that would be computed; no row is looked at.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        stretch: The stretch, on ticks.
        versions: As of `compute_rows`.

    Returns:
        Columns and types.

    >>> table = context.config.feature_tables["shop_last"]
    >>> row_columns(context, table, Stretch(context.as_of, context.as_of), {"deliveries": 1}).fieldNames()
    ['shop', 'event_ts', 'available_ts', 'last_delay_minutes']
    """
    if table.kind is Kind.SQL:
        return statement_columns(context, table, stretch.through)
    return compute_rows(context, table, stretch, versions).schema


def _statement_rows(context: Context, table: FeatureTable, stretch: Stretch, versions: Mapping[str, int]) -> DataFrame:
    if table.every is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    lake, address = context.lake, context.lake.address("gold", table.feature_table)
    known = newest_states(lake, table, None, lake.read(address, stretch.after)) if lake.exists(address) else None
    parts: list[DataFrame] = []
    for piece in reversed(cut_stretch(stretch, MAX_TICKS * table.every)):
        rows, known = statement_rows(context, table, piece.after, piece.through, known, versions)
        parts.append(rows)
    return reduce(DataFrame.unionByName, parts)

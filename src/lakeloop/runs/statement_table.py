"""What an SQL feature table is given: the rows its statement reads, tick by tick, a bounded number per query."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.source import TIME_COLUMNS
from lakeloop.config.sql_statement import GOLD
from lakeloop.errors import UsageError
from lakeloop.features.statement_ticks import evaluate_ticks, is_known_after, log_changes, with_ends
from lakeloop.features.windows import floor_tick, floor_tick_of
from lakeloop.runs.context import Context, instant_text

MAX_TICKS = 50_000
"""Ticks of one table that a call evaluates at most: more than five years of hours."""

TICKS_A_QUERY = 32
"""Ticks in one query: the statement stands in it once for each, and Spark's planning grows with it."""


@dataclass(frozen=True)
class Stretch:
    """Rows that complete a feature table from one tick to another.

    Attributes:
        since: Tick up to which it is complete; None at the first build.
        through: Tick up to which these rows complete it.
        rows: The rows.
    """

    since: datetime | None
    through: datetime
    rows: DataFrame


def statement_stretches(
    context: Context, table: FeatureTable, since: datetime | None, through: datetime
) -> Generator[Stretch, None, None]:
    """Compute what completes an SQL feature table, stretch by stretch; each is published before the next is asked for.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        since: Tick up to which it is complete; None at the first build.
        through: Tick up to which it is to be complete.

    Yields:
        One stretch per `TICKS_A_QUERY` ticks, at least one. A tick at which none of its tables has a row is not
        evaluated: nothing is known of any entity there.

    Raises:
        UsageError: If there are more than `MAX_TICKS` ticks to evaluate.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> rows = next(statement_stretches(context, table, None, datetime(2024, 1, 11, tzinfo=UTC))).rows
    >>> [(f"{row['available_ts']:%d}", row["shop"]) for row in rows.orderBy("available_ts", "shop").collect()][:3]
    [('04', 'A'), ('04', 'B'), ('04', 'C')]
    """
    if table.every is None or table.needs is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    rows = {key: _read(context, table, key, since, through).persist() for key in table.inputs}
    try:
        ticks = _ticks(table, rows, since, through)
        parts = [ticks[at : at + TICKS_A_QUERY] for at in range(0, len(ticks), TICKS_A_QUERY)] or [[]]
        for number, part in enumerate(parts):
            end = through if number == len(parts) - 1 else part[-1]
            yield Stretch(since, end, _changes(context, table, rows, part, since, end))
            since = end
    finally:
        for each in rows.values():
            each.unpersist()


def _read(context: Context, table: FeatureTable, key: str, since: datetime | None, through: datetime) -> DataFrame:
    layer, _, name = key.rpartition(".")
    if layer == GOLD:
        declared = context.config.feature_tables[name]
        states = context.lake.read(context.lake.address(GOLD, name), through)
        ends = with_ends(states, declared.entity)
        return ends if since is None else ends.where(is_known_after(since))
    source = context.config.sources[name]
    after = since - (table.needs or timedelta(0)) if since is not None else None
    bronze = context.lake.read(context.lake.address("bronze", name), through, after=after)
    return bronze.select(*source.all_columns, *TIME_COLUMNS)


def _changes(
    context: Context,
    table: FeatureTable,
    rows: dict[str, DataFrame],
    ticks: Sequence[datetime],
    since: datetime | None,
    through: datetime,
) -> DataFrame:
    answers = evaluate_ticks(table, rows, ticks or [through])
    if not ticks:  # for its columns alone
        answers = answers.where("false")
    known = None
    if since is not None:
        published = context.lake.read(context.lake.address(GOLD, table.feature_table), since)
        newest = F.max_by(F.struct(*table.feature_names), "available_ts").alias("_state")
        known = published.groupBy(*table.entity).agg(newest).select(*table.entity, "_state.*")
    return log_changes(answers, table, known, since, through)


def _ticks(
    table: FeatureTable, rows: dict[str, DataFrame], since: datetime | None, through: datetime
) -> list[datetime]:
    """List the ticks in (since, through] at which one of the tables has a row, in order."""
    every, needs = table.every or timedelta(0), table.needs or timedelta(0)
    found: set[datetime] = set()
    for key, each in rows.items():
        seconds = f"interval {int(every.total_seconds())} seconds"
        floor = floor_tick(F.col("available_ts"), every)
        entry = F.when(floor == F.col("available_ts"), floor).otherwise(floor + F.expr(seconds))
        if since is not None:
            entry = F.greatest(entry, F.lit(since + every))
        entering = each.groupBy(entry.alias("tick")).agg(F.max("available_ts").alias("last"))
        if key.startswith(f"{GOLD}."):  # a state lasts
            entering = entering.agg(F.min("tick").alias("tick"), F.lit(None).cast("timestamp").alias("last"))
        entering = entering.select(F.unix_seconds("tick"), F.unix_micros("last")).limit(MAX_TICKS + 1)
        for first, last in entering.collect():  # bounded: one row per tick, of which more than MAX_TICKS are refused
            if first is None:
                continue
            tick = datetime.fromtimestamp(first, through.tzinfo)
            left = datetime.fromtimestamp(0, through.tzinfo) + timedelta(microseconds=last) + needs if last else None
            while tick <= through and (left is None or tick < left) and len(found) <= MAX_TICKS:
                found.add(tick)
                tick += every
    if len(found) > MAX_TICKS:
        start = instant_text(since if since is not None else min(found))
        raise UsageError(
            f"gold.{table.feature_table}",
            f"more than {MAX_TICKS} ticks from {start} to {instant_text(floor_tick_of(through, every))}",
            f"at most {MAX_TICKS} in one call",
            "declare a larger every",
        )
    return sorted(found)

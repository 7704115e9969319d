"""What an SQL feature table is given: the rows its statement reads, tick by tick, a bounded number per query."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop.arrow_frame import frame_of
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.source import TIME_COLUMNS
from lakeloop.config.sql_statement import GOLD
from lakeloop.errors import UsageError
from lakeloop.features.statement_ticks import evaluate_ticks, is_known_after, log_changes, with_ends
from lakeloop.features.tick_lists import Presence, TickRun, cut_ticks, list_ticks
from lakeloop.features.windows import floor_tick
from lakeloop.runs.context import Context, instant_text
from lakeloop.tables import Lake, TableAddress

_TICK = "_tick_ts"  # as `evaluate_ticks` calls it
MAX_TICKS = 50_000
"""Ticks of one table that a call evaluates at most: more than five years of hours."""

TICKS_A_QUERY = 32
"""Ticks in one query: the statement stands in it once for each, and Spark's planning grows with it."""

_STAGED_FROM = 2
"""Queries from which on what they read is written aside."""


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
    context: Context,
    table: FeatureTable,
    since: datetime | None,
    through: datetime,
    *,
    max_ticks: int = MAX_TICKS,
    ticks_a_query: int = TICKS_A_QUERY,
) -> Generator[Stretch, None, None]:
    """Compute what completes an SQL feature table, stretch by stretch; each is published before the next is asked for.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        since: Tick up to which it is complete; None at the first build.
        through: Tick up to which it is to be complete.
        max_ticks: Ticks that are evaluated at most.
        ticks_a_query: Ticks in one query.

    Yields:
        One stretch per query, at least one. A tick at which none of its tables has a row is not evaluated: nothing is
        known of any entity there.

    Raises:
        UsageError: If there are more than `max_ticks` ticks to evaluate.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> rows = next(statement_stretches(context, table, None, datetime(2024, 1, 11, tzinfo=UTC))).rows
    >>> [(f"{row['available_ts']:%d}", row["shop"]) for row in rows.orderBy("available_ts", "shop").collect()][:3]
    [('04', 'A'), ('04', 'B'), ('04', 'C')]
    """
    lake, address = context.lake, context.lake.address(GOLD, table.feature_table)
    known, known_through = None, None
    with closing(_answers(context, table, since, through, {}, max_ticks, ticks_a_query)) as runs:
        for run, answers in runs:
            if run.since is not None:  # of what was published, only what is new since the last query
                known = newest_states(lake, table, known, lake.read(address, run.since, after=known_through))
                known_through = run.since
            yield Stretch(run.since, run.through, log_changes(answers, table, known, run.since, run.through))


def statement_rows(
    context: Context,
    table: FeatureTable,
    since: datetime,
    through: datetime,
    known: DataFrame | None,
    versions: Mapping[str, int],
    *,
    max_ticks: int = MAX_TICKS,
    ticks_a_query: int = TICKS_A_QUERY,
) -> tuple[DataFrame, DataFrame | None]:
    """Compute the rows of a stretch of an SQL feature table without publishing any: each query goes on from the last.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        since: Tick before the stretch.
        through: Its last tick.
        known: As of `newest_states` at `since`; None where nothing was known.
        versions: Delta version to read of every input, by the name that the statement gives it.
        max_ticks: Ticks that are evaluated at most.
        ticks_a_query: Ticks in one query.

    Returns:
        The rows, computed; and the newest states at `through`.

    Raises:
        UsageError: If there are more than `max_ticks` ticks to evaluate.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> days = datetime(2024, 1, 4, tzinfo=UTC), datetime(2024, 1, 18, tzinfo=UTC)
    >>> version = context.lake.version(context.lake.address("bronze", "deliveries"))
    >>> with context.lake.writing():
    ...     rows, known = statement_rows(context, table, *days, None, {"deliveries": version}, ticks_a_query=1)
    ...     sorted({f"{row['available_ts']:%d}" for row in rows.collect()}), known.count()
    (['11', '18'], 3)
    """
    parts: list[DataFrame] = []
    with closing(_answers(context, table, since, through, versions, max_ticks, ticks_a_query)) as runs:
        for run, answers in runs:
            # Cut off from what they were computed from: the plan of the last one would hold those of all.
            rows = context.lake.stage(log_changes(answers, table, known, run.since, run.through))
            known = newest_states(context.lake, table, known, rows)
            parts.append(rows)
    return reduce(DataFrame.unionByName, parts), known


def statement_columns(context: Context, table: FeatureTable, through: datetime) -> StructType:
    """Tell the columns of an SQL feature table; no row is looked at.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        through: Any instant.

    Returns:
        Columns and types of its rows.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> statement_columns(context, table, context.as_of).fieldNames()
    ['shop', 'event_ts', 'available_ts', 'n']
    """
    rows = {key: _read(context, table, key, None, through, None) for key in table.inputs}
    return log_changes(evaluate_ticks(table, rows, [through]), table, None, None, through).schema


def newest_states(lake: Lake, table: FeatureTable, known: DataFrame | None, log: DataFrame) -> DataFrame:
    """Give the newest state of every entity, those that are gone included.

    Args:
        lake: The lake.
        table: The table's declaration.
        known: Newest states as they were before some rows; None where there were none.
        log: These rows of the state log.

    Returns:
        Entity, `available_ts` and the features, a row per entity.

    >>> table = context.config.feature_tables["shop_last"]
    >>> lake, address = context.lake, context.lake.address("gold", "shop_last")
    >>> log = lake.read(address, context.as_of)
    >>> with lake.writing():
    ...     newest = newest_states(lake, table, newest_states(lake, table, None, log), log).count()
    >>> newest == log.select("shop").distinct().count()
    True
    """
    columns = [*table.entity, "available_ts", *table.feature_names]
    rows = log.select(*columns)
    if known is not None:
        # Cut off from what it was computed from, which a hundred queries would else carry along.
        rows = lake.stage(known, replaces=f"known of {table.feature_table}").unionByName(rows)
    newest = F.max_by(F.struct("available_ts", *table.feature_names), "available_ts").alias("_state")
    return rows.groupBy(*table.entity).agg(newest).select(*table.entity, "_state.*")


def _answers(
    context: Context,
    table: FeatureTable,
    since: datetime | None,
    through: datetime,
    versions: Mapping[str, int],
    max_ticks: int,
    ticks_a_query: int,
) -> Generator[tuple[TickRun, DataFrame], None, None]:
    """Evaluate the statement at every tick of a stretch that sees a row, run by run."""
    if table.every is None or table.needs is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    pinned = _pinned(context, table, versions)
    rows = {key: _read(context, table, key, since, through, pinned[key]) for key in table.inputs}
    seen = [each for key in rows for each in _presences(table, key, rows[key], since, through, max_ticks)]
    ticks = list_ticks(seen, table.every, through, max_ticks)
    refuse_many(table, ticks, since, through, max_ticks)
    runs = cut_ticks(ticks, since, through, ticks_a_query)
    rows = _kept_for(context, rows, len(runs))
    for run in runs:
        answers = evaluate_ticks(table, rows, run.ticks or [run.through])
        yield run, answers if run.ticks else answers.where("false")  # without ticks for its columns alone


def _pinned(context: Context, table: FeatureTable, versions: Mapping[str, int]) -> dict[str, int]:
    """Give the version to read of every input: the same for all queries, whatever is written in between."""
    lake = context.lake
    return {key: versions.get(key, lake.version(input_address(context, key))) for key in table.inputs}


def _kept_for(context: Context, rows: dict[str, DataFrame], queries: int) -> dict[str, DataFrame]:
    """Write aside what many queries read: one reads the tables themselves, at a lower cost than a copy."""
    return rows if queries < _STAGED_FROM else {key: context.lake.stage(each) for key, each in rows.items()}


def statement_answers(context: Context, table: FeatureTable, asked: DataFrame) -> DataFrame:
    """Evaluate the statement of a table anew for single rows, each at its own tick.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        asked: Rows: `_sample` (an id), `_asked_ts` (the instant) and the entity columns; few of them.

    Returns:
        `_sample` and the features of the rows whose entity is in the answer; the others are left out.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> asked = spark.sql("select 'a' as _sample, 'B' as shop, timestamp'2024-01-05 10:00:00Z' as _asked_ts")
    >>> built = next(statement_stretches(context, table, None, datetime.fromisoformat("2024-01-04T00:00:00+00:00")))
    >>> row = statement_answers(context, table, asked).first()
    >>> row["n"] == built.rows.where("shop = 'B'").first()["n"]
    True
    """
    if table.every is None or table.needs is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    asked = asked.withColumn(_TICK, floor_tick(F.col("_asked_ts"), table.every)).drop("_asked_ts")
    instants = asked.select(F.unix_micros(_TICK)).distinct().collect()  # bounded: one per row that is asked, at most
    start = datetime.fromtimestamp(0, UTC)
    ticks = sorted(start + timedelta(microseconds=each[0]) for each in instants)
    if not ticks:
        return asked.select("_sample", *(F.lit(None).alias(name) for name in table.features))
    since, through = ticks[0] - table.every, ticks[-1]
    pinned = _pinned(context, table, {})
    rows = {key: _read(context, table, key, since, through, pinned[key]) for key in table.inputs}
    seen = _seen_ticks(table, rows, since, ticks)
    firsts = range(0, max(len(seen), 1), TICKS_A_QUERY)
    rows = _kept_for(context, rows, len(firsts))
    found: pa.Table | None = None
    for first in firsts:
        answers = evaluate_ticks(table, rows, seen[first : first + TICKS_A_QUERY] or ticks[:1])
        if not seen:  # for its columns alone
            answers = answers.where("false")
        own = answers.join(F.broadcast(asked), [_TICK, *table.entity]).select("_sample", *table.features)
        part: pa.Table = own.toArrow()  # bounded: an answer per row that is asked
        found = part if found is None else pa.concat_tables([found, part])
    return frame_of(context.spark, found)


def _seen_ticks(
    table: FeatureTable, rows: dict[str, DataFrame], since: datetime, ticks: Sequence[datetime]
) -> list[datetime]:
    """Tell at which of these ticks the statement has a row to read; at others it was not evaluated."""
    needs = F.lit((table.needs or timedelta(0)) // timedelta(microseconds=1))
    start = datetime.fromtimestamp(0, UTC)
    micros = [(each - start) // timedelta(microseconds=1) for each in ticks]
    asked = next(iter(rows.values())).sparkSession.createDataFrame([(each,) for each in micros], "_at long")
    found: set[int] = set()
    for key, each in rows.items():
        entering = _entering(table, key, each, since)
        last = F.unix_micros("last")
        is_seen = (F.unix_micros("tick") <= F.col("_at")) & (last.isNull() | (F.col("_at") - last < needs))
        present = asked.join(F.broadcast(entering), is_seen, "left_semi")
        found |= {row["_at"] for row in present.collect()}  # bounded: ticks of the rows that are asked
    return [tick for tick, at in zip(ticks, micros, strict=True) if at in found]


def _read(
    context: Context, table: FeatureTable, key: str, since: datetime | None, through: datetime, version: int | None
) -> DataFrame:
    lake, address = context.lake, input_address(context, key)
    if address.layer == GOLD:
        declared = context.config.feature_tables[address.name]
        ends = with_ends(lake.read(address, through, version=version), declared.entity)
        return ends if since is None else ends.where(is_known_after(since))
    source = context.config.sources[key]
    after = since - (table.needs or timedelta(0)) if since is not None else None
    bronze = lake.read(address, through, after=after, version=version)
    return bronze.select(*source.all_columns, *TIME_COLUMNS)


def input_address(context: Context, key: str) -> TableAddress:
    """Tell which table an input is.

    Args:
        context: The lake.
        key: As of `FeatureTable.inputs`.

    Returns:
        Its address.

    >>> [str(input_address(context, key)) for key in ("deliveries", "gold.shop_last")]
    ['bronze.deliveries', 'gold.shop_last']
    """
    layer, _, name = key.rpartition(".")
    return context.lake.address(layer or "bronze", name)


def _presences(
    table: FeatureTable, key: str, rows: DataFrame, since: datetime | None, through: datetime, max_ticks: int
) -> Iterator[Presence]:
    """Tell at which ticks after `since` the rows of a table are seen; no more than are refused."""
    needs = table.needs or timedelta(0)
    entering = _entering(table, key, rows, since)
    entering = entering.select(F.unix_seconds("tick"), F.unix_micros("last")).limit(max_ticks + 1)
    start = datetime.fromtimestamp(0, through.tzinfo)
    for first, last in entering.collect():  # bounded: one row per tick, of which more than a few are refused
        if first is not None:
            left = start + timedelta(microseconds=last) + needs if last else None
            yield Presence(datetime.fromtimestamp(first, through.tzinfo), left)


def _entering(table: FeatureTable, key: str, rows: DataFrame, since: datetime | None) -> DataFrame:
    """Give `tick` at which rows of a table enter, and the instant of the `last` of them; null where they stay."""
    every = table.every or timedelta(0)
    seconds = f"interval {int(every.total_seconds())} seconds"
    floor = floor_tick(F.col("available_ts"), every)
    entry = F.when(floor == F.col("available_ts"), floor).otherwise(floor + F.expr(seconds))
    if since is not None:
        entry = F.greatest(entry, F.lit(since + every))
    entering = rows.groupBy(entry.alias("tick")).agg(F.max("available_ts").alias("last"))
    if key.startswith(f"{GOLD}."):  # a state lasts
        entering = entering.agg(F.min("tick").alias("tick"), F.lit(None).cast("timestamp").alias("last"))
    return entering


def refuse_many(
    table: FeatureTable, ticks: Sequence[datetime], since: datetime | None, through: datetime, max_ticks: int
) -> None:
    """Refuse more ticks than one call may evaluate.

    Args:
        table: The table's declaration.
        ticks: Ticks to evaluate, in order.
        since: Tick up to which it is complete; None at the first build.
        through: Tick up to which it is to be complete.
        max_ticks: How many may be evaluated.

    Raises:
        UsageError: If there are more.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "7 days", "needs": "7 days",
    ...     "sql": "select shop, count(*) as n from deliveries group by shop", "features": {"n": {"type": "long"}}})
    >>> ticks = [datetime.fromisoformat(f"2024-01-{day}T00:00:00+00:00") for day in ("04", "11", "18")]
    >>> refuse_many(table, ticks, None, ticks[-1], 3)
    >>> try:
    ...     refuse_many(table, ticks, None, ticks[-1], 2)
    ... except UsageError as error:
    ...     print(error.got)
    more than 2 ticks from 2024-01-04T00:00:00Z to 2024-01-18T00:00:00Z
    """
    if len(ticks) <= max_ticks:
        return
    start = instant_text(since if since is not None else ticks[0])
    raise UsageError(
        f"gold.{table.feature_table}",
        f"more than {max_ticks} ticks from {start} to {instant_text(through)}",
        f"at most {max_ticks} in one call",
        "declare a larger every",
    )

"""An SQL feature table as a state log: its statement at every tick, and the ticks at which its answer changed.

At tick t the statement sees of a source the rows that became available in (t - needs, t], and of a feature table the
newest state of every entity known at t. One query holds the statement once per tick, each over its own rows, so that
what a statement means is for Spark alone to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.feature_table import ComputedFeature, FeatureTable
from lakeloop.config.sql_statement import GOLD, read_statement

REPEATED = "lakeloop: an entity has several rows at a tick"
"""Text of the error of Spark when a statement gives an entity twice."""

_UNTIL, _TICK, _SINCE_ROW = "_until_ts", "_tick_ts", "_is_known"


def with_ends(states: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Give every state of a feature table the instant at which the next one of its entity took its place.

    Args:
        states: Rows of the table up to an instant.
        entity: Its key columns.

    Returns:
        The rows with `_until_ts`, null for the newest.

    >>> gold = context.lake.read(context.lake.address("gold", "shop_last"), context.as_of)
    >>> with_ends(gold, ["shop"]).where("_until_ts is null").count() == gold.select("shop").distinct().count()
    True
    """
    following = Window.partitionBy(*entity).orderBy("available_ts")
    return states.withColumn(_UNTIL, F.lead("available_ts").over(following))


def is_known_after(instant: datetime) -> Column:
    """Tell whether a state `with_ends` is the newest of its entity at any later instant.

    >>> states = spark.sql("select 'A' as shop, timestamp'2024-01-01 10:00:00Z' as available_ts"
    ...                    " union all select 'A', timestamp'2024-01-01 11:00:00Z'")
    >>> noon = datetime(2024, 1, 1, 11, tzinfo=UTC)
    >>> [row["available_ts"].hour for row in with_ends(states, ["shop"]).where(is_known_after(noon)).collect()]
    [11]
    """
    return F.col(_UNTIL).isNull() | (F.col(_UNTIL) > F.lit(instant))


def evaluate_ticks(table: FeatureTable, rows: Mapping[str, DataFrame], ticks: Sequence[datetime]) -> DataFrame:
    """Evaluate the statement of a table at ticks, in one query.

    Args:
        table: The table's declaration.
        rows: What the statement reads by its key: of `outcomes` at least the rows that became available in
            (first tick - needs, last tick]; of `gold.weather` the states `with_ends` up to the last tick.
        ticks: Ticks in order, at least one.

    Returns:
        `_tick_ts`, the entity and the features as they are declared, one row per row that the statement gives.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours",
    ...     "sql": "select shop, count(*) as n from orders group by shop", "features": {"n": {"type": "long"}}})
    >>> orders = spark.sql("select 'A' as shop, timestamp'2024-01-01 10:30:00Z' as available_ts"
    ...                    " union all select 'A', timestamp'2024-01-01 11:30:00Z'")
    >>> ticks = [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (11, 12, 13)]
    >>> [row["n"] for row in evaluate_ticks(table, {"orders": orders}, ticks).orderBy("_tick_ts").collect()]
    [1, 2, 1]
    """
    names = ", ".join([*(f"`{name}`" for name in table.entity), *(_cast(*each) for each in table.features.items())])
    parts = (f"select {_literal(tick)} as {_TICK}, {names} from (\n{_at_tick(table, rows, tick)}\n)" for tick in ticks)
    return _query("\nunion all\n".join(parts), table, rows)


def evaluate_statement(table: FeatureTable, rows: Mapping[str, DataFrame], tick: datetime) -> DataFrame:
    """Evaluate the statement of a table at one tick, with the columns and types it gives itself.

    Args:
        table: The table's declaration.
        rows: As of `evaluate_ticks`.
        tick: The tick.

    Returns:
        What the statement gives.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours",
    ...     "sql": "select shop, 1 as n from orders where available_ts < :tick", "features": {"n": {"type": "double"}}})
    >>> orders = spark.sql("select 'A' as shop, timestamp'2024-01-01 10:30:00Z' as available_ts")
    >>> evaluate_statement(table, {"orders": orders}, datetime(2024, 1, 1, 11, tzinfo=UTC)).schema.simpleString()
    'struct<shop:string,n:int>'
    """
    return _query(_at_tick(table, rows, tick), table, rows)


def log_changes(
    answers: DataFrame,
    table: FeatureTable,
    last_known: DataFrame | None,
    built_through: datetime | None,
    through: datetime,
) -> DataFrame:
    """Give the rows that the answers at a stretch of ticks add to the state log.

    Args:
        answers: What the statement gave at every tick in (built_through, through], as of `evaluate_ticks`.
        table: The table's declaration.
        last_known: Entity and features of the newest published row of each entity; None at the first build.
        built_through: Tick up to which the log is complete; None at the first build.
        through: Tick up to which it is to be complete.

    Returns:
        Entity, `event_ts`, `available_ts` (both the tick) and the features: a row per entity and tick at which a
        value changed. An entity that is in the answer no more gets a row of nulls. Rows whose entity has a null are
        left out.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours",
    ...     "sql": "select shop, count(*) as n from orders group by shop", "features": {"n": {"type": "long"}}})
    >>> answers = spark.sql("select timestamp'2024-01-01 10:00:00Z' as _tick_ts, 'A' as shop, 2 as n"
    ...                     " union all select timestamp'2024-01-01 11:00:00Z', 'A', 2")
    >>> log = log_changes(answers, table, None, None, datetime(2024, 1, 1, 13, tzinfo=UTC))
    >>> [(row["available_ts"].hour, row["n"]) for row in log.orderBy("available_ts").collect()]
    [(10, 2), (12, None)]
    """
    if table.every is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    entity, names = list(table.entity), list(table.features)
    given = _present(answers, entity, names)
    if last_known is not None and built_through is not None:
        known = last_known.select(F.lit(built_through).alias(_TICK), *entity, *names, F.lit(True).alias(_SINCE_ROW))
        given = given.unionByName(known)
    of_entity = Window.partitionBy(*entity).orderBy(_TICK)
    after = F.col(_TICK) + F.expr(f"interval {int(table.every.total_seconds())} seconds")
    following = given.withColumn("_next_ts", F.lead(_TICK).over(of_entity))
    is_last = (after <= F.lit(through)) & (F.col("_next_ts").isNull() | (F.col("_next_ts") > after))
    nulls = [F.lit(None).cast(given.schema[name].dataType).alias(name) for name in names]
    itself = F.struct(_TICK, *names, _SINCE_ROW)
    gone = F.when(is_last, F.struct(after.alias(_TICK), *nulls, F.lit(False).alias(_SINCE_ROW)))
    # In one pass: a union of two would compute the statements twice.
    states = following.select(*entity, F.inline(F.filter(F.array(itself, gone), lambda each: each.isNotNull())))
    before = F.lag(F.struct(*names)).over(of_entity)
    states = states.withColumns({"_before": before, "_is_first": F.lag(F.lit(1)).over(of_entity).isNull()})
    is_new = F.col("_is_first") | ~F.struct(*names).eqNullSafe(F.col("_before"))
    return states.where(is_new & ~F.col(_SINCE_ROW)).select(
        *entity, F.col(_TICK).alias("event_ts"), F.col(_TICK).alias("available_ts"), *names
    )


def _at_tick(table: FeatureTable, rows: Mapping[str, DataFrame], tick: datetime) -> str:
    """Write the statement over what is known at a tick."""
    statement = read_statement(str(table.sql))
    seen = {
        key: f"(select {_visible(rows[key])} from {{table_{number}}} where {_condition(key, table, tick)})"
        for number, key in enumerate(statement.keys)
    }
    return statement.render(seen, _literal(tick))


def _query(text: str, table: FeatureTable, rows: Mapping[str, DataFrame]) -> DataFrame:
    frames: dict[str, Any] = {
        f"table_{number}": rows[key] for number, key in enumerate(read_statement(str(table.sql)).keys)
    }
    return next(iter(rows.values())).sparkSession.sql(text, **frames)


def _present(answers: DataFrame, entity: Sequence[str], names: Sequence[str]) -> DataFrame:
    """Give the answers of known entities, and let Spark refuse an entity that has several rows at a tick."""
    rows = answers.where(reduce(lambda both, each: both & each, (F.col(name).isNotNull() for name in entity)))
    several = F.count(F.lit(1)).over(Window.partitionBy(*entity, _TICK)) > 1
    rows = rows.withColumn(_SINCE_ROW, F.when(several, F.raise_error(F.lit(REPEATED)).cast("boolean")).otherwise(False))
    return rows.select(_TICK, *entity, *names, _SINCE_ROW)


def _condition(key: str, table: FeatureTable, tick: datetime) -> str:
    at = _literal(tick)
    if key.startswith(f"{GOLD}."):
        return f"available_ts <= {at} and ({_UNTIL} is null or {_UNTIL} > {at})"
    return f"available_ts > {_literal(tick - (table.needs or timedelta(0)))} and available_ts <= {at}"


def _visible(rows: DataFrame) -> str:
    return ", ".join(f"`{name}`" for name in rows.columns if name != _UNTIL)


def _cast(name: str, feature: ComputedFeature) -> str:
    sql_type = {"long": "bigint"}.get(feature.type, feature.type)
    return f"cast(`{name}` as {sql_type}) as `{name}`"


def _literal(instant: datetime) -> str:
    return f"timestamp'{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}Z'"

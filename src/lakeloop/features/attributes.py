"""Attributes over time as a state log: the newest state known, one row per entity and instant of availability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable


def log_attributes(
    events: DataFrame, table: FeatureTable, last_known: DataFrame | None, built_through: datetime | None
) -> DataFrame:
    """Compute the rows that new events add to the state log of an attribute table.

    An event that is older than what is known already changes nothing and writes no row, so `event_ts` never decreases
    along `available_ts`. Of several events that become available at one instant the newest counts; of several with the
    same `event_ts` the one that is last by its values, so that the answer does not depend on the order of reading.

    Args:
        events: Bronze rows that became available after `built_through`, with `event_ts` and `available_ts`.
        table: The table's declaration.
        last_known: Entity columns and `_known_ts`, the greatest `event_ts` of each entity's published rows; None at the
            first build.
        built_through: Instant up to which the log is complete; None at the first build.

    Returns:
        Entity columns, `event_ts`, `available_ts` and the attributes: at most one row per entity and `available_ts`.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "weather", "entity": ["origin"], "from": "readings",
    ...     "attributes": {"wind": {"as": "wind_mph"}}})
    >>> events = spark.sql(
    ...     "select 'JFK' as origin, timestamp'2013-05-01 10:00:00Z' as event_ts,"
    ...     " timestamp'2013-05-01 10:05:00Z' as available_ts, 12d as wind_mph"
    ...     " union all select 'JFK', timestamp'2013-05-01 09:00:00Z', timestamp'2013-05-01 11:00:00Z', 3d")  # older
    >>> log_attributes(events, table, None, None).select("origin", "event_ts", "wind").show()
    +------+-------------------+----+
    |origin|           event_ts|wind|
    +------+-------------------+----+
    |   JFK|2013-05-01 10:00:00|12.0|
    +------+-------------------+----+
    <BLANKLINE>
    """
    entity = list(table.entity)
    rows = events if built_through is None else events.where(F.col("available_ts") > F.lit(built_through))
    for column in entity:
        rows = rows.where(F.col(column).isNotNull())
    states = rows.select(
        *entity, "event_ts", "available_ts", *(F.expr(each.as_).alias(name) for name, each in table.attributes.items())
    )
    return log_states(states, entity, last_known)


def log_states(states: DataFrame, entity: Sequence[str], last_known: DataFrame | None = None) -> DataFrame:
    """Keep the states that were the newest known of their entity when they became available.

    Args:
        states: Entity columns, `event_ts`, `available_ts` and whatever else a state says.
        entity: Columns that identify what a state is of; a null is a value of its own.
        last_known: Entity columns and `_known_ts`, the greatest `event_ts` known of an entity before; None without one.

    Returns:
        The same columns, at most one row per entity and `available_ts`; `event_ts` never decreases along it.

    >>> states = spark.sql(
    ...     "select * from values ('JFK', 10, 11, 12d), ('JFK', 9, 12, 3d), ('JFK', 10, 11, 8d)"
    ...     " as (origin, event_ts, available_ts, wind)")
    >>> [tuple(row) for row in log_states(states, ["origin"]).collect()]
    [('JFK', 10, 11, 12.0)]
    """
    names = [name for name in states.columns if name not in (*entity, "event_ts", "available_ts")]
    newest = Window.partitionBy(*entity, "available_ts").orderBy(
        F.col("event_ts").desc(), *(F.col(name).desc() for name in names)
    )
    states = states.withColumn("_rank", F.row_number().over(newest)).where("_rank = 1").drop("_rank")
    earlier = Window.partitionBy(*entity).orderBy("available_ts").rowsBetween(Window.unboundedPreceding, -1)
    states = states.withColumn("_before_ts", F.max("event_ts").over(earlier))
    if last_known is not None:
        states = states.join(last_known, [*entity], "left")
        states = states.withColumn("_before_ts", F.greatest("_before_ts", "_known_ts")).drop("_known_ts")
    newer = F.col("_before_ts").isNull() | (F.col("event_ts") >= F.col("_before_ts"))
    return states.where(newer).drop("_before_ts")

"""Features of a few rows, each computed again from what was available at its own instant and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.attributes import log_attributes
from lakeloop.features.function_ticks import Function, call_apart
from lakeloop.features.windows import aggregate_windows, floor_tick, reach_back

_SAMPLE, _ASKED = "_sample", "_asked_ts"


def recompute(asked: DataFrame, events: DataFrame, table: FeatureTable, through: datetime) -> DataFrame:
    """Compute the features of a table for single rows, from tables cut off at each row's instant.

    Every row gets events of its own: those of its entity that were available by its instant. The table is then built of
    them as if the row were the entity, so that no row sees what another may see.

    Args:
        asked: Rows: `_sample` (an id), `_asked_ts` (the instant) and the entity columns; few of them.
        events: Bronze rows of the table's source.
        table: The table's declaration; windowed, or attributes.
        through: An instant at or after all that are asked.

    Returns:
        `_sample` and the features of the rows of which something was known; the others are left out, as are those whose
        state was older than the table's ttl.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "aggregate": [{"of": "delay", "as": ["count"], "over": ["2 hours"]}]})
    >>> events = spark.sql(
    ...     "select 'UA' as carrier, 5d as delay, timestamp'2013-05-01 10:30:00Z' as available_ts"
    ...     " union all select 'UA', 7d, timestamp'2013-05-01 11:30:00Z'").selectExpr("*", "available_ts as event_ts")
    >>> asked = spark.sql("select 'a' as _sample, 'UA' as carrier, timestamp'2013-05-01 11:59:00Z' as _asked_ts")
    >>> recompute(asked, events, table, datetime(2013, 5, 1, 12, tzinfo=UTC)).show()
    +-------+--------------+
    |_sample|count_delay_2h|
    +-------+--------------+
    |      a|             1|
    +-------+--------------+
    <BLANKLINE>
    """
    entity = list(table.entity)
    condition = F.col("available_ts") <= F.col(_ASKED)
    if table.every is not None:
        reach = (reach_back(table) + table.every) // timedelta(microseconds=1)
        condition &= _age(F.col(_ASKED), F.col("available_ts")) < F.lit(reach)
    own = events.join(F.broadcast(asked.select(_SAMPLE, _ASKED, *entity)), entity).where(condition)
    alone = table.model_copy(update={"entity": (_SAMPLE,)})
    instants = asked.select(_SAMPLE, _ASKED)
    if table.every is None:
        log = log_attributes(own, alone, None, None).join(F.broadcast(instants), _SAMPLE)
        known = F.col("available_ts") <= F.col(_ASKED)
    else:
        log = aggregate_windows(own, alone, None, through).join(F.broadcast(instants), _SAMPLE)
        known = F.col("available_ts") <= floor_tick(F.col(_ASKED), table.every)
    state = F.struct("event_ts", *table.feature_names)
    newest = log.where(known).groupBy(_SAMPLE, _ASKED).agg(F.max_by(state, F.col("available_ts")).alias("_state"))
    if table.ttl is not None:
        oldest = F.lit(table.ttl // timedelta(microseconds=1))
        newest = newest.where(_age(F.col(_ASKED), F.col("_state.event_ts")) <= oldest)
    return newest.select(_SAMPLE, *(F.col(f"_state.{name}").alias(name) for name in table.feature_names))


def recall(
    asked: DataFrame, events: DataFrame, table: FeatureTable, function: Function, ties: Sequence[str]
) -> DataFrame:
    """Call the function of a Python feature table for single rows, each with what it may see at the row's own tick.

    Args:
        asked: Rows: `_sample` (an id), `_asked_ts` (the instant) and the entity columns; few of them.
        events: Bronze rows of the table's source.
        table: The table's declaration; one of a function.
        function: As of `call_ticks`.
        ties: Columns by which events of the same instants are ordered.

    Returns:
        `_sample` and the features of the rows of which events are seen; the others are left out.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "orders", "every": "1 hour", "needs": "2 hours",
    ...     "python": "my_module.pace", "features": {"n": {"type": "long"}}})
    >>> orders = spark.sql(
    ...     "select 'A' as shop, explode(array(timestamp'2024-01-01 09:00:00Z', timestamp'2024-01-01 10:30:00Z',"
    ...     " timestamp'2024-01-01 11:30:00Z')) as available_ts").selectExpr("*", "available_ts as event_ts")
    >>> asked = spark.sql("select 'a' as _sample, 'A' as shop, timestamp'2024-01-01 11:20:00Z' as _asked_ts")
    >>> [tuple(each) for each in recall(asked, orders, table, lambda rows: {"n": len(rows)}, []).collect()]
    [('a', 1)]
    """
    if table.every is None or table.needs is None:
        raise ValueError(f"{table.feature_table} has no ticks")
    tick = floor_tick(F.col(_ASKED), table.every)
    seen = (F.col("available_ts") <= tick) & (
        _age(tick, F.col("available_ts")) < F.lit(table.needs // timedelta(microseconds=1))
    )
    rows = F.broadcast(asked.select(_SAMPLE, _ASKED, *table.entity))
    own = events.join(rows, list(table.entity)).where(seen).select(*events.columns, _SAMPLE)
    return call_apart(own, table, function, _SAMPLE, ties)


def _age(instant: Column, event: Column) -> Column:
    """Microseconds from an event to an instant."""
    return F.unix_micros(instant) - F.unix_micros(event)

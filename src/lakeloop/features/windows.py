"""Windowed aggregates as a state log: one row per entity at every tick at which a value changes.

The value at tick t covers the events that became available in (t - window, t]. An event that becomes available at a
counts from its entry tick, the first tick at or after a, and leaves a window of length w at entry + w, because w is a
whole number of ticks. So events are first summed per entity and entry tick, and every later step works on these sums.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.aggregates import AGGREGATES, Part
from lakeloop.config.feature_table import FeatureTable


def floor_tick(instant: Column, every: timedelta) -> Column:
    """Give the last tick at or before an instant; ticks are whole multiples since 1970-01-01 00:00 UTC.

    Args:
        instant: Timestamp column.
        every: Length of a tick.

    Returns:
        A timestamp column.

    >>> instants = spark.sql("select timestamp'2013-05-01 04:59:00Z' as at")
    >>> instants.select(floor_tick(instants["at"], timedelta(hours=1)).cast("string")).first()[0]
    '2013-05-01 04:00:00'
    """
    tick = int(every.total_seconds())
    return F.timestamp_seconds(F.floor(F.unix_micros(instant) / F.lit(tick * 1_000_000)) * tick)


def floor_tick_of(instant: datetime, every: timedelta) -> datetime:
    """Give the last tick at or before an instant.

    >>> from datetime import UTC
    >>> floor_tick_of(datetime(2013, 5, 1, 4, 59, tzinfo=UTC), timedelta(hours=1)).isoformat()
    '2013-05-01T04:00:00+00:00'
    """
    micros = (instant - datetime.fromtimestamp(0, instant.tzinfo)) // timedelta(microseconds=1)
    tick = every // timedelta(microseconds=1)
    return instant - timedelta(microseconds=micros % tick)


def longest_window(table: FeatureTable) -> timedelta:
    """Give the length of the longest window of a windowed table.

    >>> aggregate = [{"of": "delay", "as": ["mean"], "over": ["3 hours", "1 day"]}]
    >>> longest_window(FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "aggregate": aggregate}))
    datetime.timedelta(days=1)
    """
    return max(window for aggregate in table.aggregate for window in aggregate.over)


def aggregate_windows(
    events: DataFrame, table: FeatureTable, built_through: datetime | None, through: datetime
) -> DataFrame:
    """Compute the state log of a windowed table over a stretch of ticks.

    Args:
        events: Bronze rows with `available_ts`; at least all that became available in
            (built_through - longest window, through].
        table: The table's declaration.
        built_through: Tick up to which the log is complete; None at the first build.
        through: Tick up to which it is to be complete.

    Returns:
        One row per entity and tick in (built_through, through] at which a value changes: entity columns, `event_ts`
        and `available_ts` (both the tick), and the features. Rows whose entity has a null are left out. An emptied
        window has count 0 and null statistics.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "aggregate": [{"of": "delay", "as": ["count", "mean"], "over": ["2 hours"]}]})
    >>> events = spark.sql(
    ...     "select 'UA' as carrier, timestamp'2013-05-01 10:30:00Z' as available_ts, 5d as delay"
    ...     " union all select 'UA', timestamp'2013-05-01 11:00:00Z', 7d")
    >>> log = aggregate_windows(events, table, None, datetime(2013, 5, 1, 20, tzinfo=UTC)).orderBy("available_ts")
    >>> log.select("carrier", "available_ts", "count_delay_2h", "mean_delay_2h").show()
    +-------+-------------------+--------------+-------------+
    |carrier|       available_ts|count_delay_2h|mean_delay_2h|
    +-------+-------------------+--------------+-------------+
    |     UA|2013-05-01 11:00:00|             2|          6.0|
    |     UA|2013-05-01 13:00:00|             0|         NULL|
    +-------+-------------------+--------------+-------------+
    <BLANKLINE>
    """
    if table.every is None:
        raise ValueError(f"{table.feature_table} is not windowed")
    tick = int(table.every.total_seconds())
    entity = list(table.entity)
    available_us = F.unix_micros("available_ts")
    entry = (F.ceil(available_us / F.lit(tick * 1_000_000)) * tick).alias("_tick")
    parts = _parts(table)
    known = events
    for column in entity:
        known = known.where(F.col(column).isNotNull())
    values = known.select(*entity, entry, *(F.col(of).cast("double").alias(of) for of in parts))
    # One exchange, by entity; the grouping by entity and tick and the windows below all stand on it.
    taken = [
        F.expr(part.of_events.format(value=f"`{of}`")).alias(_partial(of, part))
        for of, needed in parts.items()
        for part in needed
    ]
    sums = values.repartition(*entity).groupBy(*entity, "_tick").agg(*taken)

    windows = sorted({int(w.total_seconds()) for aggregate in table.aggregate for w in aggregate.over})
    changes = sums.withColumn("_shift", F.explode(F.array(*(F.lit(shift) for shift in (0, *windows)))))
    entering = F.col("_shift") == 0
    partials = [_partial(of, part) for of, needed in parts.items() for part in needed]
    at_ticks = changes.select(
        *entity,
        (F.col("_tick") + F.col("_shift")).alias("_tick"),
        *(F.when(entering, F.col(name)).alias(name) for name in partials),
    )
    # At most one of the rows that meet at a tick carries sums: the events that enter there.
    log = at_ticks.groupBy(*entity, "_tick").agg(*(F.max(name).alias(name) for name in partials))
    merged, features = _over_windows(table)
    tick_ts = F.timestamp_seconds("_tick")
    rows = log.withColumns(merged).select(*entity, tick_ts.alias("event_ts"), tick_ts.alias("available_ts"), *features)
    rows = rows.where(F.col("available_ts") <= F.lit(through))
    return rows if built_through is None else rows.where(F.col("available_ts") > F.lit(built_through))


def _parts(table: FeatureTable) -> dict[str, list[Part]]:
    """List the parts each measure is taken in: what its aggregates need, each once."""
    needed: dict[str, dict[str, Part]] = {}
    for aggregate in table.aggregate:
        of_measure = needed.setdefault(aggregate.of, {})
        for name in aggregate.as_:
            of_measure.update({part.name: part for part in AGGREGATES[name].parts})
    return {of: list(parts.values()) for of, parts in needed.items()}


def _partial(of: str, part: Part) -> str:
    return f"_{part.name}_{of}"


def _over_windows(table: FeatureTable) -> tuple[dict[str, Column], list[Column]]:
    """Merge the parts over each window, and make the features of them."""
    ordered = Window.partitionBy(*table.entity).orderBy("_tick")
    merged: dict[str, Column] = {}
    features = []
    for aggregate in table.aggregate:
        for name in aggregate.as_:
            for window in aggregate.over:
                seconds = int(window.total_seconds())
                frame = ordered.rangeBetween(1 - seconds, 0)
                columns = {}
                for part in AGGREGATES[name].parts:
                    over = f"{_partial(aggregate.of, part)}_{seconds}"
                    merged[over] = F.expr(f"{part.merge}(`{_partial(aggregate.of, part)}`)").over(frame)
                    columns[part.name] = f"`{over}`"
                value = F.expr(AGGREGATES[name].value_of(columns))
                features.append(value.alias(aggregate.feature_name(name, window)))
    return merged, features

"""Windowed aggregates as a state log: one row per entity at every tick at which a value changes.

The value at tick t covers the events that became available in (t - window, t]. An event that becomes available at a
counts from its entry tick, the first tick at or after a, and leaves a window of length w at entry + w, because w is a
whole number of ticks. So events are first summed per entity and entry tick, and every later step works on these sums.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable, Statistic


def floor_tick(instant: Column, every: timedelta) -> Column:
    """Give the last tick at or before an instant; ticks are whole multiples since 1970-01-01 00:00 UTC.

    Args:
        instant: Timestamp column.
        every: Length of a tick.

    Returns:
        A timestamp column.
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
    """Give the length of the longest window of a windowed table."""
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
    """
    if table.every is None:
        raise ValueError(f"{table.feature_table} is not windowed")
    tick = int(table.every.total_seconds())
    entity = list(table.entity)
    available_us = F.unix_micros("available_ts")
    entry = (F.ceil(available_us / F.lit(tick * 1_000_000)) * tick).alias("_tick")
    measures = list(dict.fromkeys(aggregate.of for aggregate in table.aggregate))
    known = events
    for column in entity:
        known = known.where(F.col(column).isNotNull())
    values = known.select(*entity, entry, *(F.col(of).cast("double").alias(of) for of in measures))
    # One exchange, by entity; the grouping by entity and tick and the windows below all stand on it.
    sums = values.repartition(*entity).groupBy(*entity, "_tick").agg(*(c for of in measures for c in _partials(of)))

    windows = sorted({int(w.total_seconds()) for aggregate in table.aggregate for w in aggregate.over})
    changes = sums.withColumn("_shift", F.explode(F.array(*(F.lit(shift) for shift in (0, *windows)))))
    entering = F.col("_shift") == 0
    at_ticks = changes.select(
        *entity,
        (F.col("_tick") + F.col("_shift")).alias("_tick"),
        *(F.when(entering, F.col(name)).alias(name) for of in measures for name in _partial_names(of)),
    )
    # At most one of the rows that meet at a tick carries sums: the events that enter there.
    log = at_ticks.groupBy(*entity, "_tick").agg(
        *(F.max(name).alias(name) for of in measures for name in _partial_names(of))
    )
    ordered = Window.partitionBy(*entity).orderBy("_tick")
    features = []
    for aggregate in table.aggregate:
        for statistic in aggregate.as_:
            for window in aggregate.over:
                frame = ordered.rangeBetween(1 - int(window.total_seconds()), 0)
                value = _statistic(statistic, aggregate.of, frame)
                features.append(value.alias(aggregate.feature_name(statistic, window)))
    tick_ts = F.timestamp_seconds("_tick")
    rows = log.select(*entity, tick_ts.alias("event_ts"), tick_ts.alias("available_ts"), *features)
    rows = rows.where(F.col("available_ts") <= F.lit(through))
    return rows if built_through is None else rows.where(F.col("available_ts") > F.lit(built_through))


def _partial_names(of: str) -> tuple[str, ...]:
    return tuple(f"_{kind}_{of}" for kind in ("n", "s", "q", "lo", "hi"))


def _partials(of: str) -> list[Column]:
    value = F.col(of)
    parts = (F.count(value).cast("double"), F.sum(value), F.sum(value * value), F.min(value), F.max(value))
    return [part.alias(name) for part, name in zip(parts, _partial_names(of), strict=True)]


def _statistic(statistic: Statistic, of: str, frame: Window | object) -> Column:
    n, s, q, lo, hi = (F.col(name) for name in _partial_names(of))
    count = F.coalesce(F.sum(n).over(frame), F.lit(0.0))  # type: ignore[arg-type]  # WindowSpec, classic or Connect
    total = F.sum(s).over(frame)  # type: ignore[arg-type]  # as above
    match statistic:
        case Statistic.COUNT:
            return count.cast("long")
        case Statistic.SUM:
            return total
        case Statistic.MEAN:
            return F.when(count > 0, total / count)
        case Statistic.MIN:
            return F.min(lo).over(frame)  # type: ignore[arg-type]  # as above
        case Statistic.MAX:
            return F.max(hi).over(frame)  # type: ignore[arg-type]  # as above
        case Statistic.STDDEV:
            # Sample standard deviation from sums; rounding can leave a tiny negative difference of squares.
            spread = F.sum(q).over(frame) - total * total / count  # type: ignore[arg-type]  # as above
            return F.when(count > 1, F.sqrt(F.greatest(spread, F.lit(0.0)) / (count - 1)))

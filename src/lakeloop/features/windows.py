"""Windowed aggregates as a state log: one row per entity at every tick at which an event enters or leaves a window.

The value at tick t covers the events that became available in (t - offset - window, t - offset], after the table's
delay. An event that becomes available at a has its entry tick, the first at or after a + delay; it counts from
entry + offset and leaves a window of length w at entry + offset + w, because offset and w are whole numbers of ticks.
So events are first summed per entity and entry tick, and every later step works on these sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.aggregates import PARTS, Part, find_aggregate
from lakeloop.config.aggregate import WindowFeature
from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.moments import Moments, merge_moments
from lakeloop.features.stretches import Stretch
from lakeloop.with_columns import with_columns


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


def reach_back(table: FeatureTable) -> timedelta:
    """Tell how far before a tick the events of a windowed table may have become available that count at it.

    Args:
        table: The table's declaration.

    Returns:
        The longest of its windows, each with its offset, and the table's delay.

    >>> windows = [{"of": "delay", "as": ["mean"], "over": ["3 hours", "1 day"]},
    ...            {"of": "delay", "as": ["mean"], "over": ["3 hours"], "offset": "7 days", "name": "last_week"}]
    >>> reach_back(FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "delay": "2 hours", "aggregate": windows}))
    datetime.timedelta(days=7, seconds=18000)
    """
    return max(each.window + each.offset for each in table.window_features) + table.delay


def aggregate_windows(
    events: DataFrame, table: FeatureTable, built_through: datetime | None, through: datetime
) -> DataFrame:
    """Compute the state log of a windowed table over a stretch of ticks.

    Args:
        events: Bronze rows with `event_ts` and `available_ts`; at least all that became available in
            (built_through - reach_back(table), through].
        table: The table's declaration.
        built_through: Tick up to which the log is complete; None at the first build.
        through: Tick up to which it is to be complete.

    Returns:
        One row per entity and tick in (built_through, through] at which an event enters or leaves a window: entity
        columns, `event_ts` and `available_ts` (both the tick), and the features. Rows whose entity has a null are left
        out. An emptied window has count and distinct 0, and null statistics.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "aggregate": [{"of": "delay", "as": ["count", "mean"], "over": ["2 hours"]}]})
    >>> events = spark.sql(
    ...     "select 'UA' as carrier, timestamp'2013-05-01 10:30:00Z' as available_ts, 5d as delay"
    ...     " union all select 'UA', timestamp'2013-05-01 11:00:00Z', 7d").selectExpr("*", "available_ts as event_ts")
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
    entity, tick, features = list(table.entity), _seconds(table.every), table.window_features
    partials = _partials(features)
    # One exchange, by entity; the grouping by entity and tick and the windows below all stand on it.
    values = _values(events, table, tick, features).repartition(*entity)
    of_tick = Window.partitionBy(*entity, "_tick")
    values = with_columns(
        values,
        {
            f"{column}_level": F.min(F.expr(f"cast({each.raw} as double)")).over(of_tick)
            for column, each in partials.items()
            if each.part.needs_level
        },
    )
    sums = values.groupBy(*entity, "_tick").agg(*(each.of_events(column) for column, each in partials.items()))

    shown = _shown_shifts(features)
    changes = sums.withColumn("_shift", F.explode(F.array(*(F.lit(shift) for shift in sorted({0} | shown)))))
    entering = F.col("_shift") == 0
    at_ticks = changes.select(
        *entity,
        (F.col("_tick") + F.col("_shift")).alias("_tick"),
        F.col("_shift").isin(*shown).alias("_shown"),
        *(F.when(entering, F.col(name)).alias(name) for name in partials),
    )
    # At most one of the rows that meet at a tick carries sums: the events that enter there.
    log = at_ticks.groupBy(*entity, "_tick").agg(
        F.bool_or("_shown").alias("_shown"), *(F.max(name).alias(name) for name in partials)
    )
    tick_ts = F.timestamp_seconds("_tick")
    rows = _merge(log, entity, features).where("_shown")
    rows = rows.select(
        *entity,
        tick_ts.alias("event_ts"),
        tick_ts.alias("available_ts"),
        *(_value(each, features).alias(each.name) for each in features),
    )
    rows = rows.where(F.col("available_ts") <= F.lit(through))
    return rows if built_through is None else rows.where(F.col("available_ts") > F.lit(built_through))


def entry_keys(events: DataFrame, table: FeatureTable, stretch: Stretch) -> DataFrame:
    """Tell where rows of a windowed table stand, without computing them.

    Args:
        events: Bronze rows, as for `aggregate_windows`.
        table: The table's declaration.
        stretch: Ticks to tell of.

    Returns:
        Entity columns and `available_ts`, as in the log.

    >>> from datetime import UTC
    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "delays", "entity": ["carrier"], "from": "outcomes", "every": "1 hour",
    ...     "aggregate": [{"of": "delay", "as": ["count", "mean"], "over": ["2 hours"]}]})
    >>> event = "select 'UA' as carrier, timestamp'2013-05-01 10:30:00Z' as available_ts, 5d as delay"
    >>> events = spark.sql(event).selectExpr("*", "available_ts as event_ts")
    >>> day = Stretch(datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 5, 2, tzinfo=UTC))
    >>> [row["available_ts"].hour for row in entry_keys(events, table, day).orderBy("available_ts").collect()]
    [11, 13]
    """
    if table.every is None:
        raise ValueError(f"{table.feature_table} is not windowed")
    entity, features = list(table.entity), table.window_features
    shown = _shown_shifts(features)
    entries = _values(events, table, _seconds(table.every), features).select(*entity, "_tick").distinct()
    shift = F.explode(F.array(*(F.lit(each) for each in sorted(shown)))).alias("_shift")
    at = entries.select(*entity, "_tick", shift).select(
        *entity, F.timestamp_seconds(F.col("_tick") + F.col("_shift")).alias("available_ts")
    )
    is_in = (F.col("available_ts") > F.lit(stretch.after)) & (F.col("available_ts") <= F.lit(stretch.through))
    return at.where(is_in).distinct()


@dataclass(frozen=True)
class _Partial:
    """A part of a measure: the measure's column, and what the events of a tick come to."""

    raw: str
    part: Part

    def of_events(self, column: str) -> Column:
        value, level = f"cast({self.raw} as double)", f"`{column}_level`"
        return F.expr(self.part.of_events.format(value=value, raw=self.raw, level=level)).alias(column)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _shown_shifts(features: Sequence[WindowFeature]) -> set[int]:
    """Tell how long after its entry tick an event changes a feature, in seconds: it is counted, and counted no more."""
    return {_seconds(each.offset) for each in features} | {_seconds(each.offset + each.window) for each in features}


def _measures(features: Sequence[WindowFeature]) -> dict[str, str]:
    """Name the measures, each once: expression -> column."""
    values = dict.fromkeys(each.aggregate.value for each in features)
    return {value: f"_raw_{number}" for number, value in enumerate(values)}


def _values(events: DataFrame, table: FeatureTable, tick: int, features: Sequence[WindowFeature]) -> DataFrame:
    """Give every event of a known entity its entry tick and its measures."""
    known = events
    for column in table.entity:
        known = known.where(F.col(column).isNotNull())
    usable_us = F.unix_micros("available_ts") + F.lit(_seconds(table.delay) * 1_000_000)
    entry = (F.ceil(usable_us / F.lit(tick * 1_000_000)) * tick).alias("_tick")
    measures = (F.expr(value).alias(column) for value, column in _measures(features).items())
    return known.select(*table.entity, "event_ts", "available_ts", entry, *measures)


def _partials(features: Sequence[WindowFeature]) -> dict[str, _Partial]:
    """List the parts the measures are taken in, each once, by column."""
    measures = _measures(features)
    return {
        _partial(each, part, measures): _Partial(measures[each.aggregate.value], part)
        for each in features
        for part in find_aggregate(each.computed_as).parts
    }


def _partial(feature: WindowFeature, part: Part, measures: Mapping[str, str]) -> str:
    # What a package calls its own part may be the name of another's: only lakeloop's parts are shared.
    name = part.name if part in PARTS else f"{feature.computed_as}__{part.name}"
    return f"{measures[feature.aggregate.value]}_{name}"


def _merged(feature: WindowFeature, part: Part, measures: Mapping[str, str]) -> str:
    return f"{_partial(feature, part, measures)}_{_seconds(feature.window)}_{_seconds(feature.offset)}"


def _merge(log: DataFrame, entity: Sequence[str], features: Sequence[WindowFeature]) -> DataFrame:
    """Merge the parts over each window."""
    ordered = Window.partitionBy(*entity).orderBy("_tick")
    measures = _measures(features)
    merged: dict[str, Column] = {}
    moments: dict[str, Moments] = {}
    for each in features:
        seconds, offset = _seconds(each.window), _seconds(each.offset)
        frame = ordered.rangeBetween(1 - seconds - offset, -offset)
        for part in find_aggregate(each.computed_as).parts:
            column, over = _partial(each, part, measures), _merged(each, part, measures)
            if part.merge == "moments":
                moments[over] = Moments(column, seconds, offset)
            else:
                merged[over] = F.expr(f"{part.merge}(`{column}`)").over(frame)
    return merge_moments(with_columns(log, merged), entity, moments)


def _value(feature: WindowFeature, features: Sequence[WindowFeature]) -> Column:
    aggregate, measures = find_aggregate(feature.computed_as), _measures(features)
    columns = {part.name: f"`{_merged(feature, part, measures)}`" for part in aggregate.parts}
    return F.expr(aggregate.value_of(columns))

from __future__ import annotations

import math
import statistics
from datetime import timedelta
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakeloop.features.windows import aggregate_windows, floor_tick, floor_tick_of, reach_back
from tests.factories import EVENT_COLUMNS, Row, declare_attributes, declare_windows, frame, instant, make_event, rows_of

EVENING = instant("2013-05-01 20:00")
DELAYS = "carrier string, event_ts timestamp, available_ts timestamp, " + ", ".join(
    f"{statistic}_delay_2h {'bigint' if statistic == 'count' else 'double'}"
    for statistic in ("count", "sum", "mean", "min", "max", "stddev")
)


def delays(tick: str, carrier: str, *values: float | None) -> Row:
    """A row of `DELAYS` from the values in the order of its columns; without values the window is empty."""
    names = ("count_delay_2h", "sum_delay_2h", "mean_delay_2h", "min_delay_2h", "max_delay_2h", "stddev_delay_2h")
    ts = instant(f"2013-05-01 {tick}")
    stated = values or (0, None, None, None, None, None)
    return {"carrier": carrier, "event_ts": ts, "available_ts": ts, **dict(zip(names, stated, strict=True))}


def test_aggregate_windows_writes_a_row_where_a_value_changes(zoned: SparkSession) -> None:
    events = [
        make_event("2013-05-01 10:00", delay=10.0),  # at a tick: counts at that very tick
        make_event("2013-05-01 10:00:00.000001", delay=20.0),  # a microsecond later: at the next one
        make_event("2013-05-01 10:59", delay=None),  # a missing value counts for nothing
        make_event("2013-05-01 15:30", delay=7.0),  # after a gap
        make_event("2013-05-01 10:00", carrier="AA", delay=None),  # nothing but a missing value
        make_event("2013-05-01 10:00", carrier=None, delay=99.0),  # of nobody
        make_event("2013-05-01 19:30", carrier="B6", delay=-3.0),  # leaves after what is to be built
        make_event("2013-05-01 20:00:00.000001", carrier="DL", delay=99.0),  # enters after it
    ]

    found = aggregate_windows(frame(zoned, EVENT_COLUMNS, events), declare_windows(), None, EVENING)

    expected = [
        delays("10:00", "UA", 1, 10.0, 10.0, 10.0, 10.0, None),
        delays("11:00", "UA", 2, 30.0, 15.0, 10.0, 20.0, math.sqrt(50.0)),
        delays("12:00", "UA", 1, 20.0, 20.0, 20.0, 20.0, None),  # the first left: (10:00, 12:00]
        delays("13:00", "UA"),
        delays("16:00", "UA", 1, 7.0, 7.0, 7.0, 7.0, None),
        delays("18:00", "UA"),
        delays("10:00", "AA"),
        delays("12:00", "AA"),
        delays("20:00", "B6", 1, -3.0, -3.0, -3.0, -3.0, None),
    ]
    assert_df_equality(found, frame(zoned, DELAYS, expected), ignore_row_order=True, ignore_nullable=True)


def test_aggregate_windows_builds_the_ticks_after_the_last_build_up_to_the_wanted_one(spark: SparkSession) -> None:
    events = [make_event("2013-05-01 10:00", delay=10.0), make_event("2013-05-01 10:30", delay=20.0)]
    since, through = instant("2013-05-01 10:00"), instant("2013-05-01 12:00")
    found = aggregate_windows(frame(spark, EVENT_COLUMNS, events), declare_windows(), since, through)
    expected = [
        delays("11:00", "UA", 2, 30.0, 15.0, 10.0, 20.0, math.sqrt(50.0)),
        delays("12:00", "UA", 1, 20.0, 20.0, 20.0, 20.0, None),
    ]
    assert_df_equality(found, frame(spark, DELAYS, expected), ignore_row_order=True, ignore_nullable=True)


def test_aggregate_windows_counts_a_boolean_as_0_and_1_over_each_of_its_windows(spark: SparkSession) -> None:
    table = declare_windows(
        [
            {"of": "is_late", "as": ["mean", "count"], "over": ["1 hour", "3 hours"]},
            {"of": "delay", "as": ["max"], "over": ["1 hour"]},
        ]
    )
    events = [
        make_event("2013-05-01 10:00", is_late=True, delay=40.0),
        make_event("2013-05-01 10:00", is_late=False, delay=50.0),
        make_event("2013-05-01 11:30", is_late=False, delay=None),
    ]
    columns = (
        "carrier string, event_ts timestamp, available_ts timestamp, mean_is_late_1h double, mean_is_late_3h double, "
        "count_is_late_1h bigint, count_is_late_3h bigint, max_delay_1h double"
    )

    def row(tick: str, *values: float | None) -> Row:
        ts = instant(f"2013-05-01 {tick}")
        names = ("mean_is_late_1h", "mean_is_late_3h", "count_is_late_1h", "count_is_late_3h", "max_delay_1h")
        return {"carrier": "UA", "event_ts": ts, "available_ts": ts, **dict(zip(names, values, strict=True))}

    expected = [
        row("10:00", 0.5, 0.5, 2, 2, 50.0),
        row("11:00", None, 0.5, 0, 2, None),
        row("12:00", 0.0, 1 / 3, 1, 3, None),
        row("13:00", None, 0.0, 0, 1, None),
        row("15:00", None, None, 0, 0, None),
    ]
    found = aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING)
    assert_df_equality(found, frame(spark, columns, expected), ignore_row_order=True, ignore_nullable=True)


def test_aggregate_windows_of_several_keys_leaves_out_rows_with_any_of_them_missing(spark: SparkSession) -> None:
    table = declare_windows([{"of": "delay", "as": ["count"], "over": ["1 hour"]}], entity=["carrier", "is_late"])
    events = [
        make_event("2013-05-01 19:30", carrier="UA", is_late=None),
        make_event("2013-05-01 19:30", carrier=None, is_late=True),
        make_event("2013-05-01 19:30", carrier="UA", is_late=True),
        make_event("2013-05-01 19:40", carrier="UA", is_late=False),
    ]
    found = rows_of(aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING), "is_late")
    assert [(row["carrier"], row["is_late"], row["count_delay_1h"]) for row in found] == [
        ("UA", False, 1),
        ("UA", True, 1),
    ]


def test_aggregate_windows_of_no_events_has_the_columns_and_no_rows(spark: SparkSession) -> None:
    found = aggregate_windows(frame(spark, EVENT_COLUMNS, []), declare_windows(), None, EVENING)
    assert_df_equality(found, frame(spark, DELAYS, []), ignore_nullable=True)


def test_aggregate_windows_shuffles_once(spark: SparkSession) -> None:
    found = aggregate_windows(frame(spark, EVENT_COLUMNS, []), declare_windows(), None, EVENING)
    plan = found._jdf.queryExecution().executedPlan().toString()  # the plan as text, as EXPLAIN prints it
    assert plan.count("Exchange") == 1


def test_aggregate_windows_refuses_a_table_without_a_tick(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="carriers is not windowed"):
        aggregate_windows(frame(spark, EVENT_COLUMNS, []), declare_attributes(), None, EVENING)


TICKS = [
    ("2013-05-01 10:00", timedelta(hours=1), "2013-05-01 10:00"),
    ("2013-05-01 09:59:59.999999", timedelta(hours=1), "2013-05-01 09:00"),
    ("2013-05-01 10:00:00.000001", timedelta(hours=1), "2013-05-01 10:00"),
    ("2013-05-01 00:00", timedelta(days=1), "2013-05-01 00:00"),
    ("2013-04-30 23:59:59.999999", timedelta(days=1), "2013-04-30 00:00"),
    ("2013-05-01 10:00:00.999999", timedelta(seconds=1), "2013-05-01 10:00"),
    ("2099-12-31 23:59:59.999999", timedelta(seconds=1), "2099-12-31 23:59:59"),
    ("2013-05-01 00:00", timedelta(weeks=1), "2013-04-25 00:00"),  # weeks begin on Thursdays, as 1970 did
    ("1969-12-31 23:30", timedelta(hours=1), "1969-12-31 23:00"),
]


def test_floor_tick_gives_the_last_tick_at_or_before_the_instant(zoned: SparkSession) -> None:
    at = frame(
        zoned, "row int, at timestamp", [{"row": row, "at": instant(text)} for row, (text, _, _) in enumerate(TICKS)]
    )
    ticks = F.coalesce(
        *(F.when(F.col("row") == row, floor_tick(F.col("at"), every)) for row, (_, every, _) in enumerate(TICKS))
    )
    found = [row["tick"] for row in rows_of(at.select("row", ticks.alias("tick")), "row")]
    assert found == [instant(tick) for _, _, tick in TICKS]


@pytest.mark.parametrize(("at", "every", "tick"), TICKS)
def test_floor_tick_of_agrees_with_floor_tick(at: str, every: timedelta, tick: str) -> None:
    assert floor_tick_of(instant(at), every) == instant(tick)


def test_reach_back_looks_at_every_aggregate_its_offset_and_the_delay() -> None:
    table = declare_windows(
        [
            {"of": "delay", "as": ["sum"], "over": ["1 day", "3 hours"]},
            {"of": "is_late", "as": ["mean"], "over": ["2 hours"], "offset": "23 hours"},
        ],
        delay="1 minute",
    )
    assert reach_back(table) == timedelta(days=1, hours=1, minutes=1)


def test_aggregate_windows_of_first_last_distinct_and_rates(spark: SparkSession) -> None:
    table = declare_windows(
        [
            {"of": "delay", "as": ["first", "last", "distinct"], "over": ["2 hours"]},
            {"of": "origin", "as": ["last", "distinct"], "over": ["2 hours"]},
            {"rate": "delay > 5", "name": "is_late", "over": ["2 hours"]},
        ]
    )
    ten = instant("2013-05-01 10:00")
    events = [
        make_event("2013-05-01 10:00", delay=7.0, origin="JFK"),
        make_event("2013-05-01 10:00", delay=9.0, origin=""),  # the same instants: the greater value is the later one
        make_event("2013-05-01 10:10", delay=3.0, event_ts=ten),  # happened then too, told later
        make_event("2013-05-01 10:40", delay=None, origin=None),  # happened last, without a value
        make_event("2013-05-01 11:30", delay=4.0, event_ts=instant("2013-05-01 09:00")),  # told last, happened first
    ]
    found = rows_of(aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING), "available_ts")
    assert [(f"{row['available_ts']:%H}", *(row[name] for name in table.feature_names)) for row in found] == [
        ("10", 7.0, 9.0, 2, "JFK", 2, 1.0),  # '' is a value, and comes before JFK
        ("11", 7.0, 3.0, 3, "EWR", 3, 2 / 3),  # the missing value is in neither part of the rate
        ("12", 4.0, 3.0, 2, "EWR", 1, 0.0),  # told at 11:30, so it enters at 12:00, as the first
        ("13", 4.0, 4.0, 1, "EWR", 1, 0.0),
        ("14", None, None, 0, None, 0, None),
    ]


def test_aggregate_windows_keeps_what_a_condition_keeps_moves_windows_back_and_waits(spark: SparkSession) -> None:
    windows = {"of": "delay", "as": ["count", "sum"], "over": ["1 hour"]}
    table = declare_windows(
        [windows | {"where": "is_late -- as told", "name": "of_late"}, windows | {"offset": "2 hours"}],
        delay="90 minutes",
    )
    events = [
        make_event("2013-05-01 08:30", delay=1.0, is_late=True),  # usable at 10:00, at that very tick
        make_event("2013-05-01 08:30:00.000001", delay=2.0, is_late=None),  # from the next tick on; null keeps nothing
        make_event("2013-05-01 08:40", delay=4.0, is_late=True),
    ]
    found = rows_of(aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING), "available_ts")
    assert [(f"{row['available_ts']:%H}", *(row[name] for name in table.feature_names)) for row in found] == [
        ("10", 1, 1.0, 0, None),
        ("11", 1, 4.0, 0, None),  # (09:00, 10:00] less 90 minutes, and two hours on the same
        ("12", 0, None, 1, 1.0),
        ("13", 0, None, 2, 6.0),
        ("14", 0, None, 0, None),
    ]


def test_a_table_of_past_windows_alone_has_no_rows_before_a_value_changes(spark: SparkSession) -> None:
    table = declare_windows([{"of": "delay", "as": ["count"], "over": ["1 hour"], "offset": "2 hours"}])
    events = frame(spark, EVENT_COLUMNS, [make_event("2013-05-01 10:00")])
    found = rows_of(aggregate_windows(events, table, None, EVENING), "available_ts")
    assert [(f"{row['available_ts']:%H}", row["count_delay_1h"]) for row in found] == [("12", 1), ("13", 0)]


def test_a_late_event_enters_when_it_is_known_and_changes_no_published_row(spark: SparkSession) -> None:
    table = declare_windows([{"of": "delay", "as": ["last", "count"], "over": ["3 hours"]}])
    early = [make_event("2013-05-01 10:00", delay=1.0), make_event("2013-05-01 11:00", delay=2.0)]
    late = make_event("2013-05-01 11:30", delay=9.0, event_ts=instant("2013-05-01 10:30"))

    def built(events: list[Row]) -> list[tuple[Any, ...]]:
        rows = rows_of(aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING), "available_ts")
        return [(f"{row['available_ts']:%H}", row["last_delay_3h"], row["count_delay_3h"]) for row in rows]

    assert built(early) == [("10", 1.0, 1), ("11", 2.0, 2), ("13", 2.0, 1), ("14", None, 0)]
    assert built([*early, late]) == [
        *(("10", 1.0, 1), ("11", 2.0, 2)),
        *(("12", 2.0, 3), ("13", 2.0, 2), ("14", 9.0, 1), ("15", None, 0)),
    ]


def test_stddev_keeps_a_small_spread_of_large_values_beside_outliers_and_drift(spark: SparkSession) -> None:
    """Levels and spreads that no one level subtracted from all values would do for."""
    values = {
        "large": [1e9 + 0.1 * step for step in range(12)],
        "drifting": [1e8 * step + step % 3 for step in range(12)],
        "outlier": [-1e12 if step == 5 else step % 4 + 0.25 for step in range(12)],
        "jump": [1e9 * (step >= 6) + step % 2 for step in range(12)],
    }
    table = declare_windows([{"of": "delay", "as": ["stddev"], "over": ["3 hours"]}])
    start = instant("2013-05-01 00:00")
    events = [
        make_event(start + step * timedelta(minutes=20), carrier=name, delay=value)
        for name, those in values.items()
        for step, value in enumerate(those)
    ]
    rows = rows_of(aggregate_windows(frame(spark, EVENT_COLUMNS, events), table, None, EVENING), "available_ts")
    for row in rows:
        minutes = (row["available_ts"] - start) / timedelta(minutes=1)
        inside = [value for step, value in enumerate(values[row["carrier"]]) if minutes - 180 < 20 * step <= minutes]
        if len(inside) > 1:
            assert row["stddev_delay_3h"] == pytest.approx(statistics.stdev(inside), rel=1e-12), (row, inside)
        else:
            assert row["stddev_delay_3h"] is None


def test_distinct_of_many_is_within_its_error_and_hangs_on_no_order(spark: SparkSession) -> None:
    table = declare_windows([{"of": "delay", "as": ["distinct"], "over": ["2 hours", "1 day"]}])
    events = spark.range(8000).selectExpr(
        "'UA' as carrier",
        "cast(id % 4000 as double) as delay",
        "timestamp_seconds(1367366400 + id % 3 * 3600) as available_ts",
        "timestamp_seconds(1367366400) as event_ts",
    )
    names = ["distinct_delay_2h", "distinct_delay_1d"]

    def estimates(rows: DataFrame) -> list[list[int]]:
        log = aggregate_windows(rows, table, None, instant("2013-05-02 00:00"))
        return [[row[name] for name in names] for row in rows_of(log, "available_ts")]

    found = estimates(events.orderBy("delay"))
    assert found[2][1] == pytest.approx(4000, rel=3 * 0.01625)
    assert found == estimates(events.orderBy(F.xxhash64("delay")))

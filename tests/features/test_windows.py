from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from chispa import assert_df_equality
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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


# --- against brute force ---------------------------------------------------------------------------------------------

TICK = timedelta(minutes=10)
WINDOWS = (timedelta(minutes=20), timedelta(minutes=50))
TABLE = declare_windows(
    [{"of": "delay", "as": ["count", "sum", "mean", "min", "max", "stddev"], "over": ["20 minutes", "50 minutes"]}],
    every="10 minutes",
)
START = instant("2013-05-01 10:00")


@dataclass(frozen=True)
class Event:
    carrier: str
    available_ts: datetime
    delay: float | None


def floor_of(at: datetime) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % TICK


def brute_force(events: Sequence[Event], through: datetime) -> dict[tuple[str, datetime], tuple[float | None, ...]]:
    """State log by definition: every tick at which an event enters or leaves a window, every event in (t - w, t]."""
    log = {}
    for carrier in {event.carrier for event in events}:
        own = [event for event in events if event.carrier == carrier]
        ticks = set()
        for event in own:
            enters = floor_of(event.available_ts - timedelta(microseconds=1)) + TICK
            ticks |= {enters, *(enters + window for window in WINDOWS)}
        for tick in sorted(each for each in ticks if each <= through):
            found: list[list[float | None]] = []
            for window in WINDOWS:
                inside = [each.delay for each in own if tick - window < each.available_ts <= tick]
                values = [value for value in inside if value is not None]
                total = sum(values) if values else None
                found.append(
                    [
                        len(values),
                        total,
                        statistics.fmean(values) if values else None,
                        min(values, default=None),
                        max(values, default=None),
                        statistics.stdev(values) if len(values) > 1 else None,
                    ]
                )
            log[carrier, tick] = tuple(value for pair in zip(*found, strict=True) for value in pair)
    return log


def log_of(rows: DataFrame) -> dict[tuple[str, datetime], tuple[float | None, ...]]:
    found = rows_of(rows)
    log = {(row["carrier"], row["available_ts"]): tuple(row[name] for name in TABLE.feature_names) for row in found}
    assert len(log) == len(found), "at most one row per entity and instant"
    assert all(row["event_ts"] == row["available_ts"] for row in found)
    return log


def assert_equal_logs(found: dict[Any, tuple[Any, ...]], expected: dict[Any, tuple[Any, ...]]) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert [value is None for value in found[key]] == [value is None for value in values], key
        present = [(a, b) for a, b in zip(found[key], values, strict=True) if b is not None]
        assert [a for a, _ in present] == pytest.approx([b for _, b in present], rel=1e-9, abs=1e-9), key


# The entity is the case: few instants, so that ties, emptied windows and boundaries are the rule.
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["UA", "AA", "B6", "DL", "EV", "WN"]),
        st.integers(0, 24).map(lambda step: START + step * TICK / 4),
        st.none() | st.integers(-4, 4).map(float),
    ),
    min_size=10,
    max_size=50,
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def as_frame(spark: SparkSession, events: Sequence[Event]) -> DataFrame:
    rows = [make_event(each.available_ts, carrier=each.carrier, delay=each.delay) for each in events]
    return frame(spark, EVENT_COLUMNS, rows)


@settings(max_examples=6, suppress_health_check=SLOW)
@given(events=EVENTS)
def test_aggregate_windows_agrees_with_brute_force(spark: SparkSession, events: list[Event]) -> None:
    through = START + 9 * TICK
    found = log_of(aggregate_windows(as_frame(spark, events), TABLE, None, through))
    assert_equal_logs(found, brute_force(events, through))


@settings(max_examples=4, suppress_health_check=SLOW)
@given(events=EVENTS, cuts=st.sets(st.integers(0, 11), min_size=1, max_size=2))
def test_several_builds_give_what_one_build_gives(spark: SparkSession, events: list[Event], cuts: set[int]) -> None:
    through, all_events = START + 12 * TICK, as_frame(spark, events)
    stretches = [None, *(START + cut * TICK for cut in sorted(cuts)), through]
    parts = []
    for since, until in pairwise(stretches):
        assert until is not None
        known = all_events.where(F.col("available_ts") <= F.lit(until))  # the future has not landed yet
        if since is not None:  # no more of the past than is promised to be enough
            known = known.where(F.col("available_ts") > F.lit(since - reach_back(TABLE)))
        parts.append(aggregate_windows(known, TABLE, since, until))
    several = parts[0]
    for part in parts[1:]:
        several = several.union(part)
    assert_equal_logs(log_of(several), log_of(aggregate_windows(all_events, TABLE, None, through)))

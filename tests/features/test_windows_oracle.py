"""Windowed features against their definition: every event looked at, for every tick, in plain Python."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.windows import aggregate_windows, reach_back
from tests.factories import EVENT_COLUMNS, declare_windows, frame, instant, rows_of

TICK, MINUTE = timedelta(minutes=10), timedelta(minutes=1)
START = instant("2013-05-01 10:00")
THROUGH = START + 15 * TICK
EVERY_WORD = ["count", "sum", "mean", "min", "max", "stddev", "first", "last", "distinct"]


@dataclass(frozen=True)
class Event:
    available_ts: datetime
    event_ts: datetime
    delay: float | None
    is_late: bool | None
    origin: str | None


@dataclass(frozen=True)
class Feature:
    """A feature by definition: a statistic of what events count as, over (t - offset - window, t - offset]."""

    name: str
    statistic: str
    window: timedelta
    counts_as: Callable[[Event], Any]
    offset: timedelta = timedelta(0)


def at_jfk(event: Event) -> Any:
    return event.delay if event.origin == "JFK" else None


def is_positive(event: Event) -> bool | None:
    return None if event.delay is None else event.delay > 0


FEATURES = [
    *(Feature(f"{word}_delay_20min", word, 20 * MINUTE, lambda event: event.delay) for word in EVERY_WORD),
    *(Feature(f"{word}_delay_50min", word, 50 * MINUTE, lambda event: event.delay) for word in EVERY_WORD),
    *(
        Feature(f"{word}_delay_at_jfk_30min", word, 30 * MINUTE, at_jfk, 20 * MINUTE)
        for word in ("count", "last", "stddev")
    ),
    Feature("rate_is_positive_50min", "mean", 50 * MINUTE, is_positive),
    Feature(
        "rate_of_late_20min", "mean", 20 * MINUTE, lambda event: is_positive(event) if event.is_late else None, 3 * TICK
    ),
    *(Feature(f"{word}_origin_30min", word, 30 * MINUTE, lambda event: event.origin) for word in ("first", "distinct")),
    Feature("last_is_late_20min", "last", 20 * MINUTE, lambda event: event.is_late),
]
DECLARED = [
    {"of": "delay", "as": EVERY_WORD, "over": ["20 minutes", "50 minutes"]},
    {
        **{"of": "delay", "as": ["count", "last", "stddev"], "over": ["30 minutes"]},
        **{"where": "origin = 'JFK'", "name": "at_jfk", "offset": "20 minutes"},
    },
    {"rate": "delay > 0", "name": "is_positive", "over": ["50 minutes"]},
    {"rate": "delay > 0", "where": "is_late", "name": "of_late", "over": ["20 minutes"], "offset": "30 minutes"},
    {"of": "origin", "as": ["first", "distinct"], "over": ["30 minutes"]},
    {"of": "is_late", "as": ["last"], "over": ["20 minutes"]},
]


def statistic_of(word: str, events: Sequence[tuple[Event, Any]]) -> Any:
    """Compute a statistic of the events that count, each with what it counts as."""
    values = [value for _, value in events]
    if word in ("count", "distinct"):
        return len(values if word == "count" else set(values))
    if not values or (word == "stddev" and len(values) == 1):
        return None
    if word in ("first", "last"):
        in_order = sorted((event.event_ts, event.available_ts, value) for event, value in events)
        return in_order[0 if word == "first" else -1][-1]
    return {"sum": sum, "mean": statistics.fmean, "min": min, "max": max, "stddev": statistics.stdev}[word](values)


Log = dict[tuple[str, datetime], tuple[Any, ...]]


def brute_force(cases: Sequence[Sequence[Event]], delay: timedelta) -> Log:
    """State log by definition: every tick up to `THROUGH` at which an event enters or leaves a window."""
    log = {}
    for number, events in enumerate(cases):
        for tick in sorted({each for event in events for each in ticks_of(event, delay)}):
            row = []
            for feature in FEATURES:
                end = tick - feature.offset
                inside = [event for event in events if end - feature.window < event.available_ts + delay <= end]
                counted = [(event, feature.counts_as(event)) for event in inside]
                row.append(statistic_of(feature.statistic, [each for each in counted if each[1] is not None]))
            log[str(number), tick] = tuple(row)
    return log


def ticks_of(event: Event, delay: timedelta) -> Iterator[datetime]:
    usable = event.available_ts + delay - timedelta(microseconds=1)
    enters = usable - (usable - datetime(1970, 1, 1, tzinfo=UTC)) % TICK + TICK
    for feature in FEATURES:
        for shift in (feature.offset, feature.offset + feature.window):
            if enters + shift <= THROUGH:
                yield enters + shift


def log_of(rows: Sequence[dict[str, Any]]) -> Log:
    names = [feature.name for feature in FEATURES]
    log = {(row["carrier"], row["available_ts"]): tuple(row[name] for name in names) for row in rows}
    assert len(log) == len(rows), "at most one row per entity and instant"
    assert all(row["event_ts"] == row["available_ts"] for row in rows)
    return log


def assert_equal_logs(found: Log, expected: Log, cases: Sequence[Sequence[Event]]) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        for feature, a, b in zip(FEATURES, found[key], values, strict=True):
            told = (feature.name, key, a, b, cases[int(key[0])])
            if isinstance(b, float) and a is not None:
                assert a == pytest.approx(b, rel=1e-9, abs=1e-12), told
            else:
                assert (a, type(a)) == (b, type(b)), told


# Few instants, a quarter of a tick apart, so that ties, emptied windows and boundaries are the rule.
EVENTS = st.builds(
    lambda step, lateness, **values: Event(START + step * TICK / 4, START + (step - lateness) * TICK / 4, **values),
    step=st.integers(0, 24),
    lateness=st.integers(0, 8),
    delay=st.none() | st.integers(-4, 4).map(float),
    is_late=st.sampled_from([True, False, None]),
    origin=st.sampled_from(["EWR", "JFK", "", None]),
)
CASES = st.builds(
    lambda events, level: [replace(each, delay=each.delay and each.delay + level) for each in events],
    st.lists(EVENTS, min_size=1, max_size=9),
    st.sampled_from([0.0, 1e9]),
)


def generate_cases(count: int) -> list[list[Event]]:
    """Collect what Hypothesis finds worth a look: each case an entity, so that one job of Spark judges them all."""
    found: list[list[Event]] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None)
    @given(CASES)
    def collect(case: list[Event]) -> None:
        found.append(case)

    collect()
    return found


def builds(events: DataFrame, table: FeatureTable, cuts: Sequence[datetime]) -> Iterator[DataFrame]:
    """Build up to each cut from what had become available by then, and no more of the past than is promised enough."""
    for since, until in pairwise([None, *cuts]):
        assert until is not None
        known = events.where(F.col("available_ts") <= F.lit(until))
        if since is not None:
            known = known.where(F.col("available_ts") > F.lit(since - reach_back(table)))
        yield aggregate_windows(known, table, since, until)


def assert_built_as_defined(spark: SparkSession, delay: timedelta, cuts: Sequence[datetime]) -> None:
    cases = generate_cases(80)
    table = declare_windows(DECLARED, every="10 minutes", delay=delay)
    assert sorted(table.feature_names) == sorted(feature.name for feature in FEATURES)
    rows = [vars(event) | {"carrier": str(number)} for number, events in enumerate(cases) for event in events]
    log = reduce(DataFrame.union, builds(frame(spark, EVENT_COLUMNS, rows), table, cuts))
    assert_equal_logs(log_of(rows_of(log)), brute_force(cases, delay), cases)


def test_aggregate_windows_agrees_with_brute_force(spark: SparkSession) -> None:
    assert_built_as_defined(spark, timedelta(0), [THROUGH])


@pytest.mark.slow
def test_several_builds_give_what_one_build_gives(spark: SparkSession) -> None:
    """Each build knows what had become available by then: what comes later, however old, changes no published row."""
    delay = 25 * MINUTE  # no whole number of ticks
    assert_built_as_defined(spark, delay, [START + 4 * TICK, START + 5 * TICK, THROUGH])

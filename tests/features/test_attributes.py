from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from chispa import assert_df_equality
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakeloop.features.attributes import log_attributes
from tests.factories import EVENT_COLUMNS, Row, declare_attributes, frame, instant, make_event, rows_of

Published = tuple[str, str, float | None]  # clock of the event, clock of availability, value


@dataclass(frozen=True)
class Case:
    name: str
    events: tuple[Published, ...]
    log: tuple[Published, ...]


CASES = [
    Case("one event", (("09:00", "10:00", 1.0),), (("09:00", "10:00", 1.0),)),
    Case(
        "newer events follow",
        (("09:00", "10:00", 1.0), ("09:30", "11:00", 2.0)),
        (("09:00", "10:00", 1.0), ("09:30", "11:00", 2.0)),
    ),
    Case("a late older event", (("09:00", "10:00", 1.0), ("08:00", "11:00", 2.0)), (("09:00", "10:00", 1.0),)),
    Case(
        "the next after a late older one",
        (("09:00", "10:00", 1.0), ("08:00", "11:00", 2.0), ("08:30", "12:00", 3.0), ("09:10", "13:00", 4.0)),
        (("09:00", "10:00", 1.0), ("09:10", "13:00", 4.0)),
    ),
    Case(
        "a correction of the same event",
        (("09:00", "10:00", 1.0), ("09:00", "11:00", 2.0)),
        (("09:00", "10:00", 1.0), ("09:00", "11:00", 2.0)),
    ),
    Case("known at one instant", (("09:00", "10:00", 1.0), ("08:00", "10:00", 2.0)), (("09:00", "10:00", 1.0),)),
    Case(
        "of one instant, known at one", (("09:00", "10:00", 1.0), ("09:00", "10:00", 3.0)), (("09:00", "10:00", 3.0),)
    ),
    Case(
        "null is a state",
        (("09:00", "10:00", 1.0), ("09:30", "11:00", None)),
        (("09:00", "10:00", 1.0), ("09:30", "11:00", None)),
    ),
]


def of_day(clock: str) -> datetime:
    return instant(f"2013-05-01 {clock}")


@pytest.fixture(scope="module")
def logged(zoned: SparkSession) -> dict[str, list[Row]]:
    """All cases in one build: the case is the entity."""
    events = [
        make_event(of_day(available), carrier=case.name, event_ts=of_day(event), delay=value)
        for case in CASES
        for event, available, value in case.events
    ]
    events.append(make_event("2013-05-01 10:00", carrier=None))
    found = rows_of(
        log_attributes(frame(zoned, EVENT_COLUMNS, events), declare_attributes(), None, None), "available_ts"
    )
    return {name: [row for row in found if row["carrier"] == name] for name in {row["carrier"] for row in found}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_log_attributes_holds_the_newest_state_known(logged: dict[str, list[Row]], case: Case) -> None:
    expected = [
        {"carrier": case.name, "event_ts": of_day(event), "available_ts": of_day(available), "last_delay": value}
        for event, available, value in case.log
    ]
    assert logged[case.name] == expected


def test_log_attributes_leaves_out_a_row_without_its_key(logged: dict[str, list[Row]]) -> None:
    assert None not in logged


def test_log_attributes_continues_what_is_published(spark: SparkSession) -> None:
    since = instant("2013-05-01 10:00")
    events = [
        make_event("2013-05-01 10:00", delay=1.0),  # at the last build's end: published by it
        make_event("2013-05-01 11:00", delay=2.0, event_ts=of_day("08:59")),  # older than what is published
        make_event(
            "2013-05-01 11:30", delay=2.5, event_ts=of_day("08:59:30")
        ),  # newer than that, not than the published
        make_event("2013-05-01 12:00", delay=3.0, event_ts=of_day("09:00")),  # as old: a correction
        make_event("2013-05-01 11:00", carrier="AA", delay=4.0, event_ts=of_day("07:00")),  # nothing published yet
    ]
    known = frame(spark, "carrier string, _known_ts timestamp", [{"carrier": "UA", "_known_ts": of_day("09:00")}])

    found = log_attributes(frame(spark, EVENT_COLUMNS, events), declare_attributes(), known, since)

    columns = "carrier string, event_ts timestamp, available_ts timestamp, last_delay double"
    expected = [
        {"carrier": "UA", "event_ts": of_day("09:00"), "available_ts": of_day("12:00"), "last_delay": 3.0},
        {"carrier": "AA", "event_ts": of_day("07:00"), "available_ts": of_day("11:00"), "last_delay": 4.0},
    ]
    assert_df_equality(found, frame(spark, columns, expected), ignore_row_order=True, ignore_nullable=True)


def test_log_attributes_computes_expressions_over_the_row(spark: SparkSession) -> None:
    table = declare_attributes(
        attributes={"hours": {"as": "delay / 60"}, "word": {"as": "case when is_late then 'late' end"}}
    )
    events = [make_event("2013-05-01 10:00", delay=90.0, is_late=True)]
    found = rows_of(log_attributes(frame(spark, EVENT_COLUMNS, events), table, None, None))
    assert [(row["hours"], row["word"]) for row in found] == [(1.5, "late")]


# --- against the definition ------------------------------------------------------------------------------------------

TABLE = declare_attributes()


@dataclass(frozen=True)
class Event:
    carrier: str
    event: int
    age: int
    delay: float | None

    @property
    def row(self) -> Row:
        start = instant("2013-05-01 10:00")
        return make_event(
            start + timedelta(minutes=self.event + self.age),
            carrier=self.carrier,
            event_ts=start + timedelta(minutes=self.event),
            delay=self.delay,
        )


def by_definition(events: Sequence[Row]) -> list[Row]:
    """At every instant at which something became known: the newest event known, if it became known then."""

    def rank(row: Row) -> tuple[datetime, bool, float]:
        return row["event_ts"], row["delay"] is not None, row["delay"] or 0.0

    log = []
    for carrier in sorted({row["carrier"] for row in events}):
        own = [row for row in events if row["carrier"] == carrier]
        for at in sorted({row["available_ts"] for row in own}):
            newest = max((row for row in own if row["available_ts"] == at), key=rank)
            if all(row["event_ts"] <= newest["event_ts"] for row in own if row["available_ts"] < at):
                log.append(
                    {
                        "carrier": carrier,
                        "event_ts": newest["event_ts"],
                        "available_ts": at,
                        "last_delay": newest["delay"],
                    }
                )
    return log


EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["UA", "AA", "B6", "DL", "EV", "WN"]),
        st.integers(0, 8),
        st.integers(0, 6),
        st.none() | st.integers(-2, 2).map(float),
    ),
    min_size=10,
    max_size=50,
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=6, suppress_health_check=SLOW)
@given(events=EVENTS)
def test_event_ts_never_decreases_along_available_ts(spark: SparkSession, events: list[Event]) -> None:
    rows = [event.row for event in events]
    found = rows_of(log_attributes(frame(spark, EVENT_COLUMNS, rows), TABLE, None, None), "carrier", "available_ts")
    assert found == by_definition(rows)
    for before, after in pairwise(found):
        if before["carrier"] == after["carrier"]:
            assert before["available_ts"] < after["available_ts"]
            assert before["event_ts"] <= after["event_ts"]


@settings(max_examples=4, suppress_health_check=SLOW)
@given(events=EVENTS, cuts=st.sets(st.integers(0, 13), min_size=1, max_size=2))
def test_several_builds_give_what_one_build_gives(spark: SparkSession, events: list[Event], cuts: set[int]) -> None:
    all_events = frame(spark, EVENT_COLUMNS, [event.row for event in events])
    start = instant("2013-05-01 10:00")
    ends = [*(start + timedelta(minutes=cut) for cut in sorted(cuts)), start + timedelta(minutes=20)]
    published: list[Row] = []
    for since, until in pairwise([None, *ends]):
        known = all_events.where(F.col("available_ts") <= F.lit(until))  # the future has not landed yet
        newest = {row["carrier"]: row["event_ts"] for row in published}  # the last of each: event_ts never decreases
        last_known = [{"carrier": carrier, "_known_ts": event_ts} for carrier, event_ts in newest.items()]
        before = frame(spark, "carrier string, _known_ts timestamp", last_known) if since is not None else None
        published += rows_of(log_attributes(known, TABLE, before, since), "available_ts")
    one_build = rows_of(log_attributes(all_events, TABLE, None, None), "carrier", "available_ts")
    assert sorted(published, key=lambda row: (row["carrier"], row["available_ts"])) == one_build

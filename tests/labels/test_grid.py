"""A grid has a row for every entity that was known, in every period: plain Python agrees on every case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from lakeloop.config.predict import Predict
from lakeloop.features.attributes import log_states
from lakeloop.labels.grid import first_periods, lay_grid
from lakeloop.labels.spine import make_spine, prediction_id
from tests.factories import Row, frame, instant, rows_of

COLUMNS = "shop string, region string, event_ts timestamp, available_ts timestamp"
START, MICROSECOND = instant("2024-01-01 00:00"), timedelta(microseconds=1)
Known = tuple[str, str, str]  # event, available, region


def declare(**changes: Any) -> Predict:
    """Days, predicted two hours before they begin."""
    declared = {
        "from": "shops",
        "every": "1 day",
        "id": ["shop", "period_ts"],
        "at": "period_ts - interval 2 hours",
        "known": ["region"],
    }
    return Predict.model_validate(declared | changes)


def spine_of(rows: DataFrame, predict: Predict, through: datetime, after: datetime | None = None) -> DataFrame:
    """Make the spine as a run makes it."""
    grid = lay_grid(log_states(rows, predict.entity), predict, through, after)
    return make_spine(grid, predict, ["period_end_ts"])


@dataclass(frozen=True)
class Case:
    name: str
    rows: tuple[Known, ...]  # of January 2024, `day clock`
    plain: str  # the region on each of the first days of the month, `-` where the shop was not in the grid
    aged: str  # the same with a ttl of two days


CASES = [
    Case("known long before", (("01 00:00", "01 00:00", "a"),), "-aaaaa", "-aa---"),
    Case("known at that very instant", (("02 22:00", "02 22:00", "a"),), "--aaaa", "--aaa-"),
    Case("known a microsecond later", (("02 22:00", "02 22:00:00.000001", "a"),), "---aaa", "---aa-"),
    Case("of the past, known late", (("01 00:00", "04 00:00", "a"),), "----aa", "------"),
    Case("announced", (("05 00:00", "01 00:00", "a"),), "-aaaaa", "-aaaaa"),
    Case("the newest of several", (("01 00:00", "01 00:00", "a"), ("02 23:00", "02 23:00", "b")), "-aabbb", "-aabb-"),
    Case("two within a period", (("01 01:00", "01 01:00", "a"), ("01 02:00", "01 02:00", "b")), "-bbbbb", "-bb---"),
    Case("a late older row", (("02 00:00", "02 00:00", "a"), ("01 00:00", "03 00:00", "b")), "--aaaa", "--aa--"),
    Case("expired, and back", (("01 00:00", "01 00:00", "a"), ("05 00:00", "05 00:00", "b")), "-aaaab", "-aa--b"),
    Case("two at one instant", (("01 00:00", "03 00:00", "b"), ("02 00:00", "03 00:00", "a")), "---aaa", "---a--"),
    Case("the same twice", (("01 00:00", "01 00:00", "a"), ("01 00:00", "01 00:00", "a")), "-aaaaa", "-aa---"),
    Case("after the last period", (("06 22:00", "06 22:00", "a"),), "------", "------"),
]


@pytest.fixture(scope="module")
def found(zoned: SparkSession) -> dict[tuple[str, str], list[Row]]:
    """All cases in one frame, the case is the shop: shop and kind -> rows up to 6 January at 21:59."""

    def of(text: str) -> datetime:
        return instant(f"2024-01-{text}")

    rows = frame(
        zoned,
        COLUMNS,
        [
            {"shop": case.name, "region": region, "event_ts": of(event), "available_ts": of(available)}
            for case in CASES
            for event, available, region in case.rows
        ],
    )
    kinds = {"plain": declare(), "aged": declare(ttl="2 days")}
    by_case: dict[tuple[str, str], list[Row]] = {}
    for kind, predict in kinds.items():
        for row in rows_of(spine_of(rows, predict, of("06 21:59")), "shop", "period_ts"):
            by_case.setdefault((row["shop"], kind), []).append(row)
    return by_case


@pytest.mark.parametrize("kind", ["plain", "aged"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_grid_has_who_was_known_with_what_was_known(
    found: dict[tuple[str, str], list[Row]], case: Case, kind: str
) -> None:
    rows = found.get((case.name, kind), [])
    regions = {row["period_ts"]: row["region"] for row in rows}
    days = [START + timedelta(days=number) for number in range(6)]
    assert "".join(regions.pop(day, "-") for day in days) == getattr(case, kind)
    assert not regions
    assert all(row["prediction_ts"] == row["period_ts"] - timedelta(hours=2) for row in rows)
    assert all(row["period_end_ts"] == row["period_ts"] + timedelta(days=1) for row in rows)
    assert len({row["prediction_id"] for row in rows}) == len(rows)


def test_a_null_is_an_entity_of_its_own_and_no_rows_give_none(spark: SparkSession) -> None:
    """Where a source could lack a key the grid is refused; what is there nevertheless is not left out."""
    rows = frame(spark, COLUMNS, [{"region": "a", "event_ts": START, "available_ts": START}])
    found = spine_of(rows, declare(), START + timedelta(hours=22))
    assert [(row["shop"], row["period_ts"]) for row in rows_of(found)] == [(None, START + timedelta(days=1))]
    by_hand = spark.sql("select cast(null as string) as shop, 1704153600000000L as _id_period_ts")
    assert found.select("prediction_id").exceptAll(by_hand.select(prediction_id(["shop", "_id_period_ts"]))).isEmpty()
    assert spine_of(rows.limit(0), declare(), START).columns == found.columns
    assert first_periods(rows.limit(0), declare()).count() == 0


Event = tuple[int, int, str]  # hours from the start to the event and from there to its availability, region


def oracle(events: Sequence[Event], predict: Predict, through: int, after: int) -> list[tuple[int, str]]:
    """Try every period: hour at which it begins, and region, of those predicted in (after, through]."""
    assert predict.every is not None
    hour = timedelta(hours=1)
    every, offset, ttl = predict.every // hour, predict.offset // hour, predict.ttl // hour if predict.ttl else None
    found = []
    for period in range(-50 * every, 50 * every, every):
        at = period + offset
        known = [each for each in events if each[0] + each[1] <= at]
        # Of several rows about one hour the one that came last counts, then the last by its values.
        newest = max(known, key=lambda each: (each[0], each[0] + each[1], each[2]), default=None)
        if newest is not None and after < at <= through and (ttl is None or at - newest[0] <= ttl):
            found.append((period, newest[2]))
    return found


PREDICTS = [
    declare(every="3 hours", at="period_ts - interval 1 hour"),
    declare(every="4 hours", at="period_ts + interval 9 hours", ttl="8 hours"),
    declare(every="1 hour", at="period_ts", ttl="1 hour"),
]
EVENTS = st.tuples(st.integers(0, 20), st.integers(0, 12), st.sampled_from("ab"))


@given(
    shops=st.lists(st.lists(EVENTS, min_size=1, max_size=6), min_size=20, max_size=20),
    through=st.integers(20, 40),
    after=st.integers(-5, 20),
)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_grid_is_what_trying_every_period_gives(
    spark: SparkSession, shops: list[list[Event]], through: int, after: int
) -> None:
    def of(hours: int) -> datetime:
        return START + timedelta(hours=hours)

    rows = frame(
        spark,
        COLUMNS,
        [
            {"shop": f"{number}", "region": region, "event_ts": of(event), "available_ts": of(event + lag)}
            for number, events in enumerate(shops)
            for event, lag, region in events
        ],
    )
    for predict in PREDICTS:
        # Everything that was ever known is given: what became available after `through` changes nothing.
        for until, since in ((through, -99), (through - 7, after)):
            grid = spine_of(rows, predict, of(until), None if since == -99 else of(since))
            found = {
                (int(row["shop"]), (row["period_ts"] - START) // timedelta(hours=1), row["region"])
                for row in rows_of(grid)
            }
            expected = {
                (number, *each) for number, events in enumerate(shops) for each in oracle(events, predict, until, since)
            }
            assert found == expected

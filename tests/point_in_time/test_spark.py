from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from chispa import assert_df_equality
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from lakeloop.point_in_time.spark import Lookup, join_as_of
from lakeloop.statuses import LookupStatus
from tests.factories import GOLD_COLUMNS, SPINE_COLUMNS, frame, instant, make_spine_row, make_state, rows_of
from tests.point_in_time.oracle import State, look_up

OK, NO_ROW, NO_KEY = LookupStatus.OK, LookupStatus.NO_ROW, LookupStatus.NO_KEY
EXPIRED, STALE = LookupStatus.EXPIRED, LookupStatus.STALE
LATER = instant("2014-01-01 00:00")
HOUR = timedelta(hours=1)


def declare_lookup(rows: DataFrame, table: str = "plain", **changes: Any) -> Lookup:
    declared: dict[str, Any] = {"entity": ("origin",), "features": ("wind",), "built_through": LATER}
    return Lookup(table, rows, **(declared | changes))


@dataclass(frozen=True)
class Case:
    name: str
    table: str
    at: str
    states: tuple[tuple[str, str, float | None], ...]  # event, available, value
    status: LookupStatus
    value: float | None


CASES = [
    Case("known at that very instant", "plain", "10:00", (("09:00", "10:00", 1.0),), OK, 1.0),
    Case("known a microsecond later", "plain", "10:00", (("09:00", "10:00:00.000001", 1.0),), NO_ROW, None),
    Case("the newest of several", "plain", "10:00", (("09:00", "09:01", 1.0), ("09:30", "09:31", 2.0)), OK, 2.0),
    Case("a future row changes nothing", "plain", "10:00", (("09:00", "09:01", 1.0), ("10:00", "10:01", 2.0)), OK, 1.0),
    Case("of the past, known in the future", "plain", "10:00", (("08:00", "12:00", 1.0),), NO_ROW, None),
    Case("no row at all", "plain", "10:00", (), NO_ROW, None),
    Case("a row with null is a row", "plain", "10:00", (("09:00", "09:01", None),), OK, None),
    Case("null hides what was known", "plain", "10:00", (("08:00", "08:01", 1.0), ("09:00", "09:01", None)), OK, None),
    Case("without ttl nothing expires", "plain", "10:00", (("00:00", "00:00", 1.0),), OK, 1.0),
    Case("as old as the ttl", "aged", "10:00", (("09:00", "09:30", 1.0),), OK, 1.0),
    Case("a microsecond older than the ttl", "aged", "10:00:00.000001", (("09:00", "09:30", 1.0),), EXPIRED, None),
    Case("age counts from the event", "aged", "10:00", (("08:00", "10:00", 1.0),), EXPIRED, None),
    Case("expired is not unknown", "aged", "10:00", (), NO_ROW, None),
    Case("built up to that very instant", "behind", "12:00", (("09:00", "09:01", 1.0),), OK, 1.0),
    Case("built less far", "behind", "12:00:00.000001", (("09:00", "09:01", 1.0),), STALE, 1.0),
    Case("stale comes before no row", "behind", "13:00", (), STALE, None),
    Case("a tick is complete until the next", "ticked", "12:59:59.999999", (("09:00", "09:00", 1.0),), OK, 1.0),
    Case("the next tick is needed", "ticked", "13:00", (("09:00", "09:00", 1.0),), STALE, 1.0),
]
NOON = instant("2013-05-01 12:00")


def of_day(clock: str) -> datetime:
    return instant(f"2013-05-01 {clock}")


@pytest.fixture(scope="module")
def joined(zoned: SparkSession) -> dict[str, dict[str, Any]]:
    """All cases in one join: the case is the key, and four tables of one key set hold the same rows."""
    spine = [make_spine_row(of_day(case.at), origin=case.name) for case in CASES]
    states = [
        make_state(of_day(available), origin=case.name, event_ts=of_day(event), wind=value)
        for case in CASES
        for event, available, value in case.states
    ]
    gold = frame(zoned, GOLD_COLUMNS, states)
    lookups = [
        declare_lookup(gold, "plain"),
        declare_lookup(gold, "aged", ttl=HOUR),
        declare_lookup(gold, "behind", built_through=NOON),
        declare_lookup(gold, "ticked", built_through=NOON, every=HOUR),
    ]
    result = join_as_of(frame(zoned, SPINE_COLUMNS, spine), lookups)
    return {row["origin"]: row for row in rows_of(result)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_join_as_of_gives_what_was_known_and_says_how_it_knows(joined: dict[str, dict[str, Any]], case: Case) -> None:
    row = joined[case.name]
    assert (row[f"{case.table}__status"], row[f"{case.table}__wind"]) == (case.status, case.value)


def test_join_as_of_keeps_every_spine_row_over_several_key_sets(spark: SparkSession) -> None:
    spine = frame(
        spark,
        SPINE_COLUMNS,
        [
            make_spine_row("2013-05-01 10:00", flight=1),
            make_spine_row("2013-05-01 10:00", flight=1),  # the same row twice
            make_spine_row("2013-05-01 10:00", flight=2, dest=None),
            make_spine_row("2013-05-01 10:00", flight=3, origin=None, dest=None),
            make_spine_row("2013-05-01 08:00", flight=4),
        ],
    )
    by_origin = frame(spark, GOLD_COLUMNS, [make_state("2013-05-01 09:00", wind=1.0)])
    by_route = frame(spark, GOLD_COLUMNS, [make_state("2013-05-01 09:30", wind=2.0)])
    lookups = [
        declare_lookup(by_origin, "weather"),
        declare_lookup(by_route, "routes", entity=("origin", "dest")),
        declare_lookup(by_origin, "again", built_through=instant("2013-05-01 09:59")),
    ]

    found = join_as_of(spine, lookups)

    columns = f"{SPINE_COLUMNS}, " + ", ".join(
        f"{table}__wind double, {table}__status string" for table in ("weather", "routes", "again")
    )
    both = {"weather__wind": 1.0, "weather__status": "OK", "routes__wind": 2.0, "routes__status": "OK"}
    ten = make_spine_row("2013-05-01 10:00", **both, again__wind=1.0, again__status="STALE")
    expected = [
        ten,
        ten,
        ten | {"flight": 2, "dest": None, "routes__wind": None, "routes__status": "NO_KEY"},
        make_spine_row(
            "2013-05-01 10:00",
            flight=3,
            origin=None,
            dest=None,
            **{f"{table}__status": "NO_KEY" for table in ("weather", "routes", "again")},
        ),
        make_spine_row(
            "2013-05-01 08:00", flight=4, weather__status="NO_ROW", routes__status="NO_ROW", again__status="NO_ROW"
        ),
    ]
    assert_df_equality(found, frame(spark, columns, expected), ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize(
    ("key_sets", "exchanges"),
    [
        ([("origin",)], 1),
        ([("origin",), ("origin",), ("origin",)], 1),
        ([("origin",), ("dest",), ("origin", "dest"), ("dest",)], 3),
    ],
)
def test_join_as_of_shuffles_once_per_key_set(
    spark: SparkSession, key_sets: list[tuple[str, ...]], exchanges: int
) -> None:
    gold = frame(spark, GOLD_COLUMNS, [])
    lookups = [declare_lookup(gold, f"table_{index}", entity=entity) for index, entity in enumerate(key_sets)]
    found = join_as_of(frame(spark, SPINE_COLUMNS, []), lookups)
    plan = found._jdf.queryExecution().executedPlan().toString()  # the plan as text, as EXPLAIN prints it
    assert plan.count("Exchange hashpartitioning") == plan.count("Exchange") == exchanges


def test_join_as_of_of_an_empty_spine_has_the_columns_and_no_rows(spark: SparkSession) -> None:
    gold = frame(spark, GOLD_COLUMNS, [make_state("2013-05-01 09:00")])
    found = join_as_of(frame(spark, SPINE_COLUMNS, []), [declare_lookup(gold)])
    expected = frame(spark, f"{SPINE_COLUMNS}, plain__wind double, plain__status string", [])
    assert_df_equality(found, expected, ignore_nullable=True)


def test_join_as_of_without_tables_gives_the_spine(spark: SparkSession) -> None:
    spine = frame(spark, SPINE_COLUMNS, [make_spine_row("2013-05-01 09:00")] * 2)
    assert_df_equality(join_as_of(spine, []), spine)


# Few instants and few keys, so that ties, boundaries and gaps are the rule. The key is the case.
KEYS = st.integers(0, 9)
MINUTES = st.integers(0, 15)
STATES = st.lists(
    st.tuples(KEYS, MINUTES, st.integers(0, 5), st.sampled_from([None, 0.0, 1.0, 2.0])),
    max_size=50,
    unique_by=lambda state: state[:2],  # gold has one row per entity and available_ts
)
SPINES = st.lists(st.tuples(KEYS | st.none(), MINUTES), min_size=20, max_size=60)


def minute(number: int) -> datetime:
    return instant("2013-05-01 10:00") + timedelta(minutes=number)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    states=STATES,
    spine=SPINES,
    built_through=MINUTES,
    ttl=st.integers(1, 6).map(lambda minutes: timedelta(minutes=minutes)) | st.none(),
    every=st.sampled_from([timedelta(minutes=1), timedelta(minutes=4)]) | st.none(),
)
def test_join_as_of_agrees_with_the_oracle(
    spark: SparkSession,
    states: list[tuple[int, int, int, float | None]],
    spine: list[tuple[int | None, int]],
    built_through: int,
    ttl: timedelta | None,
    every: timedelta | None,
) -> None:
    gold = [
        State((str(key),), minute(available - age), minute(available), value) for key, available, age, value in states
    ]
    rows = [make_state(each.available_ts, origin=each.key[0], event_ts=each.event_ts, wind=each.value) for each in gold]
    asked = [
        make_spine_row(minute(at), flight=index, origin=None if key is None else str(key))
        for index, (key, at) in enumerate(spine)
    ]
    limits: dict[str, Any] = {"built_through": minute(built_through), "ttl": ttl, "every": every}
    lookup = declare_lookup(frame(spark, GOLD_COLUMNS, rows), **limits)

    found = rows_of(join_as_of(frame(spark, SPINE_COLUMNS, asked), [lookup]), "flight")

    answers = [look_up(gold, (row["origin"],), row["prediction_ts"], **limits) for row in asked]
    expected = [
        row | {"plain__wind": value, "plain__status": status.value}
        for row, (status, value) in zip(asked, answers, strict=True)
    ]
    assert found == expected

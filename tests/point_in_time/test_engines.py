"""What a look-up gives, and that every engine gives it: plain Python, Spark and Arrow agree on every case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakeloop.point_in_time.lookup import Lookup
from lakeloop.statuses import LookupStatus
from tests.factories import SPINE_COLUMNS, Row, instant, make_spine_row, make_state
from tests.point_in_time.engines import ENGINES, GoldRows, declare_lookup, minute
from tests.point_in_time.oracle import State, look_up

OK, NO_ROW, NO_KEY = LookupStatus.OK, LookupStatus.NO_ROW, LookupStatus.NO_KEY
EXPIRED, STALE = LookupStatus.EXPIRED, LookupStatus.STALE
HOUR = timedelta(hours=1)

every_engine = pytest.mark.parametrize("engine", ENGINES)


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


@pytest.fixture(scope="module", params=ENGINES)
def joined(request: pytest.FixtureRequest, zoned: SparkSession) -> dict[str, Row]:
    """All cases in one join: the case is the key, and four tables of one key set hold the same rows."""
    spine = [make_spine_row(of_day(case.at), origin=case.name) for case in CASES]
    gold = [
        make_state(of_day(available), origin=case.name, event_ts=of_day(event), wind=value)
        for case in CASES
        for event, available, value in case.states
    ]
    lookups = [
        declare_lookup(gold, "plain"),
        declare_lookup(gold, "aged", ttl=HOUR),
        declare_lookup(gold, "behind", built_through=NOON),
        declare_lookup(gold, "ticked", built_through=NOON, every=HOUR),
    ]
    return {row["origin"]: row for row in ENGINES[request.param](zoned, spine, lookups)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_join_as_of_gives_what_was_known_and_says_how_it_knows(joined: dict[str, Row], case: Case) -> None:
    row = joined[case.name]
    assert (row[f"{case.table}__status"], row[f"{case.table}__wind"]) == (case.status, case.value)


@every_engine
def test_join_as_of_keeps_every_spine_row_over_several_key_sets(spark: SparkSession, engine: str) -> None:
    spine = [
        make_spine_row("2013-05-01 10:00", flight=1),
        make_spine_row("2013-05-01 10:00", flight=1),  # the same row twice
        make_spine_row("2013-05-01 10:00", flight=2, dest=None),
        make_spine_row("2013-05-01 10:00", flight=3, origin=None, dest=None),
        make_spine_row("2013-05-01 08:00", flight=4),
    ]
    by_origin = [make_state("2013-05-01 09:00", wind=1.0)]
    by_route = [make_state("2013-05-01 09:30", wind=2.0)]
    lookups = [
        declare_lookup(by_origin, "weather"),
        declare_lookup(by_route, "routes", entity=("origin", "dest")),
        declare_lookup(by_origin, "again", built_through=instant("2013-05-01 09:59")),
    ]

    found = ENGINES[engine](spark, spine, lookups)

    def answered(row: Row, weather: Any, routes: Any, again: Any) -> Row:
        named = {"weather": weather, "routes": routes, "again": again}
        return row | {f"{table}__{what}": each[what] for table, each in named.items() for what in ("wind", "status")}

    one, two, stale = ({"wind": 1.0, "status": "OK"}, {"wind": 2.0, "status": "OK"}, {"wind": 1.0, "status": "STALE"})
    no_key, no_row = {"wind": None, "status": "NO_KEY"}, {"wind": None, "status": "NO_ROW"}
    expected = [
        answered(spine[0], one, two, stale),
        answered(spine[1], one, two, stale),
        answered(spine[2], one, no_key, stale),
        answered(spine[3], no_key, no_key, no_key),
        answered(spine[4], no_row, no_row, no_row),
    ]
    assert sorted(found, key=lambda row: row["flight"]) == expected


@every_engine
@pytest.mark.parametrize("states", [[], [make_state("2013-05-01 09:00")]], ids=["no state", "a state"])
@pytest.mark.parametrize("asked", [[], [make_spine_row("2013-05-01 10:00")]], ids=["no row", "a row"])
def test_join_as_of_takes_empty_sides(spark: SparkSession, engine: str, states: GoldRows, asked: GoldRows) -> None:
    found = ENGINES[engine](spark, asked, [declare_lookup(states, ttl=HOUR)])
    known = {"plain__wind": 5.0, "plain__status": "OK"} if states else {"plain__wind": None, "plain__status": "NO_ROW"}
    assert found == [row | known for row in asked]


@every_engine
def test_join_as_of_without_tables_gives_the_spine(spark: SparkSession, engine: str) -> None:
    spine = [make_spine_row("2013-05-01 09:00")] * 2
    assert ENGINES[engine](spark, spine, []) == spine


DAY = date(2013, 5, 1)


@every_engine
@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("string", "a", "b"),
        ("bigint", 2**53, 2**53 + 1),  # not told apart as doubles
        ("int", -1, 1),
        ("date", DAY, DAY + timedelta(days=1)),
        ("timestamp", minute(0), minute(0) + timedelta(microseconds=1)),
        ("boolean", False, True),
    ],
)
def test_join_as_of_tells_keys_of_every_type_apart(
    spark: SparkSession, engine: str, kind: str, first: Any, second: Any
) -> None:
    columns = f"id int, key {kind}, prediction_ts timestamp"
    gold_columns = f"key {kind}, event_ts timestamp, available_ts timestamp, wind double"
    gold = [
        {"key": key, "event_ts": minute(0), "available_ts": minute(0), "wind": wind}
        for key, wind in ((first, 1.0), (second, 2.0))
    ]
    spine = [
        {"id": number, "key": key, "prediction_ts": minute(5)}
        for number, key in enumerate((first, second, None, second))
    ]
    found = ENGINES[engine](spark, spine, [declare_lookup(gold, entity=("key",))], columns, gold_columns)
    winds = [row["plain__wind"] for row in sorted(found, key=lambda row: row["id"])]
    assert winds == [1.0, 2.0, None, 2.0]


@every_engine
def test_join_as_of_never_takes_one_composite_key_for_another(spark: SparkSession, engine: str) -> None:
    """Values that a separator, a missing part or an exchange of the parts would make alike."""
    keys = [("a", "b|c"), ("a|b", "c"), ("", "a"), ("a", ""), ("b|c", "a"), ("a,b", "c"), ("a", "b,c")]
    gold = [
        make_state("2013-05-01 09:00", origin=origin, dest=dest, wind=float(number))
        for number, (origin, dest) in enumerate(keys)
    ]
    spine = [
        make_spine_row("2013-05-01 10:00", flight=number, origin=origin, dest=dest)
        for number, (origin, dest) in enumerate(keys)
    ]
    spine += [make_spine_row("2013-05-01 10:00", flight=90, origin=None, dest="a")]
    found = ENGINES[engine](spark, spine, [declare_lookup(gold, entity=("origin", "dest"))])
    winds = {row["flight"]: row["plain__wind"] for row in found}
    assert winds == {number: float(number) for number in range(len(keys))} | {90: None}


@every_engine
def test_join_as_of_keeps_the_types_of_the_features(spark: SparkSession, engine: str) -> None:
    gold_columns = (
        "origin string, event_ts timestamp, available_ts timestamp, big bigint, word string, day date, is_b boolean"
    )
    values = {"big": 2**53 + 1, "word": "gale", "day": DAY, "is_b": False}
    gold = [{"origin": "EWR", "event_ts": minute(0), "available_ts": minute(0)} | values]
    lookup = declare_lookup(gold, features=tuple(values))
    (found,) = ENGINES[engine](spark, [make_spine_row(minute(1))], [lookup], SPINE_COLUMNS, gold_columns)
    assert {name: found[f"plain__{name}"] for name in values} == values


# Few instants and few keys, so that ties, boundaries and gaps are the rule.
PARTS = st.sampled_from(["a", "b", "c"])
MINUTES = st.integers(0, 15)
TABLES = ("origins", "routes", "reversed")
ENTITIES = {"origins": ("origin",), "routes": ("origin", "dest"), "reversed": ("dest", "origin")}
STATES = st.lists(
    st.tuples(PARTS, PARTS, MINUTES, st.integers(0, 5), st.sampled_from([None, 0.0, 1.0, 2.0])), max_size=40
)
SPINES = st.lists(st.tuples(PARTS | st.none(), PARTS | st.none(), MINUTES), min_size=10, max_size=40)
LIMITS = st.fixed_dictionaries(
    {
        "built_through": MINUTES.map(minute),
        "ttl": st.integers(1, 6).map(lambda minutes: timedelta(minutes=minutes)) | st.none(),
        "every": st.sampled_from([timedelta(minutes=1), timedelta(minutes=4)]) | st.none(),
    }
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(states=st.tuples(*[STATES] * 3), spine=SPINES, limits=st.tuples(*[LIMITS] * 3))
def test_every_engine_agrees_with_the_oracle(
    spark: SparkSession, states: Any, spine: list[tuple[str | None, str | None, int]], limits: Any
) -> None:
    asked = [
        make_spine_row(minute(at), flight=index, origin=origin, dest=dest)
        for index, (origin, dest, at) in enumerate(spine)
    ]
    expected = [dict(row) for row in asked]
    lookups: list[Lookup[GoldRows]] = []
    for table, found, limit in zip(TABLES, states, limits, strict=True):
        entity = ENTITIES[table]
        gold: dict[Any, Row] = {}  # gold has one row per entity and available_ts
        for origin, dest, available, age, value in found:
            row = make_state(minute(available), origin=origin, dest=dest, event_ts=minute(available - age), wind=value)
            gold.setdefault((*(row[key] for key in entity), available), row)
        lookups.append(declare_lookup(list(gold.values()), table, entity=entity, **limit))
        known = [
            State(tuple(row[key] for key in entity), row["event_ts"], row["available_ts"], row["wind"])
            for row in gold.values()
        ]
        for row in expected:
            status, value = look_up(known, tuple(row[key] for key in entity), row["prediction_ts"], **limit)
            row |= {f"{table}__wind": value, f"{table}__status": status.value}
    for join in ENGINES.values():
        answers = join(spark, asked, lookups)
        assert sorted(answers, key=lambda row: row["flight"]) == expected

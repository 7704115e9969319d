"""SQL feature tables: what a statement sees at a tick, and which ticks become rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.statement_ticks import REPEATED, evaluate_ticks, log_changes, with_ends
from tests.factories import EVENT_COLUMNS, GOLD_COLUMNS, Row, frame, instant, make_event, make_state, rows_of

HOUR = timedelta(hours=1)
SQL = """
with late as (select * from outcomes where delay > 0)  -- {braces}, :tick
select late.carrier, count(*) as flights, max(w.wind) as wind,
  max(unix_seconds(:tick) - unix_seconds(late.event_ts)) div 3600 as hours
from late left join gold.weather w on late.origin = w.origin
group by late.carrier
"""


def declare(sql: str = SQL) -> FeatureTable:
    return FeatureTable.model_validate(
        {
            "feature_table": "busy",
            "entity": ["carrier"],
            "every": "1 hour",
            "needs": "2 hours",
            "sql": sql,
            "features": {
                "flights": {"type": "long"},
                "wind": {"type": "double"},
                "hours": {"type": "long"},
            },
        }
    )


def at(clock: str) -> datetime:
    return instant(f"2013-05-01 {clock}")


def build(
    spark: SparkSession, events: Sequence[Row], states: Sequence[Row], stops: Sequence[str], sql: str = SQL
) -> list[Row]:
    """Build the log in one or several stretches that end at `stops`, hour by hour from 10:00 on."""
    table = declare(sql)
    outcomes = frame(spark, EVENT_COLUMNS, events)
    weather = with_ends(frame(spark, GOLD_COLUMNS, states), ["origin"])
    since, log = None, []
    for stop in map(at, stops):
        first = at("10:00") if since is None else since + HOUR
        ticks = [first + number * HOUR for number in range(int((stop - first) / HOUR) + 1)]
        answers = evaluate_ticks(table, {"outcomes": outcomes, "gold.weather": weather}, ticks)
        known = None
        if since is not None:
            newest: dict[str, Row] = {row["carrier"]: row for row in log}
            columns = "carrier string, flights bigint, wind double, hours bigint"
            known = frame(spark, columns, [{n: row[n] for n in columns_of(columns)} for row in newest.values()])
        log += rows_of(log_changes(answers, table, known, since, stop), "available_ts", "carrier")
        since = stop
    return log


def columns_of(ddl: str) -> list[str]:
    return [each.split()[0] for each in ddl.split(", ")]


def short(log: Sequence[Row]) -> list[tuple[str, str, int | None, float | None, int | None]]:
    assert all(row["event_ts"] == row["available_ts"] for row in log)
    return [(f"{r['available_ts']:%H}", r["carrier"], r["flights"], r["wind"], r["hours"]) for r in log]


EVENTS = [
    make_event("2013-05-01 10:00"),  # known at that very tick
    make_event("2013-05-01 10:20"),
    make_event("2013-05-01 10:20", delay=None),
    make_event("2013-05-01 10:30", delay=-1.0),
    make_event("2013-05-01 11:30", carrier="AA", origin="JFK"),
    make_event("2013-05-01 10:30", carrier=None),
]
STATES = [
    make_state("2013-05-01 09:00", wind=1.0),
    make_state("2013-05-01 10:30", wind=2.0),
    make_state("2013-05-01 11:00", wind=3.0),
]
LOG = [
    ("10", "UA", 1, 1.0, 0),
    ("11", "UA", 2, 3.0, 1),
    ("12", "AA", 1, None, 0),
    ("12", "UA", 1, 3.0, 1),
    ("13", "AA", 1, None, 1),
    ("13", "UA", None, None, None),
    ("14", "AA", None, None, None),
]


def test_a_statement_sees_what_was_known_at_each_tick(spark: SparkSession) -> None:
    # The event of 10:00 is left at 12:00, that of 10:20 at 13:00: rows of (t - 2 hours, t] count.
    assert short(build(spark, EVENTS, STATES, ["16:00"])) == LOG


def test_several_builds_equal_one(spark: SparkSession) -> None:
    assert short(build(spark, EVENTS, STATES, ["11:00", "12:00", "16:00"])) == LOG


def test_a_future_row_changes_nothing(spark: SparkSession) -> None:
    later = [make_event("2013-05-01 12:00:01", delay=99.0), make_event("2013-05-01 12:30", carrier="DL")]
    states = [make_state("2013-05-01 12:00:01", wind=99.0)]
    before = [row for row in LOG if row[0] <= "12"]
    assert short(build(spark, EVENTS + later, STATES + states, ["12:00"])) == before


def test_equal_answers_and_nulls_stand_once(spark: SparkSession) -> None:
    sql = "select carrier, 1 as flights, cast(null as double) as wind, null as hours from outcomes group by carrier"
    events = [make_event("2013-05-01 10:00"), make_event("2013-05-01 13:30")]
    assert short(build(spark, events, [], ["15:00"], sql)) == [
        ("10", "UA", 1, None, None),
        ("12", "UA", None, None, None),
        ("14", "UA", 1, None, None),
    ]


def test_nothing_known_gives_nothing(spark: SparkSession) -> None:
    assert build(spark, [], [], ["11:00"]) == []


def test_two_rows_of_an_entity_at_a_tick_are_refused(spark: SparkSession) -> None:
    sql = "select carrier, 1 as flights, delay as wind, 1 as hours from outcomes"
    with pytest.raises(PySparkException, match=REPEATED):
        build(spark, EVENTS, [], ["11:00"], sql)


def test_the_session_zone_does_not_matter(spark: SparkSession) -> None:
    zone = spark.conf.get("spark.sql.session.timeZone")
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        assert short(build(spark, EVENTS, STATES, ["12:00"])) == [row for row in LOG if row[0] <= "12"]
    finally:
        spark.conf.set("spark.sql.session.timeZone", str(zone))


def test_no_temporary_view_is_left(spark: SparkSession) -> None:
    table = declare("select carrier, 1 as flights, 1.0 as wind, 1 as hours from outcomes")
    rows: DataFrame = frame(spark, EVENT_COLUMNS, EVENTS).where(F.col("delay") > 0)
    evaluate_ticks(table, {"outcomes": rows}, [at("10:00"), at("11:00")])
    assert not [each.name for each in spark.catalog.listTables() if each.isTemporary]

"""What rules over a turn's rows measure, by exact values, all in one query."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.config.rules.table_rule import TableRule
from lakeloop.quality.measures import ROWS, measure_turn, measures_of
from tests.factories import Row, declare_source, frame, instant

AFTER, NOW = instant("2013-05-02 00:00"), instant("2013-05-03 00:00")
COLUMNS = "origin string, wind double, event_ts timestamp, available_ts timestamp"
RULES: list[dict[str, Any]] = [
    {"rule": "freshness", "within": "1 day"},
    {"rule": "freshness", "within": "1 day", "column": "available_ts"},
    {"rule": "no_gaps", "every": "1 hour", "by": ["origin"]},
    {"rule": "no_gaps", "every": "1 hour", "max_gap": "3 hours"},
    {
        "rule": "column_statistics",
        "column": "wind_mph",
        "statistics": ["mean", "stddev", "min", "max", "null_share"],
        "within": "20%",
        "over": "1 turn",
    },
    {"rule": "foreign_key", "columns": ["origin"], "to": "airports", "references": ["faa"]},
    {"rule": "foreign_key", "columns": ["origin", "wind_mph"], "to": "airports", "references": ["faa", "lat"]},
    {"rule": "foreign_key", "columns": ["origin"], "to": "nowhere", "references": ["faa"]},
    {"rule": "no_gaps", "every": "1 hour", "by": ["origin"], "max_gap": "2 hours", "severity": "warn"},
]


def reading(origin: str | None, event: str, wind: float | None = None, available: str | None = None) -> Row:
    available_ts = instant(available or event)
    return {"origin": origin, "wind_mph": wind, "event_ts": instant(event), "available_ts": available_ts}


EARLIER = [
    reading("EWR", "2013-05-01 22:00"),
    reading("EWR", "2013-05-01 20:00"),
    reading("LGA", "2013-05-01 20:00"),
    reading(None, "2013-05-01 23:00"),
    reading("EWR", "2013-06-01 00:00", None, "2013-05-01 23:00"),  # of the future: it says nothing of gaps before it
]
TURN = [
    reading("EWR", "2013-05-02 01:00", 4.0),  # three hours after the newest one before the turn
    reading("EWR", "2013-05-02 02:00", 6.0),  # an hour, the bound
    reading("EWR", "2013-05-02 02:00", 6.0),  # the same instant again
    reading("EWR", "2013-05-02 04:30", None),  # two and a half
    reading("EWR", "2013-05-01 21:00", 8.0, "2013-05-02 12:00"),  # fills a gap that was told
    reading("JFK", "2013-05-02 05:00", None),  # nothing of its group was known
    reading(None, "2013-05-02 00:30", 6.0),  # a group of its own, an hour and a half
    reading("PHL", "2013-05-09 00:00", 6.0, "2013-05-02 12:00"),  # of the future, known now
]


@pytest.fixture(scope="module")
def measured(zoned: SparkSession) -> Row:
    columns = COLUMNS.replace("wind", "wind_mph")
    known, turn = frame(zoned, columns, EARLIER + TURN), frame(zoned, columns, TURN)
    airports = frame(
        zoned,
        "faa string, lat double",
        [{"faa": "EWR", "lat": 4.0}, {"faa": "EWR", "lat": 4.0}, {"faa": "EWR", "lat": 6.0}, {"faa": "JFK"}, {}],
    )
    rules = [each for each in declare_source(rules=RULES).rules if isinstance(each, TableRule)]
    (row,) = measure_turn(turn, known, rules, {"airports": airports}, after=AFTER, as_of=NOW).collect()
    return dict(row.asDict())


def of(measured: Row, rule: int) -> Row:
    return measures_of(measured, rule)


def test_every_row_is_counted_once_whatever_is_looked_up(measured: Row) -> None:
    assert measured[ROWS] == len(TURN)


def test_freshness_is_of_the_newest_row_known_that_is_not_of_the_future(measured: Row) -> None:
    def micros(text: str) -> int:
        return int((instant(text) - instant("1970-01-01 00:00")).total_seconds()) * 1_000_000

    assert of(measured, 0)["newest"] == micros("2013-05-02 05:00")
    assert of(measured, 1)["newest"] == micros("2013-05-02 12:00")


def test_gaps_of_each_group_begin_with_the_newest_row_before_the_turn(measured: Row) -> None:
    # EWR: 3 hours, 1 hour, none, 2.5 hours; the null group 1.5 hours; JFK and PHL have no row before.
    hour = 3_600_000_000
    assert of(measured, 2) == {
        **{"times": 8, "compared": 5, "gaps": 3, "missing": 2 + 2 + 1, "longest": 3 * hour},
    }
    # The same, with longer ones allowed: 2.5 and 3 hours.
    assert of(measured, 8) == {"times": 8, "compared": 5, "gaps": 2, "missing": 2 + 2, "longest": 3 * hour}


def test_gaps_without_groups_are_those_of_all_rows(measured: Row) -> None:
    # 23:00 | 00:30 01:00 02:00 02:00 04:30 05:00 ... and the seventh day after.
    found = {name: of(measured, 3)[name] for name in ("times", "compared", "gaps")}
    assert found == {"times": 8, "compared": 7, "gaps": 1}


def test_statistics_leave_out_what_is_missing(measured: Row) -> None:
    found = of(measured, 4)
    # 4, 6, 6, 8, 6, 6 and two missing: squares 4 + 4 over five.
    assert found == {"mean": 6.0, "stddev": pytest.approx(1.6**0.5), "min": 4.0, "max": 8.0, "null_share": 0.25}


def test_a_foreign_key_counts_rows_whose_values_are_not_there(measured: Row) -> None:
    assert of(measured, 5)["lost"] == 1  # PHL; a missing value passes
    assert of(measured, 6)["lost"] == 2  # EWR with 8, PHL
    assert of(measured, 7)["lost"] == 7  # a source without rows has no value


def test_of_no_rows_there_is_nothing_but_freshness(spark: SparkSession) -> None:
    columns = COLUMNS.replace("wind", "wind_mph")
    rules = [each for each in declare_source(rules=RULES).rules if isinstance(each, TableRule)]
    known, turn = frame(spark, columns, EARLIER), frame(spark, columns, [])
    found = measure_turn(
        turn, known, rules, {"airports": frame(spark, "faa string, lat double", [])}, after=AFTER, as_of=NOW
    )
    (row,) = found.collect()
    said = {name: value for name, value in row.asDict().items() if value}
    assert said.keys() == {"_0_newest", "_1_newest"}

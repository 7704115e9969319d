"""The suite of the gate counts what the rules of rows reject, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakeloop.config.rules import RULES, DeclaredRule
from lakeloop.expectations import run_suite
from lakeloop.quality.rules import row_rules
from lakeloop.runs.quality import suite_of, with_computed
from tests.factories import declare_source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DECLARED: list[dict[str, Any]] = [
    {"rule": "not_null", "columns": ["seats", "note"]},
    {"rule": "range", "column": "fare", "min": 0},
    {"rule": "range", "column": "weight", "max": 9.5},
    {"rule": "range", "column": "seats", "min": 1, "max": 4},
    {"rule": "allowed", "column": "carrier", "values": ["AA", "O'H", ""]},
    {"rule": "allowed", "column": "seats", "values": ["2", "3", "3000000000"]},  # the last is no integer
    {"rule": "allowed", "column": "ticket", "values": ["9007199254740993"]},
    {"rule": "allowed", "column": "is_late", "values": ["false"]},
    {"rule": "allowed", "column": "day", "values": ["2013-05-01", "2013-02-30"]},  # the last is no day
    {"rule": "allowed", "column": "fare", "values": ["1.0", "7"]},  # 7.0 is written as 7.0
    {"rule": "pattern", "column": "note", "matches": "[A-Z]{2}|\\d+"},
    {"rule": "expression", "name": "in_tens", "that": "10 / seats >= 5 and not is_late"},
]
SOURCE = declare_source(
    key=["number"],
    columns={
        "number": {"type": "long"},
        "observed_ts": {"type": "timestamp"},
        "seats": {"type": "integer"},
        "ticket": {"type": "long"},
        "fare": {"type": "double"},
        "weight": {"type": "double"},
        "is_late": {"type": "boolean"},
        "day": {"type": "date"},
        "carrier": {"type": "string"},
        "note": {"type": "string"},
    },
    rules=[each | {"severity": "warn"} for each in DECLARED],
)
ROWS = """
select number, timestamp'2013-05-01 00:00:00Z' as observed_ts, seats, ticket, fare, weight, is_late, day, carrier, note,
       timestamp'2013-05-01 00:00:00Z' as event_ts, timestamp'2013-05-01 00:00:00Z' as available_ts
from values
    (1L, 2, 9007199254740993L, 1d, 9.5d, false, date'2013-05-01', 'AA', 'AB'),
    (2L, 1, 9007199254740992L, 7d, 9.6d, true, date'2013-05-02', 'aa', 'AB\\n'),
    (3L, 0, 9007199254740994L, double('NaN'), double('NaN'), true, date'2013-05-01', 'O\\'H', ''),
    (4L, 3, 9007199254740993L, -0.5d, double('Infinity'), false, date'0001-01-01', '', '17'),
    (5L, null, null, null, null, null, null, null, null)
    as landed(number, seats, ticket, fare, weight, is_late, day, carrier, note)
"""
BROKEN = {
    "not_null_seats": 1,
    "not_null_note": 1,
    "range_fare": 2,
    "range_weight": 3,
    "range_seats": 1,
    "allowed_carrier": 1,
    "allowed_seats": 2,
    "allowed_ticket": 2,
    "allowed_is_late": 2,
    "allowed_day": 2,
    "allowed_fare": 3,
    "pattern_note": 2,
    "in_tens": 3,  # by late, by a division by zero, by 10 / 3
}


def test_the_gate_counts_as_unexpected_what_the_row_rules_reject(spark: SparkSession) -> None:
    speaking_of_rows = {each for each in RULES if each.conditions is not DeclaredRule.conditions}
    assert {type(each) for each in SOURCE.rules} == speaking_of_rows
    rows = spark.sql(ROWS)
    rules = [rule for rule in row_rules(SOURCE) if rule.name in BROKEN]
    counted = rows.agg(*(F.count_if(each.broken).alias(each.name) for each in rules)).first()
    assert counted is not None
    assert counted.asDict() == BROKEN
    verdicts = run_suite(with_computed(rows, SOURCE), "rules", suite_of(SOURCE))
    assert [(each.expectation.check, each.problem) for each in verdicts if each.problem is not None] == []
    assert {each.expectation.check: each.unexpected_rows for each in verdicts if each.passed is False} == BROKEN

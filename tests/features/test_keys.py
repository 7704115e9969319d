"""Keys of several columns, of every kind of table: a long beyond 2^53, a date, and texts that look alike joined."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.attributes import log_attributes
from lakeloop.features.function_ticks import call_ticks
from lakeloop.features.statement_ticks import evaluate_ticks, log_changes
from lakeloop.features.windows import aggregate_windows
from tests.factories import frame, instant, rows_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KEY = ("number", "day", "head", "tail")
COLUMNS = "number bigint, day date, head string, tail string"
EVENTS = f"{COLUMNS}, delay double, event_ts timestamp, available_ts timestamp"
LARGE, MAY, JUNE = 2**53 + 1, date(2013, 5, 1), date(2013, 6, 1)
ONE, LESS, LATER, ALIKE = (
    (LARGE, MAY, "a|b", "c"),
    (LARGE - 1, MAY, "a|b", "c"),
    (LARGE, JUNE, "a|b", "c"),
    (LARGE, MAY, "a", "b|c"),
)
NAMELESS = [(None, *ONE[1:]), (LARGE, None, *ONE[2:]), (*ONE[:2], None, "c"), (*ONE[:3], None), (None,) * 4]
SINCE, THROUGH = instant("2013-05-01 11:00"), instant("2013-05-01 12:00")


def event(key: tuple[Any, ...], clock: str, delay: float, known: str | None = None) -> dict[str, Any]:
    at = {"event_ts": instant(f"2013-05-01 {clock}"), "available_ts": instant(f"2013-05-01 {known or clock}")}
    return dict(zip(KEY, key, strict=True)) | {"delay": delay} | at


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    named = [(ONE, "10:30", 1.0), (LESS, "10:30", 2.0), (LATER, "10:30", 3.0), (ALIKE, "10:30", 4.0)]
    rows = [event(*each) for each in (*named, (ONE, "10:40", 5.0), *((key, "10:30", 99.0) for key in NAMELESS))]
    return frame(spark, EVENTS, rows)


def declare(**changes: Any) -> FeatureTable:
    return FeatureTable.model_validate({"feature_table": "keyed", "entity": list(KEY)} | changes)


def found(log: DataFrame, *names: str) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """The log by key: hour and minute of a row, and its values."""
    rows = rows_of(log, "available_ts")
    keys = dict.fromkeys(tuple(row[name] for name in KEY) for row in rows)
    return {
        key: [
            (f"{row['available_ts']:%H:%M}", *(row[name] for name in names))
            for row in rows
            if tuple(row[name] for name in KEY) == key
        ]
        for key in keys
    }


AT_11 = {ONE: (2, 6.0), LESS: (1, 2.0), LATER: (1, 3.0), ALIKE: (1, 4.0)}


def test_windows_are_of_one_key_each(events: DataFrame) -> None:
    aggregate = [{"of": "delay", "as": ["count", "sum"], "over": ["1 hour"]}]
    table = declare(**{"from": "events", "every": "1 hour", "aggregate": aggregate})
    log = aggregate_windows(events, table, None, THROUGH)
    assert found(log, "count_delay_1h", "sum_delay_1h") == {
        key: [("11:00", *values), ("12:00", 0, None)] for key, values in AT_11.items()
    }


def test_functions_are_called_for_one_key_each(events: DataFrame) -> None:
    features = {"n": {"type": "long"}, "total": {"type": "double"}}
    declared = {"from": "events", "every": "1 hour", "needs": "1 hour", "python": "sums.total", "features": features}
    log = call_ticks(
        events, declare(**declared), lambda rows: {"n": len(rows), "total": rows["delay"].sum()}, None, THROUGH
    )
    assert found(log, "n", "total") == {
        key: [("11:00", *values), ("12:00", None, None)] for key, values in AT_11.items()
    }


def test_statements_log_the_changes_of_one_key_each(spark: SparkSession, events: DataFrame) -> None:
    key = ", ".join(KEY)
    sql = f"select {key}, count(*) as n, sum(delay) as total from events group by {key}"
    features = {"n": {"type": "long"}, "total": {"type": "double"}}
    table = declare(every="1 hour", needs="1 hour", sql=sql, features=features)
    log = log_changes(evaluate_ticks(table, {"events": events}, [SINCE]), table, None, None, SINCE)
    assert found(log, "n", "total") == {key: [("11:00", *values)] for key, values in AT_11.items()}
    known = [
        dict(zip(KEY, key, strict=True)) | {"n": n, "total": total} for key, (n, total) in AT_11.items() if key != LESS
    ]
    published = frame(spark, f"{COLUMNS}, n bigint, total double", known)
    log = log_changes(evaluate_ticks(table, {"events": events}, [THROUGH]), table, published, SINCE, THROUGH)
    assert found(log, "n", "total") == {key: [("12:00", None, None)] for key in AT_11 if key != LESS}


def test_attributes_are_of_one_key_each(spark: SparkSession, events: DataFrame) -> None:
    table = declare(**{"from": "events", "attributes": {"last_delay": {"as": "delay"}}})
    first = {key: [("10:30", delay)] for key, (_, delay) in AT_11.items() if key != ONE}
    assert found(log_attributes(events, table, None, None), "last_delay") == {
        **first,
        ONE: [("10:30", 1.0), ("10:40", 5.0)],
    }
    known = frame(
        spark,
        f"{COLUMNS}, _known_ts timestamp",
        [dict(zip(KEY, key, strict=True)) | {"_known_ts": instant("2013-05-01 10:35")} for key in (ONE, ALIKE)],
    )
    # Older than what is known of two of the keys; of the others nothing is known.
    older = frame(spark, EVENTS, [event(key, "10:00", 9.0, known="11:30") for key in (*AT_11, *NAMELESS)])
    assert found(log_attributes(older, table, known, SINCE), "last_delay") == {
        key: [("11:30", 9.0)] for key in (LESS, LATER)
    }

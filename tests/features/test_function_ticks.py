"""Python feature tables, entity by entity: without Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.function_ticks import answer_ticks

HOUR = 3_600_000_000
TABLE = FeatureTable.model_validate(
    {
        "feature_table": "pace",
        "entity": ["shop"],
        "from": "orders",
        "every": "1 hour",
        "needs": "2 hours",
        "python": "my_module.pace",
        "features": {"n": {"type": "long"}, "last": {"type": "double"}},
    }
)
EVENTS = [(10 * HOUR, 1.0), (10 * HOUR + 1, 2.0), (11 * HOUR - 1, 3.0), (13 * HOUR, None)]
LOG = [(10, 1, 1.0), (11, 3, 3.0), (12, 2, 3.0), (13, 1, None), (15, None, None)]


def count_and_last(rows: pd.DataFrame) -> dict[str, Any]:
    assert str(rows["available_ts"].dtype) == "datetime64[us, UTC]"
    assert list(rows.index) == list(range(len(rows)))
    return {"n": len(rows), "last": rows["delay"].iloc[-1]}


def answers(
    events: Sequence[tuple[int, float | None]],
    since: int | None,
    until: int,
    function: Callable[[pd.DataFrame], Any] = count_and_last,
) -> list[tuple[int, Any, Any]]:
    rows = pa.Table.from_pylist(
        [{"shop": "A", "event_ts": at, "available_ts": at, "delay": delay} for at, delay in reversed(events)]
    )
    made = answer_ticks(rows, TABLE, function, ["event_ts", "available_ts"], since, until)
    assert made.schema.names == ["shop", "_tick_us", "n", "last"]
    return [(row["_tick_us"] // HOUR, row["n"], row["last"]) for row in made.to_pylist()]


def test_the_function_sees_what_became_available_in_the_window_of_each_tick() -> None:
    # The event of 10:00 sharp counts at 10:00 and no more at 12:00; after the last one left there are nulls.
    assert answers(EVENTS, None, 20 * HOUR) == LOG


def test_several_builds_equal_one() -> None:
    parts = [answers(EVENTS, since, until) for since, until in ((None, 11 * HOUR), (11 * HOUR, 13 * HOUR))]
    assert [*parts[0], *parts[1], *answers(EVENTS, 13 * HOUR, 20 * HOUR)] == LOG


def test_a_future_row_changes_nothing() -> None:
    later = [*EVENTS, (12 * HOUR + 1, 99.0)]
    assert answers(later, None, 12 * HOUR) == [row for row in LOG if row[0] <= 12]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda rows: {"n": 1 / 0, "last": 0.0}, "ZeroDivisionError in line"),
        (lambda rows: {"n": int("secret 4711"), "last": 0.0}, "ValueError in line"),
        (lambda rows: {"n": 1}, "no dict of exactly n, last"),
        (lambda rows: 5, "no dict of exactly n, last"),
        (lambda rows: {"n": 1.5, "last": 0.0}, "a value of n that is no long, but float"),
        (lambda rows: {"n": 2**70, "last": 0.0}, "a value of n beyond the range of a long"),
        (lambda rows: {"n": 2.0**63, "last": 0.0}, "a value of n beyond the range of a long"),
        (lambda rows: {"n": 1, "last": 10**400}, "a value of last beyond the range of a double"),
        (lambda rows: {"n": 1, "last": "secret 4711"}, "a value of last that is no double, but str"),
    ],
)
def test_a_failure_is_told_without_a_value(function: Callable[[pd.DataFrame], Any], told: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        answers(EVENTS, None, 20 * HOUR, function)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize("bound", [2**63 - 1, -(2**63)])
def test_the_greatest_and_the_least_long_are_taken(bound: int) -> None:
    found = answers(EVENTS[:1], None, 10 * HOUR, lambda rows: {"n": bound, "last": None})
    assert found == [(10, bound, None)]


KINDS = FeatureTable.model_validate(
    {
        "feature_table": "kinds",
        "entity": ["shop", "day"],
        "from": "orders",
        "every": "1 hour",
        "needs": "1 hour",
        "python": "my_module.kinds",
        "features": {"seen": {"type": "string"}, "greatest": {"type": "long"}},
    }
)
COLUMNS = {
    "shop": pa.int64(),
    "day": pa.date32(),
    "event_ts": pa.int64(),
    "available_ts": pa.int64(),
    "seats": pa.int32(),
    "ticket": pa.int64(),
    "is_late": pa.bool_(),
    "due_ts": pa.int64(),
    "note": pa.string(),
    "fare": pa.float64(),
}
INSTANTS = ("event_ts", "available_ts", "due_ts")
LARGE, MAY, NEVER = 2**53 + 1, date(2013, 5, 1), 253_402_300_799_000_001  # the last second of 9999, and a microsecond
FILLED = (5, LARGE, True, NEVER, "x", 0.5)
TYPES = ["Int64", "Int64", "boolean", "datetime64[us, UTC]", "object", "float64"]


def tell_kinds(rows: pd.DataFrame) -> dict[str, Any]:
    given = rows[list(COLUMNS)[4:]]
    assert [str(each) for each in given.dtypes] == TYPES
    last = given.iloc[-1]
    return {"seen": ", ".join(str(each) for each in last), "greatest": rows["ticket"].max()}


def kinds_seen(*values: tuple[Any, ...], since: int | None, until: int) -> list[tuple[Any, ...]]:
    events = [(2**60 + 1, MAY, at * HOUR, at * HOUR, *row) for at, row in enumerate(values, start=1)]
    rows = pa.Table.from_pylist([dict(zip(COLUMNS, event, strict=True)) for event in events], pa.schema(COLUMNS))
    made = answer_ticks(rows, KINDS, tell_kinds, INSTANTS, since, until)
    assert made.schema.types == [pa.int64(), pa.date32(), pa.int64(), pa.string(), pa.int64()]
    return [tuple(row.values()) for row in made.to_pylist()]


def test_what_the_function_gets_is_told_by_the_declared_types_and_not_by_later_rows() -> None:
    full = (2**60 + 1, MAY, HOUR, f"5, {LARGE}, True, 9999-12-31 23:59:59.000001+00:00, x, 0.5", LARGE)
    empty = (2**60 + 1, MAY, 2 * HOUR, "<NA>, <NA>, <NA>, NaT, None, nan", None)
    nulls = (None,) * len(FILLED)
    assert kinds_seen(FILLED, since=None, until=HOUR) == [full]
    assert kinds_seen(FILLED, nulls, since=None, until=2 * HOUR) == [full, empty]
    assert kinds_seen(FILLED, nulls, since=HOUR, until=2 * HOUR) == [empty]

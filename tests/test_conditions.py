"""Conditions over a row: what they hold for, what they do not know, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lakeloop.conditions import Condition

ROWS = pa.table(
    {
        "distance": pa.array([1200.0, 80.0, None, float("nan")]),
        "seats": pa.array([180, 2, 0, None], pa.int32()),
        "origin": ["JFK", "EWR", None, "JFK"],
        "is_weekend": [True, False, None, True],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("distance > 1000", [True, False, None, None]),
        ("distance >= 80 and origin = 'JFK'", [True, False, None, None]),
        ("distance > 1000 or origin = 'JFK'", [True, False, None, True]),  # true, whatever is missing beside it
        ("distance > 1000 and origin = 'EWR'", [False, False, None, False]),
        ("not distance > 1000", [False, True, None, None]),
        ("origin in ('JFK', 'LGA')", [True, False, None, True]),
        ("origin not in ('JFK')", [False, True, None, False]),
        ("distance between 80 and 100", [False, True, None, None]),
        ("distance is null", [False, False, True, True]),  # a NaN is no value
        ("origin is not null", [True, True, False, True]),
        ("is_weekend", [True, False, None, True]),
        ("is_weekend is true", [True, False, False, True]),
        ("distance / seats > 10", [False, True, None, None]),
        ("seats / seats = 1", [True, True, None, None]),  # 0 / 0 has no value
        ("-distance < -100", [True, False, None, None]),
        ("distance * 2 - 60 = 100", [False, True, None, None]),
        ("origin > 5", [None, None, None, None]),  # a text can't be compared with a number
        ("absent = 1", [None, None, None, None]),
        ("(seats = 2)", [False, True, False, None]),
    ],
)
def test_a_condition_holds_for_the_rows_sql_would_name(text, expected):
    assert Condition(text).holds(ROWS).to_pylist() == expected
    assert Condition(text).holds(ROWS.to_batches()[0]).to_pylist() == expected


def test_columns_are_named_as_elsewhere_in_the_configuration():
    rows = pa.table({"weather__gust": [30.0, 10.0]})
    assert Condition("weather.gust > 20").holds(rows).to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("distance >", "is not a condition"),
        ("distance + 1", "is no condition: it is neither true nor false"),
        ("upper(origin) = 'JFK'", "is not allowed in a condition"),
        ("distance > (select 1)", "is not allowed in a condition"),
        ("origin like 'J%'", "is not allowed in a condition"),
        ("", "is not a condition"),
    ],
)
def test_what_is_more_than_a_condition_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        Condition(text)


def test_dictionaries_and_decimals_are_values_like_others():
    rows = pa.table(
        {"origin": pa.array(["JFK", "EWR"]).dictionary_encode(), "fare": pa.array([1, 3]).cast(pa.decimal128(21, 2))}
    )
    assert Condition("origin = 'JFK' or fare > 2.5").holds(rows).to_pylist() == [True, True]
    assert Condition("origin = 'JFK' and fare > 2.5").holds(rows).to_pylist() == [False, False]

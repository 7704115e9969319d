from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakeloop.quality.attempts import attempt
from lakeloop.quality.typing import attempted
from tests.factories import Row, frame, instant

COLUMNS = "a int, b int, d double, x string, t timestamp, u timestamp"
ROW: Row = {
    "a": 7,
    "b": 2,
    "d": 0.5,
    "x": "4-y",
    "t": instant("2013-05-01 10:00"),
    "u": instant("2013-05-01 09:00"),
}
ZERO = {"b": 0}
MOST = {"a": 2147483647}
FAILS = "fails"

# An expression, what differs from ROW, and its value as text, null, or that it can't be computed.
ATTEMPTS: list[tuple[str, Row, Any]] = [
    ("a / b", {}, "3.5"),
    ("a / b", ZERO, FAILS),
    ("a / b", {"b": None}, None),
    ("a / b", {"a": None} | ZERO, None),
    ("d / (a - 7)", {}, FAILS),
    ("a / 2", {}, "3.5"),
    ("-a / b", {}, "-3.5"),
    ("a % b", {}, "1"),
    ("a % b", ZERO, FAILS),
    ("a div b", {}, "3"),
    ("a div b", ZERO, FAILS),
    ("mod(a, b)", ZERO, FAILS),
    ("pmod(-a, b)", {}, "1"),
    ("pmod(a, b)", ZERO, FAILS),
    ("a + b", {}, "9"),
    ("a + b", MOST, FAILS),
    ("a * (b + 1)", {}, "21"),
    ("a * b", MOST, FAILS),
    ("b - a", MOST | {"b": -2}, FAILS),
    ("cast(x as int)", {}, FAILS),
    ("cast(x as int)", {"x": " 12"}, "12"),
    ("x::int", {}, FAILS),
    ("try_cast(x as int)", {}, None),
    ("cast(d * 1e300 as int)", {}, FAILS),
    ("cast(a as string)", {}, "7"),
    ("split(x, '-')[0]", {}, "4"),
    ("split(x, '-')[1]", {}, "y"),
    ("split(x, '-')[2]", {}, FAILS),
    ("split(x, '-')[a]", {"x": None}, None),
    ("to_date(x, 'MM/dd/yyyy')", {"x": "05/31/2013"}, "2013-05-31"),
    ("to_date(x, 'MM/dd/yyyy')", {"x": "02/30/2013"}, FAILS),
    ("to_date(x)", {"x": "2013-05-31"}, "2013-05-31"),
    ("to_timestamp(x, 'yyyy-MM-dd HH:mm')", {"x": "2013-02-30 10:00"}, FAILS),
    ("make_timestamp(2013, b, 30, 10, 0, 0)", {}, FAILS),
    ("case when b = 0 then 0 else a / b end", ZERO, "0.0"),
    ("case when b <> 0 then 0 else a / b end", ZERO, FAILS),
    ("case b when 0 then 0 else a / b end", ZERO, "0.0"),
    ("case when a / b > 1 then 1 else 2 end", ZERO, FAILS),
    ("case when a / b > 1 then 1 end", {}, "1"),
    ("if(b = 0, null, a / b)", ZERO, None),
    ("if(b = 0, a / b, 0)", ZERO, FAILS),
    ("coalesce(d, a / b)", ZERO, "0.5"),
    ("coalesce(d, a / b)", ZERO | {"d": None}, FAILS),
    ("nvl(a / b, 1)", ZERO, FAILS),
    ("b <> 0 and a / b > 1", ZERO, "false"),
    ("b = 0 and a / b > 1", ZERO, FAILS),
    ("b = 0 or a / b > 1", ZERO, "true"),
    ("b <> 0 or a / b > 1", ZERO, FAILS),
    ("not (a / b > 1)", ZERO, FAILS),
    ("a / b is null", ZERO, FAILS),
    ("d between 0 and a / b", {}, "true"),
    ("d between 0 and a / b", ZERO, FAILS),
    ("cast((unix_seconds(t) - unix_seconds(u)) / 60 as int)", {}, "60"),
    ("t - u > interval 30 minutes", {}, "true"),
    ("t + interval 30 minutes > u", {}, "true"),
    ("u + (t - u) = t", {}, "true"),
    ("date_format(t, 'HH:mm')", {}, "10:00"),
    ("extract(hour from t) + a", {}, "17"),
    ("x rlike '^[0-9]-'", {}, "true"),
    ("substring(x, 1, 1) || 'it''s'", {}, "4it's"),
    ("concat('it''s ', \"a \"\"b\"\" \", 'a\\'b ', a / b)", {}, "it's a \"b\" a'b 3.5"),
    ("`a` / 2 + 1.5", {}, "5.0"),
]


@pytest.fixture(scope="module")
def computed(spark: SparkSession) -> list[tuple[str | None, bool]]:
    """Value and failure of every expression: a row for each of the rows it is computed for."""
    rows = frame(spark, COLUMNS, [ROW | changes for _, changes, _ in ATTEMPTS])
    columns = []
    for text, _, _ in ATTEMPTS:
        value, fails = attempted(text)
        is_failing = F.lit(False) if fails is None else fails
        # Where it fails, the value says nothing.
        columns.append(F.struct(F.when(~is_failing, value.cast("string")).alias("value"), is_failing.alias("fails")))
    found = rows.coalesce(1).select(*columns).collect()
    return [(row[index]["value"], row[index]["fails"]) for index, row in enumerate(found)]


@pytest.mark.parametrize("index", range(len(ATTEMPTS)), ids=[f"{text} {changes}" for text, changes, _ in ATTEMPTS])
def test_attempt_gives_the_value_or_says_that_there_is_none(
    computed: list[tuple[str | None, bool]], index: int
) -> None:
    expected = ATTEMPTS[index][2]
    assert computed[index] == ((None, True) if expected is FAILS else (expected, False))


@pytest.mark.parametrize(
    "text",
    [
        "departure_ts + interval 30 minutes",
        "a > 1 and b is null",
        "to_utc_timestamp(t, 'UTC')",
        "a / 60",
        "try_cast(a as int)",
    ],
)
def test_attempt_leaves_alone_what_can_not_fail(text: str) -> None:
    assert attempt(text).value == text
    assert attempt(text).fails is None


def test_attempt_leaves_a_lambda_alone() -> None:
    assert attempt("transform(split(x, ','), y -> cast(y as int))").fails is None

from __future__ import annotations

import pytest

from lakeloop.config.expressions import expression_columns


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ts + interval 30 minutes", ("ts",)),
        ("ts - interval 1 hour 30 minutes", ("ts",)),
        ("ts + make_interval(0, 0, 0, 0, 0, delay, 0)", ("ts", "delay")),
        ("to_utc_timestamp(local_ts, zone)", ("local_ts", "zone")),
        ("to_utc_timestamp(local_ts, 'America/New_York')", ("local_ts",)),
        ("timestamp '2013-01-01 00:00:00'", ()),
        ("coalesce(b, a, b)", ("b", "a")),
        ("case when a > 1 then b when c is null then 0 else d end", ("a", "b", "c", "d")),
        ("cast((unix_seconds(b) - unix_seconds(a)) / 60 as int)", ("b", "a")),
        ("make_timestamp(year, month, day, hour, minute, 0)", ("year", "month", "day", "hour", "minute")),
        ("a between 1 and 2 and not b <=> c", ("a", "b", "c")),
        ("try_cast(a as double) % 10 div b", ("a", "b")),
        ("a in ('x', 'y') or b rlike '^z'", ("a", "b")),
        ("`odd name` || a", ("odd name", "a")),
        ("any_function_of_spark(a, unix_timestamp(b))", ("a", "b")),
        ("extract(hour from ts)", ("ts",)),
        ("timestampadd(minute, m, ts)", ("m", "ts")),
        ("exists(split(a, ','), x -> x = b)", ("a", "b")),
        ("struct.field", ("struct.field",)),
        ("'now()'", ()),
    ],
)
def test_columns_of_an_expression(text: str, columns: tuple[str, ...]) -> None:
    assert expression_columns(text) == columns


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not exactly one expression"),
        ("a; b", "not exactly one expression"),
        ("a,b", "does not parse near ','"),
        ("a >", "does not parse near '>'"),
        ("(a", "does not parse"),
        ("'a", "check its quotes"),
        ("a b", "gives the name 'b'"),
        ("a as b", "gives the name 'b'"),
        ("select a from t", "more than a value of one row"),
        ("a in (select b from t)", "more than a value of one row"),
        ("exists(select 1)", "more than a value of one row"),
        ("*", "more than a value of one row"),
        ("sum(a)", "more than a value of one row"),
        ("count(*) > 1", "more than a value of one row"),
        ("row_number() over (order by a)", "more than a value of one row"),
        ("drop table t", "more than a value of one row"),
        ("set x = 1", "more than a value of one row"),
        ("use t", "more than a value of one row"),
        ("(a, b)", "more than a value of one row"),
        ("a = :p", "more than a value of one row"),
        ("now()", "differs from run to run"),
        ("current_date", "differs from run to run"),
        ("a + current_timestamp()", "differs from run to run"),
        ("unix_timestamp()", "differs from run to run"),
        ("rand() < 0.5", "differs from run to run"),
        ("uuid()", "differs from run to run"),
        ("randstr(3, 7) = 'abc'", "differs from run to run"),
        ("uniform(1, 10) > 5", "differs from run to run"),
        ("current_database()", "differs from run to run"),
        ("current_schema()", "differs from run to run"),
        ("current_catalog()", "differs from run to run"),
        ("version()", "differs from run to run"),
        ("user()", "differs from run to run"),
        ("monotonically_increasing_id()", "differs from run to run"),
    ],
)
def test_what_is_not_an_expression_over_one_row_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as raised:  # problem; remedy
        expression_columns(text)
    assert problem in str(raised.value)

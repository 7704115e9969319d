"""The judgement of a turn's rows as a whole, by exact values: what passes, what fails, what cannot be judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.rules.column_statistics import ColumnStatistics
from lakeloop.config.rules.foreign_key import ForeignKey
from lakeloop.config.rules.freshness import Freshness
from lakeloop.config.rules.history import Within
from lakeloop.config.rules.no_gaps import NoGaps
from lakeloop.config.rules.row_count import RowCount
from lakeloop.config.rules.table_rule import NEWEST, Measured, PastTurn, TableRule, Value
from lakeloop.statuses import Status
from tests.factories import instant

NOW = instant("2013-05-03 00:00")
EPOCH = instant("1970-01-01 00:00")
OK, FEW, EMPTY, NULL = Status.OK, Status.INSUFFICIENT_REFERENCE, Status.EMPTY_WINDOW, Status.ALL_NULL
Found = tuple[Status, bool | None, bool]  # status, verdict, whether it fails


def judge(
    rule: TableRule, rows: int, values: Mapping[str, Value] | None = None, past: Sequence[PastTurn] = ()
) -> list[Found]:
    found = rule.judge(Measured(rows, NOW, values or {}), past)
    return [(each.status, each.passed, each.is_broken) for each in found]


PASS: Found = (OK, True, False)
FAIL: Found = (OK, False, True)


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (timedelta(days=2), PASS),  # the bound is included
        (timedelta(days=2, microseconds=1), FAIL),
        (timedelta(0), PASS),
        (None, FAIL),  # there never was a row
    ],
)
@pytest.mark.parametrize("rows", [0, 3])
def test_freshness(rows: int, age: timedelta | None, found: Found) -> None:
    rule = Freshness(rule="freshness", within=timedelta(days=2))
    newest = None if age is None else (NOW - age - EPOCH) // timedelta(microseconds=1)
    assert judge(rule, rows, {"newest": newest}) == [found]


def count(rows: int, *past: int, **keys: Any) -> list[Found]:
    return judge(RowCount(rule="row_count", **keys), rows, past=[PastTurn(each) for each in past])


def test_row_count_between_fixed_bounds_is_of_great_expectations_where_there_are_rows() -> None:
    assert count(5, min=6) == count(5, max=4) == []
    assert count(0, min=1) == [FAIL]
    assert count(0, min=0) == count(0, max=4) == [PASS]


@pytest.mark.parametrize(
    ("rows", "past", "found"),
    [
        (5, (10, 1000, 10, 9), PASS),  # the median of the last three is 10: a first load does not count for much
        (20, (10, 1000, 10, 9), PASS),
        (4, (10, 1000, 10, 9), FAIL),
        (21, (10, 1000, 10, 9), FAIL),
        (0, (10, 10, 10), FAIL),  # no row is a count, too
        (5, (10, 10), (FEW, None, False)),
        (5, (), (FEW, None, False)),
    ],
)
def test_row_count_of_history(rows: int, past: tuple[int, ...], found: Found) -> None:
    assert count(rows, *past, of_history="0.5 to 2.0", over="3 turns") == [found]


def mean(value: float | None, *past: float | None, rows: int = 9, within: str = "20%", over: int = 3) -> list[Found]:
    rule = ColumnStatistics(
        rule="column_statistics", column="x", statistics=("mean",), within=within, over=f"{over} turns"
    )
    check = "column_statistics_x_mean"
    return judge(rule, rows, {"mean": value}, [PastTurn(9, {check: each}) for each in past])


@pytest.mark.parametrize(
    ("value", "past", "found"),
    [
        (8.0, (99, 10, 10, 10), PASS),  # the oldest is not looked at
        (12.0, (10, 10, 10), PASS),
        (12.1, (10, 10, 10), FAIL),
        (math.nan, (10, 10, 10), FAIL),
        (10.0, (10, 10), (FEW, None, False)),
        (10.0, (10, None, 10), (FEW, None, False)),  # what was missing is nothing to compare with
        (10.0, (10, math.inf, 10), (FEW, None, False)),
        (None, (10, 10, 10), (NULL, None, True)),  # all values went missing
        (None, (10, 10), (FEW, None, False)),
        (None, (None, None, None), (FEW, None, False)),  # they always were
        (-12.0, (-10, -10, -10), PASS),
        (0.1, (0, 0, 0), FAIL),
    ],
)
def test_column_statistics_within_a_share(value: float | None, past: tuple[float, ...], found: Found) -> None:
    assert mean(value, *past) == [found]


@pytest.mark.parametrize(
    ("value", "past", "found"),
    [
        (12.0, (9, 10, 11), PASS),  # mean 10, deviation 1
        (12.001, (9, 10, 11), FAIL),
        (0.1, (0.1, 0.1, 0.1), PASS),  # equal values leave no room but rounding
        (0.1 + 1e-16, (0.1, 0.1, 0.1), PASS),
        (0.1001, (0.1, 0.1, 0.1), FAIL),
    ],
)
def test_column_statistics_within_standard_deviations(
    value: float | None, past: tuple[float, ...], found: Found
) -> None:
    assert mean(value, *past, within="2 standard deviations") == [found]


def test_column_statistics_of_no_rows_are_not_judged() -> None:
    assert mean(None, 10, 10, 10, rows=0) == [(EMPTY, None, False)]


def test_column_statistics_of_one_row_has_no_spread() -> None:
    rule = ColumnStatistics(
        rule="column_statistics", column="x", statistics=("stddev", "null_share"), within="20%", over="1 turn"
    )
    past = [PastTurn(9, {"column_statistics_x_stddev": 1.0, "column_statistics_x_null_share": 0.0})]
    assert judge(rule, 1, {"stddev": None, "null_share": 0.0}, past) == [(Status.TOO_FEW_ROWS, None, False), PASS]


@given(past=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9), deviations=st.floats(0, 9))
def test_a_band_holds_the_mean_and_grows_with_the_deviations(past: list[float], deviations: float) -> None:
    band, wider = Within(deviations=deviations).band(past), Within(deviations=deviations + 1).band(past)
    assert band.holds((band.low + band.high) / 2)
    assert wider.low <= band.low <= band.high <= wider.high
    assert not band.holds(math.nan)


def gaps(rows: int, *numbers: Value) -> list[Found]:
    rule = NoGaps(rule="no_gaps", every=timedelta(hours=1))
    names = ("times", "compared", "gaps", "missing", "longest")
    return judge(rule, rows, dict(zip(names, numbers, strict=True)))


def test_no_gaps() -> None:
    assert gaps(3, 3, 2, 0, None, 3_600_000_000) == [PASS]
    assert gaps(3, 3, 2, 1, 1, 7_200_000_000) == [FAIL]
    assert gaps(1, 1, 0, 0, None, None) == [(Status.TOO_FEW_ROWS, None, False)]
    assert gaps(3, 0, 0, 0, None, None) == [(NULL, None, True)]
    assert gaps(0, 0, 0, 0, None, None) == [(EMPTY, None, False)]


def test_silence_up_to_now_is_no_gap_and_not_fresh() -> None:
    """The newest of three instants, an hour apart, is a month old."""
    newest = NOW - timedelta(days=30)
    spaced = {"times": 3, "compared": 2, "gaps": 0, "missing": None, "longest": 3_600_000_000}
    assert judge(NoGaps(rule="no_gaps", every=timedelta(hours=1)), 3, spaced) == [PASS]
    age: dict[str, Value] = {NEWEST: (newest - EPOCH) // timedelta(microseconds=1)}
    assert judge(Freshness(rule="freshness", within=timedelta(hours=1)), 3, age) == [FAIL]


@pytest.mark.parametrize(("rows", "lost", "found"), [(3, 0, PASS), (3, 1, FAIL), (0, 0, (EMPTY, None, False))])
def test_foreign_key(rows: int, lost: int, found: Found) -> None:
    rule = ForeignKey(rule="foreign_key", columns=("a",), to="b", references=("c",))
    assert judge(rule, rows, {"lost": lost}) == [found]

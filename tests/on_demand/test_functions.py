from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.on_demand.functions import cyclic, difference, hour, is_in, minutes_between, ratio, weekday

NAN = float("nan")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        ("2013-03-10 06:59:59", "America/New_York", 1),  # the last second before the clocks go forward
        ("2013-03-10 07:00:00", "America/New_York", 3),
        ("2013-11-03 05:30:00", "America/New_York", 1),  # the hour that happens twice: first
        ("2013-11-03 06:30:00", "America/New_York", 1),  # and second time
        ("2013-11-03 07:00:00", "America/New_York", 2),
        ("2013-07-01 00:00:00", "UTC", 0),
        ("2013-07-01 18:14:59", "Asia/Kathmandu", 23),  # +05:45
        ("2013-07-01 18:15:00", "Asia/Kathmandu", 0),
        ("2050-07-01 12:00:00", "America/New_York", 8),  # summer time after 2037
        ("1969-12-31 23:00:00", "UTC", 23),
    ],
)
def test_hour_is_that_of_the_wall_clock(instant: str, zone: str, expected: int) -> None:
    assert hour(np.array([seconds(instant)]), timezone=zone).tolist() == [expected]


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        ("2013-07-01 03:59:59", "America/New_York", 6),  # Sunday evening there
        ("2013-07-01 04:00:00", "America/New_York", 0),
        ("2013-07-01 03:59:59", "UTC", 0),
        ("1970-01-01 00:00:00", "UTC", 3),
        ("1969-12-31 23:59:59", "UTC", 2),
    ],
)
def test_weekday_counts_from_monday_on_the_wall_clock(instant: str, zone: str, expected: int) -> None:
    assert weekday(np.array([seconds(instant)]), timezone=zone).tolist() == [expected]


@given(
    instants=st.lists(st.floats(946_684_800, 2_051_222_400), max_size=20),
    zone=st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Pacific/Apia"]),
)
def test_hour_and_weekday_agree_with_the_standard_library(instants: list[float], zone: str) -> None:
    local = [datetime.fromtimestamp(np.floor(instant), ZoneInfo(zone)) for instant in instants]
    assert hour(np.array(instants), timezone=zone).tolist() == [clock.hour for clock in local]
    assert weekday(np.array(instants), timezone=zone).tolist() == [clock.weekday() for clock in local]


@pytest.mark.parametrize("function", [hour, weekday])
def test_a_missing_instant_stays_missing(function) -> None:
    np.testing.assert_array_equal(
        function(np.array([NAN, 0.0, NAN]), timezone="UTC"), [NAN, function(np.zeros(1), timezone="UTC")[0], NAN]
    )
    assert function(np.array([NAN]), timezone="Europe/Berlin").dtype == np.float64
    assert function(np.empty(0), timezone="Europe/Berlin").shape == (0,)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["2013-01-01"], dtype="datetime64[ns]"),
        pd.Series(pd.to_datetime(["2013-01-01"], utc=True)),
        np.array([1_372_640_400_000.0]),  # milliseconds
        np.array(["noon"], dtype=object),
        "noon",
    ],
)
def test_what_is_not_seconds_since_the_epoch_is_refused(values) -> None:
    with pytest.raises(ValueError, match=r"hour: got .*allowed: "):
        hour(values, timezone="UTC")


def test_minutes_between_is_signed_and_keeps_missing() -> None:
    start, end = np.array([0.0, 120.0, NAN, 0.0]), np.array([90.0, 60.0, 0.0, NAN])
    np.testing.assert_array_equal(minutes_between(start, end), [1.5, -1.0, NAN, NAN])


def test_ratio_by_zero_or_of_missing_is_missing() -> None:
    above, below = np.array([1.0, 0.0, -1.0, NAN, 1.0]), np.array([4.0, 0.0, 0.0, 1.0, NAN])
    np.testing.assert_array_equal(ratio(above, below), [0.25, NAN, NAN, NAN, NAN])
    np.testing.assert_array_equal(ratio(above, np.float64(2.0)), [0.5, 0.0, -0.5, NAN, 0.5])


def test_numbers_may_arrive_as_integers_or_objects_with_none() -> None:
    np.testing.assert_array_equal(difference(np.array([3, 5]), np.array([5, 3])), [-2.0, 2.0])
    np.testing.assert_array_equal(difference(np.array([3, None, True], dtype=object), np.array(1)), [2.0, NAN, 0.0])


def test_cyclic_goes_round() -> None:
    hours = np.array([0.0, 6.0, 12.0, 18.0, 24.0, NAN])
    np.testing.assert_allclose(cyclic(hours, 24, "sin"), [0, 1, 0, -1, 0, NAN], atol=1e-15)
    np.testing.assert_allclose(cyclic(hours, 24, "cos"), [1, 0, -1, 0, 1, NAN], atol=1e-15)


@pytest.mark.parametrize(("period", "part"), [(0, "sin"), (-1, "sin"), (NAN, "cos"), (24, "tan"), ("24", "sin")])
def test_cyclic_refuses_wrong_constants(period, part) -> None:
    with pytest.raises(ValueError, match=r"cyclic: got .*; allowed: "):
        cyclic(np.zeros(1), period, part)


def test_is_in_finds_texts_and_numbers_and_keeps_missing() -> None:
    texts = np.array(["EWR", "LGA", None, NAN, pd.NA], dtype=object)
    np.testing.assert_array_equal(is_in(texts, "JFK", "LGA"), [0, 1, NAN, NAN, NAN])
    np.testing.assert_array_equal(is_in(np.array([1.0, 2.0, NAN]), 2, 3), [0, 1, NAN])
    np.testing.assert_array_equal(is_in(np.array([None, None], dtype=object), "LGA"), [NAN, NAN])


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        (np.array([1.0]), ("LGA",)),
        (np.array(["LGA"], dtype=object), (1,)),
        (np.array(["LGA"], dtype=object), ("LGA", 1)),
    ],
)
def test_is_in_refuses_to_compare_texts_with_numbers(values, listed) -> None:
    with pytest.raises(ValueError, match=r"is_in: got .*; allowed: "):
        is_in(values, *listed)


@pytest.mark.parametrize("function", [ratio, difference])
def test_a_result_that_no_double_holds_is_missing(function):
    """An estimator refuses an infinity, and with it the whole batch."""
    assert np.isnan(function(np.array([1e308]), np.array([-1e308 if function is difference else 1e-308]))).all()

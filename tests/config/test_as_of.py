from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.as_of import parse_as_of
from lakeloop.errors import UsageError

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2013-01-15", "America/New_York", "2013-01-15T05:00:00"),
        ("2013-07-15", "America/New_York", "2013-07-15T04:00:00"),  # daylight saving time
        (" 2013-07-15 ", "UTC", "2013-07-15T00:00:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00"),  # clocks leave midnight out: the date begins here
        ("2013-11-03", "America/Havana", "2013-11-03T04:00:00"),  # midnight comes twice: the first
        ("2013-05-01T06:00:00Z", "America/New_York", "2013-05-01T06:00:00"),
        ("2013-05-01 06:00+02:00", "America/New_York", "2013-05-01T04:00:00"),
        ("2013-05-01T06:00:00.25Z", "UTC", "2013-05-01T06:00:00.250000"),
    ],
)
def test_an_as_of_is_an_instant_in_utc(text: str, zone: str, expected: str) -> None:
    instant = parse_as_of(text, ZoneInfo(zone))
    assert instant.isoformat() == f"{expected}+00:00"
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2013", "2013-05", "20130501", "2013-02-30", "2013-05-01T06:00:00", "0001-01-01T00:00+14:00"],
)
def test_anything_else_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_as_of(text, NEW_YORK)
    assert repr(text) in raised.value.got
    assert "2013-05-01T06:00:00Z" in raised.value.allowed


def test_an_instant_without_offset_is_told_to_add_it() -> None:
    with pytest.raises(UsageError, match=r"without an offset.*2013-05-01T06:00:00Z is UTC"):
        parse_as_of("2013-05-01T06:00:00", NEW_YORK)


@given(day=st.dates(date(1990, 1, 1), date(2035, 12, 31)), minutes=st.integers(-14 * 60, 14 * 60))
def test_written_out_instants_are_read_back(day: date, minutes: int) -> None:
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    expected = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=minutes)
    assert parse_as_of(f"{day}T12:00:00{offset}", NEW_YORK) == expected
    assert parse_as_of(str(day), NEW_YORK).astimezone(NEW_YORK).date() == day

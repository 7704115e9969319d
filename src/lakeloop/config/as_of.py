"""The logical now of a job, as it is typed on a command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from lakeloop.errors import UsageError

_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ALLOWED = "a date, as in 2013-05-01, or an instant with its offset, as in 2013-05-01T06:00:00Z"
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def parse_as_of(text: str, zone: ZoneInfo, option: str = "--as-of") -> datetime:
    """Read an `as_of`.

    Args:
        text: A bare date, which means 00:00 in the zone, or an ISO 8601 instant with an offset or Z.
        zone: The project's declared time zone. Where clocks leave midnight out or repeat it, the date's first instant
            counts.
        option: The option it was given by, for messages.

    Returns:
        The instant, in UTC.

    Raises:
        UsageError: If the text is neither, or lies outside the calendar.

    >>> parse_as_of("2013-05-01", ZoneInfo("America/New_York")).isoformat()
    '2013-05-01T04:00:00+00:00'
    >>> parse_as_of("2013-05-01T06:00:00-04:00", ZoneInfo("UTC")).isoformat()
    '2013-05-01T10:00:00+00:00'
    """
    text = text.strip()
    try:
        if _BARE_DATE.fullmatch(text):
            return _within(
                datetime.combine(date.fromisoformat(text), time(), tzinfo=zone).astimezone(UTC), text, option
            )
        instant = datetime.fromisoformat(text)
        if instant.utcoffset() is not None:
            return _within(instant.astimezone(UTC), text, option)
    except (ValueError, OverflowError):
        raise UsageError(option, repr(text), _ALLOWED, "write it in one of these two forms") from None
    raise UsageError(option, f"{text!r}, without an offset", _ALLOWED, f"add the offset: {text}Z is UTC")


def _within(instant: datetime, text: str, option: str) -> datetime:
    """Refuse what lies so far outside that windows and splits around it leave the calendar."""
    if _EARLIEST <= instant < _LATEST:
        return instant
    allowed = f"{_ALLOWED}, from {_EARLIEST.year} to {_LATEST.year - 1}"
    raise UsageError(option, repr(text), allowed, "correct the year")

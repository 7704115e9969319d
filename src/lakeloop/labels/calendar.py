"""Which days are closed at an instant: plain Python, for what is decided before Spark is asked."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from lakeloop.config.label import Closes


def closes_at(day: date, closes: Closes) -> datetime:
    """Give the instant at which the labels of a day are final.

    Args:
        day: Local date of the period.
        closes: The declaration.

    Returns:
        An aware instant, UTC.

    >>> closes = Closes.model_validate(
    ...     {"of": "departure_ts", "at": "06:00 next day", "timezone": "America/New_York"})
    >>> closes_at(date(2013, 3, 9), closes).isoformat()
    '2013-03-10T10:00:00+00:00'
    """
    return closes.instant_of(day)


def last_closed_day(as_of: datetime, closes: Closes) -> date:
    """Give the last day whose labels are final at an instant.

    Args:
        as_of: An aware instant.
        closes: The declaration.

    Returns:
        A local date.

    >>> closes = Closes.model_validate(
    ...     {"of": "departure_ts", "at": "06:00 next day", "timezone": "America/New_York"})
    >>> from datetime import UTC
    >>> last_closed_day(datetime(2013, 4, 1, 4, tzinfo=UTC), closes)
    datetime.date(2013, 3, 30)
    """
    day = as_of.astimezone(ZoneInfo(closes.timezone)).date() - closes.after
    while closes_at(day, closes) > as_of:
        day -= timedelta(days=1)
    return day

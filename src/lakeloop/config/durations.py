"""Durations as people write them: `1 hour`, `28 days`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SHORT = {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}
_PATTERN = re.compile(r"^\s*(\d+)\s+(second|minute|hour|day|week)s?\s*$")

ALLOWED = "a whole number and a unit: seconds, minutes, hours, days or weeks, as in '3 hours'"


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Args:
        text: A positive whole number and a unit.

    Returns:
        The duration; a day is 24 hours, a week 168.

    Raises:
        ValueError: If the text is not a duration, or is zero.

    >>> parse_duration("3 hours")
    datetime.timedelta(seconds=10800)
    """
    match = _PATTERN.match(text)
    if match is None or int(match.group(1)) == 0:
        raise ValueError(f"{text!r} is not a duration; write {ALLOWED}")
    try:
        return timedelta(seconds=int(match.group(1)) * _UNITS[match.group(2)])
    except OverflowError:
        raise ValueError(f"{text!r} is longer than a duration can be; write {ALLOWED}") from None


def short_name(duration: timedelta) -> str:
    """Name a duration for a column: the largest unit that divides it.

    Args:
        duration: A positive duration of whole seconds.

    Returns:
        A short name such as `3h`, `7d`, `90min`; a whole number of weeks is named in days.

    >>> [short_name(timedelta(hours=3)), short_name(timedelta(hours=24)), short_name(timedelta(minutes=90))]
    ['3h', '1d', '90min']
    """
    seconds = int(duration.total_seconds())
    for unit in ("day", "hour", "minute"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{_SHORT[unit]}"
    return f"{seconds}s"

"""Durations as people write them: `1 hour`, `28 days`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SHORT = {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}
_PATTERN = re.compile(r"^\s*(\d+)\s+(second|minute|hour|day|week)s?\s*$")

UNITS = tuple(name for unit in _UNITS for name in (unit, f"{unit}s"))
"""Units as they may be written."""

ALLOWED = "a whole number and a unit: seconds, minutes, hours, days or weeks, as in '3 hours'"


def parse_duration(text: str, *, least: int = 1) -> timedelta:
    """Read a duration.

    Args:
        text: A whole number and a unit.
        least: Least number that passes; 0 where no time at all is meant too.

    Returns:
        The duration; a day is 24 hours, a week 168.

    Raises:
        ValueError: If the text is not a duration, or is below the least.

    >>> parse_duration("3 hours")
    datetime.timedelta(seconds=10800)
    """
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write {ALLOWED}")
    if int(match.group(1)) < least:
        raise ValueError(f"{text!r} is no time at all; write {ALLOWED}, above zero")
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
    count, unit = _in_largest_unit(duration)
    return f"{count}{_SHORT[unit]}"


def write_duration(duration: timedelta) -> str:
    """Write a duration as it is declared: a number of the largest unit that divides it.

    Args:
        duration: A positive duration of whole seconds.

    Returns:
        What `parse_duration` reads; a whole number of weeks is written in days.

    >>> [write_duration(timedelta(hours=3)), write_duration(timedelta(hours=24)), write_duration(timedelta(weeks=1))]
    ['3 hours', '1 day', '7 days']
    """
    count, unit = _in_largest_unit(duration)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _in_largest_unit(duration: timedelta) -> tuple[int, str]:
    seconds = int(duration.total_seconds())
    unit = next(unit for unit in ("day", "hour", "minute", "second") if seconds % _UNITS[unit] == 0)
    return seconds // _UNITS[unit], unit

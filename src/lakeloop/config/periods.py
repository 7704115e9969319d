"""The periods of a grid in a year with a summer and a winter: what is tried where clocks may change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

LOOKED_AT = 10_000
"""Periods that are tried at most."""

_SUMMER_AND_WINTER = timedelta(days=366)
_LAST_DAY = datetime(9999, 1, 1, tzinfo=UTC)


def periods_of_a_year(every: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """List the periods of a year.

    Args:
        every: Their length.

    Yields:
        Start and end of each.

    >>> next(periods_of_a_year(timedelta(days=1)))[1].isoformat()
    '2024-01-02T00:00:00+00:00'
    """
    epoch = datetime.fromtimestamp(0, UTC)
    number = (datetime(2024, 1, 1, tzinfo=UTC) - epoch) // every
    last = min(number + max(1, _SUMMER_AND_WINTER // every), (_LAST_DAY - epoch) // every - 1)
    while number <= last:
        yield epoch + number * every, epoch + (number + 1) * every
        number += 1

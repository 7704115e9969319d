"""Stretches of a state log, each computed on its own: newest first, so that a log is one at every moment.

Rows at the end of a stretch know everything before them, so their `event_ts` is never below that of rows which were
published earlier: what lies before a stretch may be older than it, what lies after must have been made again already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Stretch:
    """Instants of a state log.

    Attributes:
        after: Instant before it, not included; UTC.
        through: Its last instant, included; UTC.
    """

    after: datetime
    through: datetime


def cut_stretch(whole: Stretch, length: timedelta) -> tuple[Stretch, ...]:
    """Cut a stretch into pieces.

    Args:
        whole: The stretch.
        length: Length of a piece; the newest is as short as what is left.

    Returns:
        Pieces that lie end to end, newest first.

    >>> from datetime import UTC
    >>> first, last = datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 5, 4, tzinfo=UTC)
    >>> [f"{each.after:%d}-{each.through:%d}" for each in cut_stretch(Stretch(first, last), timedelta(days=2))]
    ['03-04', '01-03']
    """
    found = []
    after = whole.after
    while after < whole.through:
        through = min(after + length, whole.through)
        found.append(Stretch(after, through))
        after = through
    return tuple(reversed(found))

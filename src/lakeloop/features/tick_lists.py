"""The ticks at which a statement is evaluated, and the runs of them that a query holds. Plain instants, no Spark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Presence:
    """How long rows that a statement reads are seen.

    Attributes:
        first: First tick at which they are seen.
        left: Instant from which they are not seen any more; None for what lasts.
    """

    first: datetime
    left: datetime | None


@dataclass(frozen=True)
class TickRun:
    """Ticks that are evaluated in one query.

    Attributes:
        since: Tick up to which a log is complete before it; None at the first build.
        through: Tick up to which it is complete with it.
        ticks: The ticks to evaluate; none where nothing is seen at any.
    """

    since: datetime | None
    through: datetime
    ticks: tuple[datetime, ...]


def list_ticks(seen: Iterable[Presence], every: timedelta, through: datetime, most: int) -> list[datetime]:
    """List the ticks at which any row is seen.

    Args:
        seen: How long rows are seen.
        every: The tick.
        through: Last tick that counts.
        most: How many are listed, and one more: the caller refuses that one.

    Returns:
        The ticks, in order.

    >>> ten = datetime(2024, 1, 1, 10)
    >>> hour = timedelta(hours=1)
    >>> seen = [Presence(ten, ten + 2 * hour), Presence(ten + 4 * hour, None)]
    >>> [each.hour for each in list_ticks(seen, hour, ten + 6 * hour, 100)]
    [10, 11, 14, 15, 16]
    >>> len(list_ticks(seen, hour, ten + 6 * hour, 3))
    4
    """
    found: set[datetime] = set()
    for each in seen:
        tick = each.first
        while tick <= through and (each.left is None or tick < each.left) and len(found) <= most:
            found.add(tick)
            tick += every
    return sorted(found)


def cut_ticks(ticks: Sequence[datetime], since: datetime | None, through: datetime, length: int) -> tuple[TickRun, ...]:
    """Cut ticks into runs that lie end to end and complete a log from `since` to `through`.

    Args:
        ticks: Ticks to evaluate, in order, all in (since, through].
        since: Tick up to which the log is complete; None at the first build.
        through: Tick up to which it is to be complete.
        length: Ticks of a run at most.

    Returns:
        At least one run; the last one reaches `through`.

    >>> ten = datetime(2024, 1, 1, 10)
    >>> ticks = [ten + timedelta(hours=number) for number in range(3)]
    >>> for run in cut_ticks(ticks, None, datetime(2024, 1, 1, 20), 2):
    ...     print(run.since and run.since.hour, run.through.hour, [each.hour for each in run.ticks])
    None 11 [10, 11]
    11 20 [12]
    """
    parts = [tuple(ticks[at : at + length]) for at in range(0, len(ticks), length)] or [()]
    ends = [*(part[-1] for part in parts[:-1]), through]
    starts = [since, *ends[:-1]]
    return tuple(TickRun(*each) for each in zip(starts, ends, parts, strict=True))

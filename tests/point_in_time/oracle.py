"""The point-in-time join in plain Python, row by row, from its definition: the reference that engines are held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lakeloop.statuses import LookupStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class State:
    """A row of gold: the value of one feature, known of an entity from `available_ts` on.

    Attributes:
        key: The entity's key.
        event_ts: Instant the state speaks of.
        available_ts: Instant from which it was known.
        value: The feature.
    """

    key: tuple[Any, ...]
    event_ts: datetime
    available_ts: datetime
    value: float | None


def look_up(
    states: Sequence[State],
    key: tuple[Any, ...],
    instant: datetime,
    *,
    built_through: datetime,
    every: timedelta | None = None,
    ttl: timedelta | None = None,
) -> tuple[LookupStatus, float | None]:
    """Give the status and the value of one look-up.

    Args:
        states: All rows of the gold table.
        key: The spine row's key.
        instant: The spine row's instant.
        built_through: Instant up to which the table is complete.
        every: Tick of a windowed table.
        ttl: Age, from `event_ts`, after which a state is expired.
    """
    if None in key:
        return LookupStatus.NO_KEY, None
    known = [state for state in states if state.key == key and state.available_ts <= instant]
    newest = max(known, key=lambda state: state.available_ts, default=None)
    expired = newest is not None and ttl is not None and instant - newest.event_ts > ttl
    value = None if newest is None or expired else newest.value
    needed = instant if every is None else instant - (instant - _EPOCH) % every
    if needed > built_through:
        return LookupStatus.STALE, value
    if newest is None:
        return LookupStatus.NO_ROW, None
    return (LookupStatus.EXPIRED if expired else LookupStatus.OK), value

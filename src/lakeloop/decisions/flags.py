"""Flags: recorded requests to act, with their evidence. Append-only; what is open is derived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lakeloop.config.monitor import Persistence
from lakeloop.statuses import FlagEvent, FlagKind, FlagState

_CLOSES = {
    FlagEvent.RESOLVED: FlagState.RESOLVED,
    FlagEvent.SUPERSEDED: FlagState.SUPERSEDED,
    FlagEvent.EXPIRED: FlagState.EXPIRED,
}
_NEVER_EXPIRES = frozenset({FlagKind.QUALITY, FlagKind.CONTRACT_DRIFT})
"""What blocks: that nobody saw it again is no pass."""


@dataclass(frozen=True)
class Flag:
    """A request to act.

    Attributes:
        kind: What it is about.
        model: The model.
        model_version: The version it speaks of; a promotion supersedes it.
        subject: Column or metric.
        window_start: Start of the last window that was judged; an aware instant.
        window_end: Its end, excluded; an aware instant.
        as_of: The logical now at which it was raised; an aware instant.
        evidence: JSON values that show why.

    >>> week = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late_arrival", "3", "bias", *week, as_of=week[1])
    >>> flag.flag_id
    '5eb5e43da38849ae1bb5c7ddb46df5f1'
    """

    kind: FlagKind
    model: str
    model_version: str
    subject: str
    window_start: datetime
    window_end: datetime
    as_of: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def flag_id(self) -> str:
        """Hash of model, version, kind, subject and window end (in UTC): the same flag raised twice has one id."""
        end = self.window_end.astimezone(UTC).isoformat()
        identity = json.dumps([self.model, self.model_version, self.kind.value, self.subject, end])
        return hashlib.sha256(identity.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class FlagEntry:
    """One appended row about a flag.

    Attributes:
        flag: The flag.
        event: What happened to it.
        as_of: When, on the logical clock.
        reason: Why, for a person.
    """

    flag: Flag
    event: FlagEvent
    as_of: datetime
    reason: str = ""


@dataclass(frozen=True)
class FlagRecord:
    """A flag with what became of it.

    Attributes:
        flag: The flag as it was first raised.
        state: What it is now.
        since: The instant it is so since.
        claimed_as_of: The newest turn that claimed it; None when none has.
        ending: JSON values that say how it ended; empty while it has not.
    """

    flag: Flag
    state: FlagState
    since: datetime
    claimed_as_of: datetime | None = None
    ending: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def is_open(self) -> bool:
        """Whether it still asks for something: claimed is not yet answered."""
        return self.state in (FlagState.OPEN, FlagState.CLAIMED)


def persistent(history: Sequence[bool | None], persistence: Persistence) -> bool:
    """Tell whether enough of the last windows agree.

    Args:
        history: Whether each window alarmed, oldest first; None where it was missing or could not be judged, which
            takes a place and is no hit.
        persistence: How many hits among how many windows.

    Returns:
        True when the last windows hold enough hits; with fewer windows than declared, among those there are.

    >>> rule = Persistence(hits=2, windows=3)
    >>> persistent([True, None, True], rule), persistent([True, True, False, False], rule)
    (True, False)
    """
    return sum(alarmed is True for alarmed in history[-persistence.windows :]) >= persistence.hits


def has_cleared(history: Sequence[bool | None], persistence: Persistence) -> bool:
    """Tell whether an alarm is over.

    Args:
        history: Whether each window alarmed, oldest first; None where it was missing or could not be judged.
        persistence: How many windows a flag looks at.

    Returns:
        True when there are that many windows, and the last of them were all judged and did not alarm.

    >>> rule = Persistence(hits=2, windows=3)
    >>> has_cleared([True, True, False, False, False], rule), has_cleared([True, False, None, False], rule)
    (True, False)
    >>> has_cleared([False, False], rule)
    False
    """
    looked_at = history[-persistence.windows :]
    return len(looked_at) == persistence.windows and all(alarmed is False for alarmed in looked_at)


def flag_state(entries: Iterable[FlagEntry]) -> FlagRecord | None:
    """Derive what a flag is from its appended rows, in whatever order and however often they are read.

    The first event that closes it counts; a claim changes nothing about a flag that is closed. The same flag raised
    again stays closed, because its evidence is the same.

    Args:
        entries: Rows of one flag, already cut at the reader's `as_of`.

    Returns:
        The flag and its state; None when it was not raised.

    >>> now = datetime(2013, 4, 8, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late_arrival", "3", "bias", datetime(2013, 4, 1, tzinfo=UTC), now, now)
    >>> raised, claimed = FlagEntry(flag, FlagEvent.RAISED, now), FlagEntry(flag, FlagEvent.CLAIMED, now)
    >>> flag_state([claimed, raised]).state.value, flag_state([claimed]) is None
    ('CLAIMED', True)
    """
    order = tuple(FlagEvent)
    ordered = sorted(entries, key=lambda each: (each.as_of, order.index(each.event)))
    raised = next((each for each in ordered if each.event is FlagEvent.RAISED), None)
    if raised is None:
        return None
    claims = [each.as_of for each in ordered if each.event is FlagEvent.CLAIMED]
    claimed = claims[-1] if claims else None
    closed = next((each for each in ordered if each.event in _CLOSES), None)
    if closed is not None:
        return FlagRecord(raised.flag, _CLOSES[closed.event], closed.as_of, claimed, closed.flag.evidence)
    if claimed is not None:
        return FlagRecord(raised.flag, FlagState.CLAIMED, claimed, claimed)
    return FlagRecord(raised.flag, FlagState.OPEN, raised.as_of)


def list_flags(entries: Iterable[FlagEntry]) -> list[FlagRecord]:
    """Derive the state of every flag.

    Args:
        entries: Rows of any flags, already cut at the reader's `as_of`.

    Returns:
        Flags by window end, kind, model, version and subject.

    >>> list_flags([])
    []
    """
    of_flag: dict[str, list[FlagEntry]] = {}
    for entry in entries:
        of_flag.setdefault(entry.flag.flag_id, []).append(entry)
    found = [record for each in of_flag.values() if (record := flag_state(each)) is not None]
    return sorted(found, key=lambda each: _order(each.flag))


def _order(flag: Flag) -> tuple[Any, ...]:
    return (flag.window_end, flag.kind, flag.model, flag.model_version, flag.subject)


def open_flags(entries: Iterable[FlagEntry]) -> list[Flag]:
    """Find the flags that still ask for something, claimed or not.

    Args:
        entries: Appended rows, already cut at the reader's `as_of`.

    Returns:
        Open flags by window end, kind, model, version and subject.

    >>> now = datetime(2013, 4, 8, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late_arrival", "3", "bias", datetime(2013, 4, 1, tzinfo=UTC), now, now)
    >>> raised = FlagEntry(flag, FlagEvent.RAISED, now)
    >>> [open_flag.subject for open_flag in open_flags([raised, raised])]
    ['bias']
    >>> open_flags([raised, FlagEntry(flag, FlagEvent.RESOLVED, now)])
    []
    """
    return [each.flag for each in list_flags(entries) if each.is_open]


def has_expired(flag: Flag, last_seen: datetime | None, as_of: datetime, life: timedelta) -> bool:
    """Tell whether a flag has not been confirmed for too long to ask for anything.

    Args:
        flag: An open flag.
        last_seen: End of the last window in which its alarm was seen; None when the tables know of none.
        as_of: The logical now.
        life: How long it stands after that, or after the window it was raised for.

    Returns:
        True beyond its life. What blocks (contract drift, quality) never expires: it ends when it is judged and passes.

    >>> now = datetime(2013, 4, 8, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late_arrival", "3", "bias", datetime(2013, 4, 1, tzinfo=UTC), now, now)
    >>> life = timedelta(days=42)
    >>> has_expired(flag, None, now + life, life), has_expired(flag, None, now + timedelta(days=43), life)
    (False, True)
    """
    if flag.kind in _NEVER_EXPIRES:
        return False
    return as_of - max(flag.window_end, last_seen or flag.window_end) > life


def find_superseded(flags: Iterable[Flag], model: str, champion: str) -> list[Flag]:
    """Find open flags that speak of a version that no longer serves.

    Args:
        flags: Open flags of any model.
        model: The model.
        champion: Version that serves now.

    Returns:
        Flags of the model on other versions, in the order given.

    >>> now = datetime(2013, 4, 8, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late_arrival", "3", "bias", datetime(2013, 4, 1, tzinfo=UTC), now, now)
    >>> [old.model_version for old in find_superseded([flag], "late_arrival", "4")]
    ['3']
    """
    return [flag for flag in flags if flag.model == model and flag.model_version != champion]

"""Flags: recorded requests to act, with their evidence. Append-only; what is open is derived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lakeloop.config.monitor import Persistence
from lakeloop.statuses import FlagEvent, FlagKind


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


def open_flags(entries: Iterable[FlagEntry]) -> list[Flag]:
    """Find the flags that still ask for something.

    A flag is open once raised and until resolved or superseded, in whatever order and however often its rows are read;
    the same flag raised again stays closed, because its evidence is the same.

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
    raised: dict[str, Flag] = {}
    closed: set[str] = set()
    for entry in sorted(entries, key=lambda entry: entry.as_of):
        if entry.event is FlagEvent.RAISED:
            raised.setdefault(entry.flag.flag_id, entry.flag)
        else:
            closed.add(entry.flag.flag_id)
    still_open = [flag for flag_id, flag in raised.items() if flag_id not in closed]
    return sorted(
        still_open, key=lambda flag: (flag.window_end, flag.kind, flag.model, flag.model_version, flag.subject)
    )


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

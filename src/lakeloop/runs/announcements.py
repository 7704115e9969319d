"""What the project's channels are told, and what became of it: a channel that fails is recorded and fails no job.

`ops.notifications` is the outbox: what a channel could not carry, or was not to carry at night, waits there for the
next time something is announced. Jobs are no daemons: nothing is sent between them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.config.notify import Channel
from lakeloop.decisions.flags import Flag
from lakeloop.notifications import Delivery, Message, Place, deliver, from_plain, join_messages
from lakeloop.notifications.wording import decision_message, flag_message, promotion_message, recovery_message
from lakeloop.runs.context import Context
from lakeloop.runs.promotions import Promotion
from lakeloop.statuses import (
    Action,
    FlagEvent,
    FlagKind,
    MessageAbout,
    MessageSeverity,
    NotificationStatus,
)
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "announce"
MOST_TURNS = 5
"""Turns in which a channel is to carry a message before it is given up."""

_REPORT = "report.html"
_CLOSED = frozenset({FlagEvent.RESOLVED.value, FlagEvent.SUPERSEDED.value, FlagEvent.EXPIRED.value})
_GOT = frozenset({NotificationStatus.SENT, NotificationStatus.HELD, NotificationStatus.FAILED})
_NOT_CARRIED = frozenset({NotificationStatus.FAILED, NotificationStatus.GIVEN_UP})
_IN_ORDER = tuple(NotificationStatus)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _State:
    """What became of a message in a channel so far."""

    status: NotificationStatus
    attempts: int
    as_of: datetime
    message: str | None

    @property
    def place_in_order(self) -> tuple[int, int]:
        return self.attempts, _IN_ORDER.index(self.status)


_States = dict[str, dict[str, _State]]
"""Channel -> id of a message -> what became of it."""


def announce_flags(context: Context, flags: Sequence[Flag]) -> None:
    """Tell the channels of flags that were raised.

    Args:
        context: Project, lake and logical now; the workspace is held.
        flags: The flags; without one nothing is done.

    >>> drift = Flag(FlagKind.CONTRACT_DRIFT, "late", "1", "items", *[context.as_of] * 3)
    >>> for _ in range(2):
    ...     announce_flags(fresh, [drift])
    >>> [(row["channel"], row["status"], row["attempts"]) for row in fresh.lake.own_rows(schemas.NOTIFICATIONS, None)]
    [('file', 'SENT', 1)]
    """
    if flags:
        announce(context, [flag_message(flag) for flag in flags])


def announce_decision(context: Context, decision_id: str, model: str, said: Mapping[str, Any]) -> None:
    """Tell the channels what was decided, where it asks for something, and send what waits in any case.

    Args:
        context: Project, lake and logical now; the workspace is held.
        decision_id: Id of the decision.
        model: The model.
        said: `action` and `reasons`.

    >>> announce_decision(fresh, "d1", "late", {"action": "none", "reasons": []})
    >>> fresh.lake.exists(fresh.lake.own(schemas.NOTIFICATIONS))
    False
    """
    asks = said["action"] != Action.NONE.value
    told = [decision_message(decision_id, model, context.turn, said["action"], said["reasons"])] if asks else []
    announce(context, [*_recoveries(context, model), *told])


def announce_closed(context: Context, model: str) -> None:
    """Tell of flags that are closed the channels that were told of them.

    Asked of the tables, and not of the step that closed them: a process that ended in between is made up for.

    Args:
        context: Project, lake and logical now; the workspace is held.
        model: The model.

    >>> announce_closed(fresh, "late")  # no flag was told of
    """
    found = _recoveries(context, model)
    if found:
        announce(context, found)


def announce_promotion(context: Context, event: Promotion) -> None:
    """Tell the channels what was done to a model version at the logical now; of an earlier event nothing is said.

    Args:
        context: Project, lake and logical now; the workspace is held.
        event: The newest event of the model's ledger.

    >>> from datetime import timedelta
    >>> from lakeloop.runs.promotions import read_promotions
    >>> announce_promotion(context.at(context.as_of + timedelta(days=1)), read_promotions(context, "late")[-1])
    """
    if event.as_of == context.as_of:
        row = {name: getattr(event, name) for name in ("model", "version", "actor", "reason", "as_of")}
        row |= {"event": event.event.value, "outcome": str(event.outcome), "previous_version": event.previous_version}
        row["checks"] = json.loads(event.evidence).get("checks", [])
        announce(context, [promotion_message(identity_hash("promotion", event.model, event.seq), row)])


def announce(context: Context, messages: Sequence[Message]) -> None:
    """Hand messages to every channel they are for, with what waits there, and record what became of each.

    A channel that fails is left alone for the rest of the turn, and its messages wait for the next one.

    Args:
        context: Project, lake, logical now and wall clock; the workspace is held. Nothing is done where it announces
            nothing.
        messages: New ones, or ones that an earlier call may have announced.

    >>> message = decision_message("d1", "late", "2024-02-04T00:00:00Z", "retrain", ["schedule: due"])
    >>> announce(fresh, [message])
    >>> (row,) = fresh.lake.own_rows(schemas.NOTIFICATIONS, None)
    >>> row["about"], row["kind"], row["status"], row["error"]
    ('decision', 'retrain', 'SENT', None)
    """
    if not context.announces or (not messages and not context.lake.exists(context.lake.own(schemas.NOTIFICATIONS))):
        return
    states, rows = _read_states(context), []
    project, workspace = context.config.project, context.config.workspace
    place = Place(project.project, workspace, f"{workspace / _REPORT}, which `lakeloop report` writes", context.clock())
    for name, channel in project.notify.named.items():
        rows += _carry(context, name, channel, messages, states.get(name, {}), place)
    if rows:
        steps = sorted(f"{row['notification_id']} {row['channel']} {row['status']} {row['attempts']}" for row in rows)
        identity = WriteIdentity(JOB, f"{context.turn} {identity_hash(*steps)}")
        context.lake.append_own(schemas.NOTIFICATIONS, rows, identity)


def _carry(
    context: Context,
    name: str,
    channel: Channel,
    messages: Sequence[Message],
    states: Mapping[str, _State],
    place: Place,
) -> list[dict[str, Any]]:
    """Hand a channel what is for it, and give the rows that say what became of it."""
    new = [each for each in {each.id: each for each in messages}.values() if each.id not in states]
    rows: list[dict[str, Any]] = []

    def note(message: Message, status: NotificationStatus, attempts: int, error: str = "") -> None:
        rows.append(_row(context, name, message, status, attempts, error, place.now))

    hours = context.config.project.notify.quiet_hours_of(channel)
    is_quiet = hours is not None and hours.hold(place.now, context.config.project.zone)
    told_at_night = {each.value for each in hours.except_} if hours is not None else set()
    hidden = context.config.hidden_arguments(name)
    loud: list[Message] = []
    for message in new:
        if not _is_for(channel, message, states):
            note(message, NotificationStatus.SKIPPED, 0)
        elif is_quiet and message.kind not in told_at_night:
            note(message, NotificationStatus.HELD, 0)
        else:
            loud.append(message)
    is_down = any(state.status in _NOT_CARRIED and state.as_of == context.as_of for state in states.values())
    waiting = [] if is_quiet or is_down else _waiting(context, states)
    batches = [[each] for each in waiting] if channel.file is not None or not waiting else [waiting]
    error = "not tried: the channel failed earlier in this turn"
    for batch in [*batches, *([each] for each in loud)]:
        joined = join_messages(batch, identity_hash("digest", *(each.id for each in batch)))
        delivery = Delivery(False, error) if is_down else deliver(name, channel, joined, place, hidden)
        if not delivery.is_sent and not is_down:
            is_down, error = True, f"not tried after: {delivery.error}"
            _log.warning("notification channel %s failed: %s; it is tried again in the next turn", name, delivery.error)
        for message in batch:
            attempts = states[message.id].attempts + 1 if message.id in states else 1
            status = NotificationStatus.SENT
            if not delivery.is_sent:
                status = NotificationStatus.FAILED if attempts < MOST_TURNS else NotificationStatus.GIVEN_UP
            note(message, status, attempts, delivery.error)
    given_up = sum(row["status"] == NotificationStatus.GIVEN_UP.value for row in rows)
    if given_up:
        _log.warning("notification channel %s failed in %d turns: %d given up", name, MOST_TURNS, given_up)
    return rows


def _is_for(channel: Channel, message: Message, states: Mapping[str, _State]) -> bool:
    if message.about not in {each.value for each in channel.on}:
        return False
    if message.about == MessageAbout.RECOVERY.value:  # whoever got the alarm, whatever its severity
        alarm = states.get(message.details["flag_id"])
        return alarm is not None and alarm.status in _GOT
    ranks = list(MessageSeverity)
    return ranks.index(message.severity) >= ranks.index(channel.severity)


def _waiting(context: Context, states: Mapping[str, _State]) -> list[Message]:
    """Find what is to be sent now: what was held back, and what failed in an earlier turn, oldest first."""
    found = [
        (state.as_of, message_id, state.message)
        for message_id, state in states.items()
        if state.message is not None
        if (state.status is NotificationStatus.HELD and state.as_of <= context.as_of)
        or (state.status is NotificationStatus.FAILED and state.as_of < context.as_of)
    ]
    return [from_plain(json.loads(text)) for _, _, text in sorted(found)]


def _row(
    context: Context,
    channel: str,
    message: Message,
    status: NotificationStatus,
    attempts: int,
    error: str,
    now: datetime,
) -> dict[str, Any]:
    waits = status in (NotificationStatus.HELD, NotificationStatus.FAILED)
    return {
        "notification_id": message.id,
        "channel": channel,
        "about": message.about,
        "kind": message.kind,
        "model": message.model,
        "subject": message.subject,
        "status": status.value,
        "attempts": attempts,
        "error": error or None,
        "message": json.dumps(message.to_plain(), sort_keys=True, default=str) if waits else None,
        "recorded_ts": now,
        "as_of": context.as_of,
    }


def _read_states(context: Context) -> _States:
    """Read what became of every message in every channel, whatever the logical now: what was sent stays sent."""
    found: _States = {}
    for row in context.lake.own_rows(schemas.NOTIFICATIONS, None):
        state = _State(NotificationStatus(row["status"]), row["attempts"], row["as_of"], row["message"])
        of_channel = found.setdefault(row["channel"], {})
        known = of_channel.get(row["notification_id"])
        if known is None or known.place_in_order < state.place_in_order:
            of_channel[row["notification_id"]] = state
    return found


def _recoveries(context: Context, model: str) -> list[Message]:
    """Say of every flag that was told of and is closed that it is, where that was not said yet."""
    if not context.lake.exists(context.lake.own(schemas.NOTIFICATIONS)):
        return []
    known = {message_id for of_channel in _read_states(context).values() for message_id in of_channel}
    raised: dict[str, dict[str, Any]] = {}
    closed: dict[str, dict[str, Any]] = {}
    for row in context.lake.own_rows(schemas.FLAGS, context.as_of):
        if row["model"] == model and row["flag_id"] in known:
            chosen = closed if row["event"] in _CLOSED else raised
            chosen.setdefault(row["flag_id"], row)
    found = []
    for flag_id, row in sorted(closed.items()):
        message_id = identity_hash("recovery", flag_id)
        if message_id not in known and flag_id in raised:
            flag = _flag(raised[flag_id])
            found.append(recovery_message(flag, message_id, row["as_of"], json.loads(row["evidence"])))
    return found


def _flag(row: Mapping[str, Any]) -> Flag:
    evidence = json.loads(row["evidence"])
    start = datetime.fromisoformat(evidence["window_start"])
    named = (row["model"], row["model_version"], row["subject"])
    return Flag(FlagKind(row["kind"]), *named, start, row["window_end"], row["as_of"], evidence)

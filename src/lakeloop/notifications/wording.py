"""What is said of flags, decisions and promotions: what, why, what was done. Keys of data, never its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lakeloop.decisions.flags import Flag
from lakeloop.notifications.message import Message, bounded, one_line
from lakeloop.reporting.evidence import describe_numbers
from lakeloop.statuses import Action, FlagKind, GateStatus, MessageAbout, MessageSeverity, PromotionOutcome

_MEANING = {
    FlagKind.QUALITY: "Data are broken; the model is not trained on them.",
    FlagKind.CONTRACT_DRIFT: "A feature that is not to move has moved: something upstream may have broken.",
    FlagKind.REGIME_DRIFT: "A feature has moved, as the world does; whether it harms is known once labels are final.",
    FlagKind.PREDICTION_DRIFT: "The scores have moved.",
    FlagKind.TARGET_DRIFT: "What is predicted is not distributed as it was when the version was accepted.",
    FlagKind.BIAS: "Predictions are too high or too low on closed days.",
    FlagKind.SKILL: "Predictions are not as much better than the baseline as they are to be.",
    FlagKind.METRIC_DROP: "A metric has fallen from what the version was accepted with.",
}
_SEVERITY = {
    FlagKind.QUALITY: MessageSeverity.CRITICAL,
    FlagKind.CONTRACT_DRIFT: MessageSeverity.CRITICAL,
    FlagKind.SKILL: MessageSeverity.CRITICAL,
    FlagKind.METRIC_DROP: MessageSeverity.CRITICAL,
    FlagKind.BIAS: MessageSeverity.WARNING,
    FlagKind.TARGET_DRIFT: MessageSeverity.WARNING,
    FlagKind.PREDICTION_DRIFT: MessageSeverity.WARNING,
    FlagKind.REGIME_DRIFT: MessageSeverity.INFO,
}
_MAX_REASON = 240


def flag_message(flag: Flag) -> Message:
    """Say that a flag was raised.

    Args:
        flag: The flag.

    Returns:
        The message; its id is the flag's.

    >>> from datetime import timedelta
    >>> end = datetime(2024, 2, 4, tzinfo=UTC)
    >>> evidence = {"statistic": "psi", "value": 0.31234, "threshold": 0.1, "rows": 640}
    >>> drift = Flag(FlagKind.CONTRACT_DRIFT, "late", "3", "items", end - timedelta(days=7), end, end, evidence)
    >>> message = flag_message(drift)
    >>> message.title, message.severity.value
    ('late version 3: contract drift of items', 'critical')
    >>> print(*message.lines[1:], sep=chr(10))
    Why: statistic psi, value 0.3123, threshold 0.1, rows 640.
    Window: 2024-01-28T00:00:00Z to 2024-02-04T00:00:00Z.
    """
    lines = [_MEANING[flag.kind]]
    why = describe_numbers({key: each for key, each in flag.evidence.items() if key != "window_start"})
    if not _is_of_gate(flag):
        lines += [f"Why: {why}."] if why else []
        lines.append(f"Window: {_utc(flag.window_start)} to {_utc(flag.window_end)}.")
    return Message(
        id=flag.flag_id,
        about=MessageAbout.FLAG.value,
        kind=flag.kind.value,
        severity=_SEVERITY[flag.kind],
        title=_title(flag),
        lines=bounded(lines),
        as_of=_utc(flag.as_of),
        model=flag.model,
        model_version=flag.model_version,
        subject=flag.subject,
        details={"window_end": _utc(flag.window_end)},
    )


def recovery_message(flag: Flag, message_id: str, closed_as_of: datetime, evidence: Mapping[str, Any]) -> Message:
    """Say that a flag was closed.

    Args:
        flag: The flag.
        message_id: Id of the message.
        closed_as_of: The logical now of its end.
        evidence: How it ended, as its row says.

    Returns:
        The message, as severe as that of the flag.

    >>> now = datetime(2024, 2, 4, tzinfo=UTC)
    >>> drift = Flag(FlagKind.CONTRACT_DRIFT, "late", "3", "items", now, now, now)
    >>> message = recovery_message(drift, "r1", now, {"alarm": "over"})
    >>> message.title
    'resolved: late version 3: contract drift of items'
    >>> message.lines
    ('The alarm is over: the last windows were judged and none alarmed.', 'It was raised as of 2024-02-04T00:00:00Z.')
    """
    return Message(
        id=message_id,
        about=MessageAbout.RECOVERY.value,
        kind=flag.kind.value,
        severity=_SEVERITY[flag.kind],
        title=one_line(f"resolved: {_title(flag)}"),
        lines=bounded([_ending(evidence), f"It was raised as of {_utc(flag.as_of)}."]),
        as_of=_utc(closed_as_of),
        model=flag.model,
        model_version=flag.model_version,
        subject=flag.subject,
        details={"flag_id": flag.flag_id},
    )


def decision_message(decision_id: str, model: str, as_of: str, action: str, reasons: Sequence[str]) -> Message:
    """Say what was decided.

    Args:
        decision_id: Id of the decision.
        model: The model.
        as_of: Its logical now, ISO, UTC.
        action: What was decided.
        reasons: Every rule and what it said.

    Returns:
        The message; its id is the decision's.

    >>> decision_message("d1", "late", "2024-02-04T00:00:00Z", "retrain", ["schedule: asks to retrain"]).title
    'late: decided to retrain'
    """
    severity = MessageSeverity.WARNING if action == Action.NOTIFY.value else MessageSeverity.INFO
    return Message(
        id=decision_id,
        about=MessageAbout.DECISION.value,
        kind=action,
        severity=severity,
        title=f"{model}: decided to {action}",
        lines=bounded([one_line(each, _MAX_REASON) for each in reasons]),
        as_of=as_of,
        model=model,
        details={"action": action, "reasons": list(reasons)},
    )


def promotion_message(message_id: str, row: Mapping[str, Any]) -> Message:
    """Say what was done to a model version.

    Args:
        message_id: Id of the message.
        row: The ledger's event: model, version, event, outcome, actor, reason, previous_version, as_of, and the checks
            of its evidence.

    Returns:
        The message; a version that waits for a person is a warning.

    >>> now = datetime(2024, 2, 4, tzinfo=UTC)
    >>> row = {"model": "late", "version": "3", "event": "gate", "outcome": "held", "actor": "gate", "as_of": now}
    >>> check = {"name": "slice_shop_no_worse[ada]", "status": "WARN", "detail": "ada: 3 rows"}
    >>> message = promotion_message("p1", row | {"reason": None, "checks": [check], "previous_version": "2"})
    >>> message.title, message.severity.value
    ('late version 3: held', 'warning')
    >>> print(*message.lines, sep=chr(10))
    It waits for a person: lakeloop models approve late.
    Champion before: version 2. By gate.
    slice_shop_no_worse WARN
    """
    is_held = row["outcome"] == PromotionOutcome.HELD.value
    before = f"Champion before: version {row['previous_version']}. " if row["previous_version"] else ""
    lines = [f"It waits for a person: lakeloop models approve {row['model']}."] if is_held else []
    reason = f": {row['reason']}" if row["reason"] else ""
    lines.append(f"{before}By {row['actor']}{reason}.")
    did = row["outcome"] if row["event"] != "rollback" else "rolled back to"
    return Message(
        id=message_id,
        about=MessageAbout.PROMOTION.value,
        kind=str(row["outcome"]),
        severity=MessageSeverity.WARNING if is_held else MessageSeverity.INFO,
        title=f"{row['model']} version {row['version']}: {did}",
        lines=bounded([*lines, *_checks(row["checks"])]),
        as_of=_utc(row["as_of"]),
        model=str(row["model"]),
        model_version=str(row["version"]),
        details={"event": str(row["event"])},
    )


def _checks(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what checks found; of slices only which failed: their names and details hold values of rows."""
    found: list[str] = []
    for check in checks:
        name, status = str(check.get("name")), str(check.get("status"))
        if not name.startswith("slice"):
            found.append(one_line(f"{name} {status}: {check.get('detail', '')}", _MAX_REASON))
        elif status != GateStatus.PASS.value:
            found.append(f"{name.partition('[')[0]} {status}")
    return list(dict.fromkeys(found))


def _title(flag: Flag) -> str:
    if _is_of_gate(flag):
        return one_line(f"{flag.model}: the quality gate failed for {flag.subject}")
    version = f" version {flag.model_version}" if flag.model_version else ""
    of = "" if flag.subject == flag.kind.value else f" of {flag.subject}"
    return one_line(f"{flag.model}{version}: {flag.kind.value.replace('_', ' ')}{of}")


def _is_of_gate(flag: Flag) -> bool:
    return flag.kind is FlagKind.QUALITY and not flag.model_version


def _ending(evidence: Mapping[str, Any]) -> str:
    if evidence.get("alarm") == "over":
        return "The alarm is over: the last windows were judged and none alarmed."
    if evidence.get("alarm") == "no longer watched":
        return "The declaration no longer asks for it."
    if evidence.get("reason"):
        return f"It expired: {evidence['reason']}."
    if evidence.get("gate") == "passed":
        return "The quality gate passed again."
    outcome, judged = evidence.get("outcome"), evidence.get("judged_version")
    if "champion" in evidence:
        return f"Version {evidence['champion']} was made champion."
    if outcome == PromotionOutcome.PROMOTED.value:
        return f"Version {judged} was promoted in its place."
    if judged is not None:
        return f"The training it asked for was done: version {judged} was {outcome}."
    return f"How it ended: {describe_numbers(evidence) or 'nothing is recorded'}."


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")

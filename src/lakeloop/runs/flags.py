"""Flags in their table: raised with evidence, closed by what was done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.decisions.flags import Flag, FlagEntry, FlagRecord, find_superseded, list_flags
from lakeloop.runs.announcements import announce_closed, announce_flags
from lakeloop.runs.context import Context
from lakeloop.runs.promotions import GATE_ACTOR, HELD, PROMOTED, RECALIBRATION_ACTOR
from lakeloop.statuses import FlagEvent, FlagKind
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "flags"
_ANSWERED_BY = {
    GATE_ACTOR: (FlagKind.BIAS, FlagKind.SKILL, FlagKind.METRIC_DROP),
    RECALIBRATION_ACTOR: (FlagKind.BIAS,),
}


def raise_flags(context: Context, model: str, flags: Sequence[Flag]) -> int:
    """Append what a monitoring found, and announce it.

    Args:
        context: Project, lake and logical now.
        model: The model.
        flags: What was found in this turn.

    Returns:
        How many flags the turn raised.

    >>> found = Flag(FlagKind.BIAS, "late", "1", "bias", *[context.as_of] * 3, {"bias": 0.3})
    >>> raise_flags(fresh, "late", [found]), raise_flags(fresh, "late", [found])  # written once
    (1, 1)
    >>> [(flag.kind.value, flag.evidence["bias"]) for flag in read_open_flags(fresh, "late")]
    [('bias', 0.3)]
    """
    if flags:
        rows = [flag_row(flag, FlagEvent.RAISED, context.as_of, dict(flag.evidence)) for flag in flags]
        which = identity_hash(*sorted(flag.flag_id for flag in flags))
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"raised {model} {context.turn} {which}"))
    announce_flags(context, flags)
    return len(flags)


def flag_row(flag: Flag, event: FlagEvent, as_of: datetime, evidence: dict[str, Any]) -> dict[str, Any]:
    """Lay out an event of a flag as a row.

    Args:
        flag: The flag.
        event: What happened to it.
        as_of: When; an aware instant.
        evidence: JSON values: why, or how it ended.

    Returns:
        Column of `ops.flags` -> value.

    >>> from datetime import UTC
    >>> flag = Flag(FlagKind.BIAS, "late", "1", "bias", *[datetime(2024, 1, 25, tzinfo=UTC)] * 3)
    >>> flag_row(flag, FlagEvent.EXPIRED, flag.as_of, {})["event"]
    'expired'
    """
    return {
        "flag_id": flag.flag_id,
        "event": event.value,
        "kind": flag.kind.value,
        "model": flag.model,
        "model_version": flag.model_version,
        "subject": flag.subject,
        "window_end": flag.window_end,
        "evidence": json.dumps(
            {**evidence, "window_start": flag.window_start.isoformat()}, sort_keys=True, default=str
        ),
        "as_of": as_of,
    }


def read_open_flags(context: Context, model: str) -> list[Flag]:
    """Read the flags of a model that are open at the logical now; a flag is a few rows.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Returns:
        Flags that were raised and neither superseded nor resolved.

    >>> read_open_flags(context, "late")  # the one of this turn was superseded by its promotion
    []
    """
    return [each.flag for each in read_flags(context, model) if each.is_open]


def read_flags(context: Context, model: str, *, whole: bool = False) -> list[FlagRecord]:
    """Read all flags of a model with what became of them; a flag is a few rows.

    Args:
        context: Project, lake and logical now.
        model: The model.
        whole: Whether later events are read too, as claims are: who holds a flag now is no evidence.

    Returns:
        Flags by window end, with their state at the logical now.

    >>> bias = Flag(FlagKind.BIAS, "late", "1", "bias", *[context.as_of] * 3)
    >>> raise_flags(fresh, "late", [bias])
    1
    >>> [(each.flag.subject, each.state.value) for each in read_flags(fresh, "late")]
    [('bias', 'OPEN')]
    """
    entries = []
    for row in context.lake.own_rows(schemas.FLAGS, None if whole else context.as_of):
        if row["model"] != model:
            continue
        evidence = json.loads(row["evidence"])
        flag = Flag(
            FlagKind(row["kind"]),
            row["model"],
            row["model_version"],
            row["subject"],
            datetime.fromisoformat(evidence["window_start"]),
            row["window_end"],
            row["as_of"],
            evidence,
        )
        entries.append(FlagEntry(flag, FlagEvent(row["event"]), row["as_of"]))
    return list_flags(entries)


def close_flags(context: Context, model: str, version: str, outcome: str, actor: str = GATE_ACTOR) -> int:
    """Close the open flags of a model with the outcome of a training or a recalibration.

    Args:
        context: Project, lake and logical now.
        model: The model.
        version: The version that was judged.
        outcome: promoted, rejected or held. A promotion supersedes what was said of other versions; either of the
            others resolves what asked for it, because it was done: what the turn has claimed, and bias; after a
            training also skill and a drop of a metric.
        actor: What made the version: `GATE_ACTOR` or `RECALIBRATION_ACTOR`.

    Returns:
        How many were closed.

    >>> bias = Flag(FlagKind.BIAS, "late", "1", "bias", *[context.as_of] * 3)
    >>> drift = Flag(FlagKind.REGIME_DRIFT, "late", "1", "items", *[context.as_of] * 3)
    >>> raise_flags(fresh, "late", [bias, drift])
    2
    >>> close_flags(fresh, "late", "2", "rejected")  # what asked for the training is resolved by it
    1
    >>> [flag.subject for flag in read_open_flags(fresh, "late")]
    ['items']
    """
    rows = []
    records = [each for each in read_flags(context, model) if each.is_open]
    superseded = find_superseded([each.flag for each in records], model, version) if outcome == PROMOTED else []
    answered = _ANSWERED_BY.get(actor, _ANSWERED_BY[GATE_ACTOR])
    evidence = {"outcome": outcome, "judged_version": version, "answer": actor}
    for each in records:
        if each.flag in superseded:
            event = FlagEvent.SUPERSEDED
        elif each.flag.kind in answered or each.claimed_as_of == context.as_of:
            event = FlagEvent.RESOLVED
        else:
            continue
        rows.append(flag_row(each.flag, event, context.as_of, evidence))
    if rows:
        held = " held" if outcome == HELD else ""  # it may be promoted at this very instant yet
        identity = WriteIdentity(JOB, f"closed {model} {version} {context.turn}{held}")
        context.lake.append_own(schemas.FLAGS, rows, identity)
    announce_closed(context, model)
    return len(rows)


def supersede_flags(context: Context, model: str, champion: str, seq: int) -> int:
    """Close the open flags that speak of other versions than the one that a person has made champion.

    No training was done, so what asks for one of the new champion stays open, and so do flags of the quality gate.

    Args:
        context: Project, lake and the logical now of the event.
        model: The model.
        champion: Who is champion by the event.
        seq: The event's place in the model's ledger.

    Returns:
        How many were closed.

    >>> flags = [Flag(FlagKind.SKILL, "late", version, "skill", *[context.as_of] * 3) for version in ("3", "4")]
    >>> raise_flags(fresh, "late", flags)
    2
    >>> supersede_flags(fresh, "late", "3", 9), supersede_flags(fresh, "late", "3", 9)
    (1, 0)
    >>> [flag.model_version for flag in read_open_flags(fresh, "late")]
    ['3']
    """
    flags = [flag for flag in read_open_flags(context, model) if flag.model_version]
    evidence = {"outcome": PROMOTED, "champion": champion, "ledger_seq": seq}
    rows = [
        flag_row(flag, FlagEvent.SUPERSEDED, context.as_of, evidence)
        for flag in find_superseded(flags, model, champion)
    ]
    if rows:
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"superseded {model} {seq}"))
    announce_closed(context, model)
    return len(rows)


def clear_flags(context: Context, model: str, flags: Sequence[Flag]) -> int:
    """Close the flags whose alarm a monitoring found to be over.

    Args:
        context: Project, lake and logical now.
        model: The model.
        flags: Open flags of the model.

    Returns:
        How many flags the turn closed so.

    >>> drift = Flag(FlagKind.CONTRACT_DRIFT, "late", "1", "items", *[context.as_of] * 3)
    >>> raise_flags(fresh, "late", [drift])
    1
    >>> clear_flags(fresh, "late", [drift]), clear_flags(fresh, "late", [drift]), read_open_flags(fresh, "late")
    (1, 1, [])
    """
    if flags:
        rows = [flag_row(flag, FlagEvent.RESOLVED, context.as_of, {"alarm": "over"}) for flag in flags]
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"cleared {model} {context.turn}"))
    announce_closed(context, model)
    return len(flags)


def close_gate_flags(context: Context, model: str) -> int:
    """Close the flags of a quality gate that failed in an earlier turn and passed in this one.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Returns:
        How many were closed.

    >>> raise_quality_flag(fresh, "late", ["orders"])
    1
    >>> close_gate_flags(fresh, "late"), close_gate_flags(fresh, "late")
    (1, 0)
    """
    found = [
        flag for flag in read_open_flags(context, model) if flag.kind is FlagKind.QUALITY if not flag.model_version
    ]
    rows = [flag_row(flag, FlagEvent.RESOLVED, context.as_of, {"gate": "passed"}) for flag in found]
    if rows:
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"gate passed {model} {context.turn}"))
    announce_closed(context, model)
    return len(rows)


def raise_quality_flag(context: Context, model: str, sources: Sequence[str]) -> int:
    """Flag a failed quality gate for a model, one flag per source.

    Args:
        context: Project, lake and logical now.
        model: The model.
        sources: Sources whose rows failed.

    Returns:
        How many flags the turn raised.

    >>> raise_quality_flag(fresh, "late", ["orders"])
    1
    >>> [(flag.kind.value, flag.subject) for flag in read_open_flags(fresh, "late")]
    [('quality', 'orders')]
    """
    flags = [
        Flag(FlagKind.QUALITY, model, "", source, context.as_of, context.as_of, context.as_of, {"gate": "failed"})
        for source in sources
    ]
    return raise_flags(context, model, flags)

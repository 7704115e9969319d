"""Flags and decisions as they are recorded, for a person or a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from lakeloop import schemas
from lakeloop.decisions.policy import recompute
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.flags import read_flags


@dataclass(frozen=True)
class FlagShown:
    """A flag and what became of it.

    Attributes:
        flag_id: Its id.
        model: The model.
        kind: What it is about.
        subject: Column, metric or source.
        model_version: The version it speaks of; empty where it speaks of data.
        state: OPEN, CLAIMED, RESOLVED, SUPERSEDED or EXPIRED.
        since: Since when, ISO, UTC.
        raised: When it was raised, ISO, UTC.
        window_end: End of the window it was raised for, ISO, UTC.
        evidence: Why it was raised.
        ending: How it ended; empty while it has not.
    """

    flag_id: str
    model: str
    kind: str
    subject: str
    model_version: str
    state: str
    since: str
    raised: str
    window_end: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    ending: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DecisionShown:
    """A decision as it is recorded.

    Attributes:
        decision_id: Its id.
        model: The model.
        as_of: The turn, ISO, UTC.
        attempt: How often the turn was decided before, and this time; a quality gate that failed may be asked again.
        action: none, notify, recalibrate or retrain.
        reasons: Every rule and what it said.
        is_recomputed: Whether the policy and the inputs of the row alone give action and reasons again.
    """

    decision_id: str
    model: str
    as_of: str
    attempt: int
    action: str
    reasons: tuple[str, ...]
    is_recomputed: bool


def list_flags_of(context: Context, models: Sequence[str], *, closed: bool = False) -> tuple[FlagShown, ...]:
    """List the flags of models at the logical now.

    Args:
        context: Project, lake and logical now.
        models: The models.
        closed: Whether flags that have ended are listed too.

    Returns:
        Flags by model, the newest window first.

    >>> list_flags_of(context, ["late"])
    ()
    """
    found = []
    for model in models:
        for each in reversed(read_flags(context, model)):
            if not (closed or each.is_open):
                continue
            flag, instants = each.flag, (each.since, each.flag.as_of, each.flag.window_end)
            since, raised, end = (instant_text(instant.astimezone(UTC)) for instant in instants)
            found.append(
                FlagShown(
                    flag.flag_id,
                    model,
                    flag.kind.value,
                    flag.subject,
                    flag.model_version,
                    each.state.value,
                    since,
                    raised,
                    end,
                    flag.evidence,
                    each.ending,
                )
            )
    return tuple(found)


def list_decisions_of(context: Context, models: Sequence[str], limit: int = 10) -> tuple[DecisionShown, ...]:
    """List the decisions about models up to the logical now, each made again from its row.

    Args:
        context: Project, lake and logical now.
        models: The models.
        limit: How many of each model.

    Returns:
        Decisions by model, the newest first.

    >>> [(each.action, each.as_of, each.is_recomputed) for each in list_decisions_of(context, ["late"])]
    [('retrain', '2024-02-04T00:00:00Z', True), ('retrain', '2024-01-25T00:00:00Z', True)]
    """
    rows = context.lake.own_rows(schemas.DECISIONS, context.as_of)
    found = []
    for model in models:
        own = [row for row in rows if row["model"] == model]
        own.sort(key=lambda row: (row["as_of"], row["attempt"]), reverse=True)
        for row in own[:limit]:
            again = recompute(row)
            said = (row["action"], tuple(row["reasons"]))
            found.append(
                DecisionShown(
                    row["decision_id"],
                    model,
                    instant_text(row["as_of"].astimezone(UTC)),
                    row["attempt"],
                    *said,
                    is_recomputed=(again.action.value, again.reasons) == said,
                )
            )
    return tuple(found)

"""The decision of a turn: nothing, notify, recalibrate or retrain, recorded so that its row alone tells why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.decisions.policy import decide, to_row
from lakeloop.runs.announcements import announce_decision
from lakeloop.runs.context import Context
from lakeloop.runs.decision_inputs import FromRows, gather_inputs
from lakeloop.runs.flag_life import claim_flags, end_flags
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.quality import gate_attempt
from lakeloop.statuses import Action, Outcome
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "decide"


@dataclass(frozen=True)
class DecideResult:
    """What was decided.

    Attributes:
        model: The model.
        action: none, notify, recalibrate or retrain.
        reasons: Every rule and what it said.
        outcome: WRITTEN, SKIPPED when the turn was decided already, or EMPTY when nothing was to be recorded.
    """

    model: str
    action: Action
    reasons: tuple[str, ...]
    outcome: Outcome

    @property
    def summary(self) -> str:
        """The action."""
        return self.action.value


def decide_action(context: Context, name: str, asked: FromRows | None = None) -> DecideResult:
    """Decide what to do about a model, from what is recorded before this turn's training.

    Flags whose alarm was not seen for too long end first. Those that a training or a recalibration is to answer are
    claimed before the decision is recorded; where another turn was faster, it is decided again, by what is known then.

    Args:
        context: Project, lake and logical now.
        name: The model.
        asked: What sources and their quality say; they are asked without it.

    Returns:
        The decision; the same call gives the same one.

    >>> decision = decide_action(context, "late")
    >>> decision.action.value, decision.outcome.value, decision.reasons[1]
    ('retrain', 'SKIPPED', 'schedule: asks to retrain: the last training is 10d old, due after 7d')
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing():
        address = lake.create_own(schemas.DECISIONS)
        attempt = max(1, gate_attempt(context))  # what a failed gate blocked is decided again once it was asked again
        unit = (name, context.turn, *((f"again {attempt}",) if attempt > 1 else ()))
        identity = WriteIdentity(JOB, " ".join(unit))
        decision_id, outcome = identity_hash(JOB, *unit), Outcome.SKIPPED
        done = lake.find_commit(address, identity)
        if done is None:
            context.progress(f"decide {name}")
            row = _decide_and_claim(context, model, asked)
            row |= {"decision_id": decision_id, "model": name, "attempt": attempt}
            said: Mapping[str, Any] = {"action": row["action"], "reasons": row["reasons"]}
            lake.append_own(schemas.DECISIONS, [row], identity, notes=said)
            outcome = Outcome.WRITTEN
        else:
            said = {key: done.notes[key] for key in ("action", "reasons")}
        announce_decision(context, decision_id, name, said)  # an earlier attempt may have stopped before it
        return DecideResult(name, Action(said["action"]), tuple(said["reasons"]), outcome)


def _decide_and_claim(context: Context, model: Model, asked: FromRows | None) -> dict[str, Any]:
    """Decide until every flag that the decision answers is this turn's; a turn that lost one sees it claimed."""
    champion = champion_before(read_promotions(context, model.model), context.as_of)
    if champion is not None:
        end_flags(context, model, champion.version)
    while True:
        inputs = gather_inputs(context, model, asked)
        decision = decide(model.decide, inputs)
        seen = {flag.flag_id: flag.claimed_as_of for flag in inputs.flags if flag.flag_id in decision.answers}
        if not claim_flags(context, model.model, seen):
            return to_row(model.decide, inputs)


def preview_action(context: Context, name: str) -> DecideResult:
    """Decide what a turn would, and record nothing.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        The decision.

    >>> decision = preview_action(context, "late")
    >>> decision.action.value, decision.outcome.value
    ('retrain', 'EMPTY')
    """
    model = context.config.models[name]
    decision = decide(model.decide, gather_inputs(context, model))
    return DecideResult(name, decision.action, decision.reasons, Outcome.EMPTY)

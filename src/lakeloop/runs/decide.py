"""The decision of a turn: nothing, notify or retrain, recorded so that it can be computed again from its row alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.config.predict import PREDICTION_TS
from lakeloop.config.split import Split
from lakeloop.decisions.policy import DecisionInputs, OpenFlag, to_row
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import local_date
from lakeloop.labels.grid import first_periods
from lakeloop.labels.spine import prediction_instant
from lakeloop.runs.announcements import announce_decision
from lakeloop.runs.context import Context
from lakeloop.runs.flags import read_open_flags
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.quality import gate_attempt, read_gate
from lakeloop.statuses import Action, Outcome
from lakeloop.tables import WriteIdentity, identity_hash
from lakeloop.training.split import MIN_TRAIN_DAYS

JOB = "decide"


@dataclass(frozen=True)
class DecideResult:
    """What was decided.

    Attributes:
        model: The model.
        action: none, notify or retrain.
        reasons: Every rule and what it said.
        outcome: WRITTEN, or SKIPPED when the turn was decided already.
    """

    model: str
    action: Action
    reasons: tuple[str, ...]
    outcome: Outcome

    @property
    def summary(self) -> str:
        """The action."""
        return self.action.value


def decide_action(context: Context, name: str) -> DecideResult:
    """Decide what to do about a model, from what is recorded before this turn's training.

    Args:
        context: Project, lake and logical now.
        name: The model.

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
            row = to_row(model.decide, _gather(context, model))
            row |= {"decision_id": decision_id, "model": name, "attempt": attempt}
            said: Mapping[str, Any] = {"action": row["action"], "reasons": row["reasons"]}
            lake.append_own(schemas.DECISIONS, [row], identity, notes=said)
            outcome = Outcome.WRITTEN
        else:
            said = {key: done.notes[key] for key in ("action", "reasons")}
        announce_decision(context, decision_id, name, said)  # an earlier attempt may have stopped before it
        return DecideResult(name, Action(said["action"]), tuple(said["reasons"]), outcome)


def _gather(context: Context, model: Model) -> DecisionInputs:
    """Look up everything the policy is given, as of just before this turn's training."""
    before = [each for each in read_promotions(context, model.model) if each.as_of < context.as_of]
    champion = champion_before(before, context.as_of)
    trained = [each for each in before if each.is_training]
    last_trained = trained[-1].as_of if trained else None
    closes = model.label.closes
    closed = last_closed_day(context.as_of, closes)
    first = _first_day(context, model)
    total = 0 if first is None else max(0, (closed - first).days + 1)
    since = total if last_trained is None else (closed - last_closed_day(last_trained, closes)).days
    version = champion.version if champion is not None else None
    flags = [
        OpenFlag(flag.kind, flag.subject, flag.flag_id)
        for flag in read_open_flags(context, model.model)
        if version is None or flag.model_version == version
    ]
    return DecisionInputs(
        as_of=context.as_of,
        champion=version,
        last_trained_as_of=last_trained,
        last_closed_day=closed if total else None,
        closed_days_total=total,
        closed_days_since_training=max(0, min(since, total)),
        flags=tuple(sorted(flags)),
        quality_passed=read_gate(context),
        closed_days_needed=days_needed(model.split),
    )


def days_needed(split: Split) -> int:
    """Count the closed days without which a training set can't be split.

    Args:
        split: The declared split.

    Returns:
        Days: validation, calibration, holdout, the gaps before them, and the least there is to be for training.

    >>> days_needed(Split(validation=timedelta(days=14), holdout=timedelta(days=28), gap=timedelta(days=1)))
    51
    """
    return MIN_TRAIN_DAYS + split.held_out // timedelta(days=1)


def _first_day(context: Context, model: Model) -> date | None:
    address = context.lake.address("bronze", model.predict.from_)
    if not context.lake.exists(address):
        return None
    closes = model.label.closes
    rows = context.lake.read(address, context.as_of)
    if model.predict.every is not None:
        rows = first_periods(rows, model.predict)
    of = prediction_instant(model.predict) if closes.of == PREDICTION_TS else F.col(closes.of)
    found = rows.agg(F.min(local_date(of, closes.timezone))).first()
    day: date | datetime | None = found[0] if found is not None else None
    return day

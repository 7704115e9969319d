"""The gate: challenger against baseline and champion on the pinned holdout; one row in the promotions ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop import schemas
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.discovery.private import private_columns
from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.model_versions import ModelVersion
from lakeloop.registry import CHALLENGER
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.flags import close_flags
from lakeloop.runs.gate_facts import find_facts
from lakeloop.runs.promotions import (
    HELD,
    PROMOTED,
    Promotion,
    champion_before,
    read_promotions,
    reconcile_alias,
)
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import PromotionOutcome
from lakeloop.tables import WriteIdentity
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateReport, HoldoutScores, acknowledge_evidence, describe_checks, judge
from lakeloop.training.split import HOLDOUT, TRAIN

JOB = "gate"


@dataclass(frozen=True)
class GateResult:
    """How the gate ended.

    Attributes:
        outcome: promoted, rejected or held.
        previous_version: Champion before.
        reasons: Why it was rejected or is held, or what it showed.
        unacknowledged: Blocking warnings that hold it.
        metrics: Metrics of challenger, baseline and champion on the holdout.
    """

    outcome: str
    previous_version: str | None
    reasons: tuple[str, ...]
    unacknowledged: tuple[str, ...] = ()
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def judge_and_record(
    context: Context,
    model: Model,
    version: ModelVersion,
    training_set: TrainingSet,
    data: TrainingData | None,
    acknowledged: Sequence[str] = (),
) -> GateResult | None:
    """Judge a challenger and write the ledger's row; aliases and flags follow it.

    A version that is held and whose blocking warnings are named gets a second row: the recorded judgement, with what
    was acknowledged. Nothing is measured again, so that what is let pass is what the person was shown.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The challenger.
        training_set: What it was trained on.
        data: Its rows; None to ask only whether the judgement is recorded already.
        acknowledged: Names of the blocking warnings that a person lets pass.

    Returns:
        The judgement; None when it is not recorded and there is no data to make it from.

    Raises:
        ConflictError: If the ledger already has a row with a later `as_of`.

    >>> from lakeloop.runs.training_set import find_training_set
    >>> newest = read_promotions(context, "late")[-1]
    >>> version = context.registry.get_version("late", newest.version, newest.run_key)
    >>> model, pinned = context.config.models["late"], find_training_set(context, "late")
    >>> judged = judge_and_record(context, model, version, pinned, data=None)  # it is recorded already
    >>> judged.outcome, judged.previous_version, judged.reasons[0].partition(":")[0]
    ('promoted', '1', 'beats_baseline PASS')
    """
    recorded = _recorded(context, version)
    if recorded is None:
        if data is None:
            return None
        refuse_second_judgement(context, model.model, version)
        champion = champion_before(read_promotions(context, model.model), context.as_of)
        report = _judge(context, model, version, training_set, data, champion, acknowledged)
        recorded = _row(context, version, training_set, champion, report.to_dict(), report.outcome)
        _append(context, recorded, "")
    evidence = json.loads(recorded["evidence"])
    if recorded["outcome"] == HELD and set(acknowledged).intersection(evidence.get("unacknowledged", ())):
        refuse_second_judgement(context, model.model, version)
        champion = champion_before(read_promotions(context, model.model), context.as_of)
        evidence = acknowledge_evidence(evidence, acknowledged)
        recorded = _row(context, version, training_set, champion, evidence, PROMOTED if evidence["passed"] else HELD)
        _append(context, recorded, f" acknowledged {' '.join(_acknowledged(evidence))}")
    _follow_ledger(context, model.model, version, recorded["outcome"])
    return GateResult(
        str(recorded["outcome"]),
        recorded["previous_version"],
        tuple(recorded["reasons"]),
        tuple(evidence.get("unacknowledged", ())),
        {side: evidence.get(side, {}) for side in ("challenger", "baseline", "champion")},
    )


def _recorded(context: Context, version: ModelVersion) -> dict[str, Any] | None:
    """Find the newest judgement of a version at the logical now: one that was let pass comes after one that held."""
    rows = [
        row
        for row in context.lake.own_rows(schemas.PROMOTIONS, context.as_of)
        if (row["model"], row["model_version"], row["as_of"]) == (version.model, version.version, context.as_of)
    ]
    return min(rows, key=_still_held, default=None)


def _still_held(row: Mapping[str, Any]) -> tuple[bool, int]:
    return row["outcome"] == HELD, len(json.loads(row["evidence"]).get("unacknowledged", ()))


def _acknowledged(evidence: Mapping[str, Any]) -> list[str]:
    return sorted(check["name"] for check in evidence["checks"] if check["acknowledged"])


def _append(context: Context, row: Mapping[str, Any], step: str) -> None:
    identity = WriteIdentity(JOB, f"{row['model']} {row['model_version']} {context.turn}{step}")
    context.lake.append_own(schemas.PROMOTIONS, [row], identity, notes={"outcome": row["outcome"]})


def _judged_later(context: Context, name: str) -> list[str]:
    return [
        row["model_version"]
        for row in context.lake.own_rows(schemas.PROMOTIONS, None)
        if row["model"] == name and row["as_of"] > context.as_of
    ]


def refuse_second_judgement(context: Context, name: str, version: ModelVersion | None) -> None:
    """Refuse to judge at an instant at which, or after which, the ledger holds another judgement already.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version that would be judged; None when it is still to be made.

    Raises:
        ConflictError: If there is such a judgement: later turns have scored by it.

    >>> try:
    ...     refuse_second_judgement(context, "late", None)
    ... except ConflictError as error:
    ...     print(error.failures[0])
    ledger: version 2 was judged as of 2024-02-04T00:00:00Z
    """
    others = [
        row
        for row in context.lake.own_rows(schemas.PROMOTIONS, None)
        if row["model"] == name and row["as_of"] >= context.as_of
        if row["as_of"] > context.as_of or version is None or row["model_version"] != version.version
    ]
    if others:
        newest = max(others, key=lambda row: row["as_of"])
        raise ConflictError(
            f"model {name}",
            [Failure("ledger", f"version {newest['model_version']} was judged as of {instant_text(newest['as_of'])}")],
            "one version is judged at an instant, none in the past: pin a training set and train at a later --as-of",
        )


def refuse_unknown_warnings(model: Model, acknowledged: Sequence[str]) -> None:
    """Refuse to let something pass that holds no version: a check that fails cannot be acknowledged away.

    Args:
        model: The model's declaration.
        acknowledged: Names of checks.

    Raises:
        UsageError: If one is no blocking warning of the model's gate.

    >>> try:
    ...     refuse_unknown_warnings(shops.models["late"], ["latency"])
    ... except UsageError as error:
    ...     print(error)
    --acknowledge: got latency; allowed: none: gate.blocking of model late is empty; remedy: leave it out
    """
    allowed = model.gate.acknowledgeable
    for name in acknowledged:
        if name not in allowed:
            empty = f"none: gate.blocking of model {model.model} is empty"
            remedy = "name one of these; a check that fails cannot be let pass" if allowed else "leave it out"
            raise UsageError("--acknowledge", name, ", ".join(allowed) or empty, remedy)


def _judge(
    context: Context,
    model: Model,
    version: ModelVersion,
    training_set: TrainingSet,
    data: TrainingData,
    champion: Promotion | None,
    acknowledged: Sequence[str],
) -> GateReport:
    """Score the holdout with the logged artifacts, not with what is in memory, and judge."""
    holdout, train = data.part(HOLDOUT), data.part(TRAIN)
    frame, label = data.frame[holdout], data.label[holdout]
    pipeline = context.registry.load_pipeline(version)
    challenger = predict_scores(model.task, pipeline, frame)
    constant = np.mean(data.label[train]) if model.task is Task.CLASSIFICATION else np.median(data.label[train])
    theirs: NDArray[np.float64] | None = None
    if champion is not None:
        serving = context.registry.get_version(model.model, champion.version, champion.run_key)
        theirs = predict_scores(model.task, context.registry.load_pipeline(serving), frame)
        learned = data.prediction_seconds[holdout] <= champion.trained_through.timestamp()
        theirs = np.where(learned, np.nan, theirs)
    slices = {
        name: np.asarray((data.frame if name in data.frame else data.logged)[name][holdout])
        for name in model.gate.slices
    }
    scores = HoldoutScores(label, challenger, np.full(len(label), float(constant)), data.days[holdout], theirs, slices)
    return judge(
        model.gate,
        model.task,
        scores,
        champion is not None,
        seed=context.config.project.seed,
        facts=find_facts(context, model, version, training_set, pipeline, frame),
        acknowledged=acknowledged,
        private=private_columns(context.config, model),
    )


def _row(
    context: Context,
    version: ModelVersion,
    training_set: TrainingSet,
    champion: Promotion | None,
    evidence: Mapping[str, Any],
    outcome: PromotionOutcome,
) -> dict[str, Any]:
    known = "".join(f"-{name}" for name in _acknowledged(evidence))
    shown = describe_checks(evidence) if outcome == PROMOTED else evidence["reasons"]
    return {
        "promotion_id": f"{version.model}-{version.version}-{instant_text(context.as_of)}{known}",
        "model": version.model,
        "model_version": version.version,
        "outcome": outcome.value,
        "previous_version": champion.version if champion is not None else None,
        "training_set_id": training_set.training_set_id,
        "run_key": version.run_key,
        "trained_through": training_set.data_through,
        "reasons": list(shown),
        "evidence": json.dumps(evidence, sort_keys=True),
        "as_of": context.as_of,
    }


def _follow_ledger(context: Context, name: str, version: ModelVersion, outcome: str) -> None:
    """Let aliases and flags say what the ledger says; safe to repeat."""
    reconcile_alias(context, name)
    if not _judged_later(context, name):  # a training repeated at an earlier instant challenges nobody
        context.registry.set_alias(name, CHALLENGER, None if outcome == PROMOTED else version.version)
    close_flags(context, name, version.version, outcome)

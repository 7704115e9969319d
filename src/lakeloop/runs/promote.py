"""The gate: challenger against baseline and champion on the pinned holdout; one row in the promotions ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop import schemas
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.errors import ConflictError, Failure
from lakeloop.model_versions import ModelVersion
from lakeloop.registry import CHALLENGER
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.flags import close_flags
from lakeloop.runs.promotions import (
    PROMOTED,
    REJECTED,
    Promotion,
    champion_before,
    read_promotions,
    reconcile_alias,
)
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.tables import WriteIdentity
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateReport, HoldoutScores, judge
from lakeloop.training.split import HOLDOUT, TRAIN

JOB = "gate"


@dataclass(frozen=True)
class GateResult:
    """How the gate ended.

    Attributes:
        outcome: promoted or rejected.
        previous_version: Champion before.
        reasons: Why it was rejected, or what it showed.
        metrics: Metrics of challenger, baseline and champion on the holdout.
    """

    outcome: str
    previous_version: str | None
    reasons: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def judge_and_record(
    context: Context, model: Model, version: ModelVersion, training_set: TrainingSet, data: TrainingData | None
) -> GateResult | None:
    """Judge a challenger and write the ledger's row; aliases and flags follow it.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The challenger.
        training_set: What it was trained on.
        data: Its rows; None to ask only whether the judgement is recorded already.

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
    lake = context.lake
    identity = WriteIdentity(JOB, f"{model.model} {version.version} {context.turn}")
    address = lake.create_own(schemas.PROMOTIONS)
    done = lake.find_commit(address, identity)
    if done is None:
        if data is None:
            return None
        refuse_second_judgement(context, model.model, version)
        promotions = read_promotions(context, model.model)
        champion = champion_before(promotions, context.as_of)
        report = _judge(context, model, version, data, champion)
        row = _ledger_row(context, version, training_set, champion, report)
        notes = {
            "outcome": row["outcome"],
            "previous_version": row["previous_version"],
            "reasons": row["reasons"],
            "metrics": _metrics(report),
        }
        done_notes: Mapping[str, Any] = lake.append_own(schemas.PROMOTIONS, [row], identity, notes=notes).notes
    else:
        done_notes = done.notes
    _follow_ledger(context, model.model, version, done_notes["outcome"])
    return GateResult(
        done_notes["outcome"], done_notes["previous_version"], tuple(done_notes["reasons"]), done_notes["metrics"]
    )


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


def _judge(
    context: Context, model: Model, version: ModelVersion, data: TrainingData, champion: Promotion | None
) -> GateReport:
    """Score the holdout with the logged artifacts, not with what is in memory, and judge."""
    holdout, train = data.part(HOLDOUT), data.part(TRAIN)
    frame, label = data.frame[holdout], data.label[holdout]
    challenger = predict_scores(model.task, context.registry.load_judged(version), frame)
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
    return judge(model.gate, model.task, scores, champion is not None, seed=context.config.project.seed)


def _metrics(report: GateReport) -> dict[str, dict[str, float | None]]:
    sides = {"challenger": report.challenger, "baseline": report.baseline, "champion": report.champion}
    return {
        side: {str(name): (float(value) if np.isfinite(value) else None) for name, value in metrics.items()}
        for side, metrics in sides.items()
    }


def _ledger_row(
    context: Context,
    version: ModelVersion,
    training_set: TrainingSet,
    champion: Promotion | None,
    report: GateReport,
) -> dict[str, Any]:
    shown = [f"{check.name} {check.status}: {check.detail}" for check in report.checks]
    return {
        "promotion_id": f"{version.model}-{version.version}-{instant_text(context.as_of)}",
        "model": version.model,
        "model_version": version.version,
        "outcome": PROMOTED if report.passed else REJECTED,
        "previous_version": champion.version if champion is not None else None,
        "training_set_id": training_set.training_set_id,
        "run_key": version.run_key,
        "trained_through": training_set.data_through,
        "reasons": shown if report.passed else list(report.reasons),
        "evidence": json.dumps(report.to_dict(), sort_keys=True),
        "as_of": context.as_of,
    }


def _follow_ledger(context: Context, name: str, version: ModelVersion, outcome: str) -> None:
    """Let aliases and flags say what the ledger says; safe to repeat."""
    reconcile_alias(context, name)
    if not _judged_later(context, name):  # a training repeated at an earlier instant challenges nobody
        context.registry.set_alias(name, CHALLENGER, None if outcome == PROMOTED else version.version)
    close_flags(context, name, version.version, outcome)

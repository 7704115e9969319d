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
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.flags import close_flags
from lakeloop.runs.promotion_events import find_recorded, record_event
from lakeloop.runs.promotions import (
    HELD,
    PROMOTED,
    REJECTED,
    Promotion,
    champion_before,
    read_promotions,
    read_whole_ledger,
)
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import LedgerEvent
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateReport, HoldoutScores, judge
from lakeloop.training.split import HOLDOUT, TRAIN

WAITS = "waits for approval"
_DONE = {
    LedgerEvent.GATE: "judged",
    LedgerEvent.PROMOTE: "promoted",
    LedgerEvent.APPROVE: "approved",
    LedgerEvent.ROLLBACK: "rolled back to",
    LedgerEvent.ARCHIVE: "archived",
}


@dataclass(frozen=True)
class GateResult:
    """How the gate ended.

    Attributes:
        outcome: promoted, rejected or held.
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
    ledger, promotion_id = read_whole_ledger(context, model.model), _promotion_id(context, version)
    done = find_recorded(ledger, promotion_id)
    if done is None:
        if data is None:
            return None
        refuse_second_judgement(context, model.model, version)
        champion = champion_before(read_promotions(context, model.model), context.as_of)
        report = _judge(context, model, version, data, champion)
        row = _ledger_row(context, model, version, training_set, champion, report)
        record_event(context, row, ledger)
        done = {**row, "metrics": _metrics(report)}
    _follow_ledger(context, model.model, version, done["outcome"])
    return GateResult(done["outcome"], done["previous_version"], tuple(done["reasons"]), done["metrics"])


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
        done = f"{_DONE[newest['event']]} as of {instant_text(newest['as_of'])}"
        raise ConflictError(
            f"model {name}",
            [Failure("ledger", f"version {newest['model_version']} was {done}")],
            "one version is judged at an instant, none in the past: pin a training set and train at a later --as-of",
        )


def _judge(
    context: Context, model: Model, version: ModelVersion, data: TrainingData, champion: Promotion | None
) -> GateReport:
    """Score the holdout with the logged artifacts, not with what is in memory, and judge."""
    holdout, train = data.part(HOLDOUT), data.part(TRAIN)
    frame, label = data.frame[holdout], data.label[holdout]
    challenger = predict_scores(model.task, context.registry.load_pipeline(version), frame)
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


def _promotion_id(context: Context, version: ModelVersion) -> str:
    return f"{version.model}-{version.version}-{instant_text(context.as_of)}"


def _ledger_row(
    context: Context,
    model: Model,
    version: ModelVersion,
    training_set: TrainingSet,
    champion: Promotion | None,
    report: GateReport,
) -> dict[str, Any]:
    shown = [f"{check.name} {check.status}: {check.detail}" for check in report.checks]
    waits = report.passed and model.gate.approval == "required"
    outcome = HELD if waits else PROMOTED if report.passed else REJECTED
    return {
        "promotion_id": _promotion_id(context, version),
        "model": version.model,
        "model_version": version.version,
        "event": LedgerEvent.GATE.value,
        "outcome": outcome.value,
        "actor": LedgerEvent.GATE.value,
        "previous_version": champion.version if champion is not None else None,
        "training_set_id": training_set.training_set_id,
        "run_key": version.run_key,
        "trained_through": training_set.data_through,
        "reasons": [*([WAITS] if waits else []), *(shown if report.passed else report.reasons)],
        "evidence": json.dumps(report.to_dict(), sort_keys=True),
        "as_of": context.as_of,
    }


def _follow_ledger(context: Context, name: str, version: ModelVersion, outcome: str) -> None:
    """Let aliases and flags say what the ledger says; safe to repeat."""
    reconcile_aliases(context, name)
    close_flags(context, name, version.version, outcome)

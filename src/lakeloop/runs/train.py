"""Training: candidates in MLflow, the best one registered as challenger, then judged by the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop import __version__
from lakeloop.config.columns import model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.drift.bins import propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.drift.reference import SCORE_COLUMN, Reference, build_reference
from lakeloop.drift.targets import TargetDay
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import SERVING_TAG, assert_same_model, serving_hash
from lakeloop.runs.promote import GateResult, judge_and_record, refuse_second_judgement
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_set import TrainingSet, find_training_set
from lakeloop.statuses import Outcome
from lakeloop.tables import identity_hash
from lakeloop.training.calibration import calibrate
from lakeloop.training.estimators import estimator_packages
from lakeloop.training.fitting import describe_empty, predict_scores
from lakeloop.training.metrics import evaluate
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.search import Candidate, choose_best, fit_candidates
from lakeloop.training.split import CALIBRATION, HOLDOUT, TRAIN, VALIDATION

JOB = "train"
REFERENCE_FILE, PREDICTION_REFERENCE_FILE = "reference.json", "prediction_reference.json"
_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class TrainResult:
    """What a training did.

    Attributes:
        model: The model.
        model_version: The challenger.
        training_set_id: What it was trained on.
        rows: Rows of the training set.
        candidates: Candidates that were fitted; 0 when the version was there already.
        outcome: WRITTEN, or SKIPPED when the version was there already.
        gate: How the gate ended.
    """

    model: str
    model_version: str
    training_set_id: str
    rows: int
    candidates: int
    outcome: Outcome
    gate: GateResult

    @property
    def summary(self) -> str:
        """Candidates fitted, on how many rows, and what the gate said."""
        fitted = f"{count_of(self.candidates, 'candidate')} on {count_of(self.rows, 'row')}, "
        return f"{fitted if self.candidates else ''}version {self.model_version} {self.gate.outcome}"


def train(context: Context, name: str) -> TrainResult:
    """Train on the set pinned at the logical now, register the best candidate, and let the gate judge it.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        The challenger and the gate's judgement; the same call gives the same ones.

    Raises:
        NotReadyError: If no training set is pinned at the logical now, or it has too few rows.
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by.
        BudgetError: If the training set does not fit the declared memory budget.

    >>> result = train(context, "late")  # trained and judged already: found by its run key
    >>> result.model_version, result.candidates, result.outcome.value, result.gate.outcome
    ('2', 0, 'SKIPPED', 'promoted')
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing():
        training_set = find_training_set(context, name)
        run_key = identity_hash(
            JOB,
            name,
            training_set.training_set_id,
            training_set.content_hash,
            context.config.spec_hash("model", name),
            context.config.project.seed,
        )
        version = context.registry.find_version(name, run_key)
        done = None
        if version is not None:
            context.registry.finish_run(version)
            done = judge_and_record(context, model, version, training_set, None)
        if version is not None and done is not None:
            return _result(training_set, version, 0, Outcome.SKIPPED, done)
        refuse_second_judgement(context, name, version)
        champion = champion_before(read_promotions(context, name), context.as_of)
        if champion is not None:  # it is compared with: ask before the work, not after
            serving = context.registry.get_version(name, champion.version, champion.run_key)
            assert_same_model(context.config, model, serving.tags.get(SERVING_TAG))
        context.progress(f"train {name}: reading {training_set.rows} rows")
        data = read_training_data(context, model, training_set)
        fitted = 0
        outcome = Outcome.SKIPPED
        if version is None:
            version, fitted = _fit_and_register(context, model, data, run_key)
            outcome = Outcome.WRITTEN
        context.progress(f"gate {name}")
        judged = judge_and_record(context, model, version, training_set, data)
        if judged is None:
            raise AssertionError("with data there is always a judgement")
        return _result(training_set, version, fitted, outcome, judged)


def _result(
    training_set: TrainingSet, version: ModelVersion, fitted: int, outcome: Outcome, gate: GateResult
) -> TrainResult:
    return TrainResult(
        training_set.model,
        version.version,
        training_set.training_set_id,
        training_set.rows,
        fitted,
        outcome,
        gate,
    )


def _fit_and_register(context: Context, model: Model, data: TrainingData, run_key: str) -> tuple[ModelVersion, int]:
    project, training_set = context.config.project, data.training_set
    address = context.lake.address("training_sets", model.model)
    dataset = DatasetInput(
        f"training_sets.{model.model}",
        address.sql if address.in_catalog else address.path,
        training_set.delta_version,
        training_set.content_hash,
        address.in_catalog,
    )
    tags = {
        "as_of": instant_text(context.as_of),
        "training_set_id": training_set.training_set_id,
        "content_hash": training_set.content_hash,
        "lakeloop_version": __version__,
        "spec_hash": context.config.spec_hash("model", model.model),
        "seed": str(project.seed),
        SERVING_TAG: serving_hash(context.config, model),
        "trained_through": training_set.data_through.isoformat(),
    }
    columns = model_columns(context.config, model)
    with context.registry.training(model.model, run_key, dataset, tags) as training:
        candidates: list[Candidate] = []
        found = fit_candidates(
            model,
            columns,
            data.rows(TRAIN),
            data.rows(VALIDATION),
            project.seed,
            file=context.config.files.get(f"model:{model.model}", "the model's file"),
        )
        for candidate in found:
            training.log_candidate(len(candidates), candidate.params, _named("validation", candidate.metrics))
            candidates.append(candidate)
            context.progress(f"train {model.model}: candidate {len(candidates)} fitted")
        best = choose_best(candidates, model.gate.metric)
        for note in describe_empty(best.pipeline[0].empty_columns_):
            context.progress(f"train {model.model}: {note}")
        apart = data.rows(CALIBRATION) if data.part(CALIBRATION).any() else None
        best = replace(best, pipeline=calibrate(model, best.pipeline, apart))
        holdout = data.part(HOLDOUT)
        scores = predict_scores(model.task, best.pipeline, data.frame[holdout])
        metrics = {
            **_named("validation", best.metrics),
            **_named("holdout", evaluate(model.task, data.label[holdout], scores)),
        }
        params = {
            **best.params,
            "candidates": len(candidates),
            "training_set_id": training_set.training_set_id,
            "rows": training_set.rows,
            "estimator": model.estimator.class_,
        }
        references = {
            REFERENCE_FILE: make_reference(context, model, data).to_json(),
            PREDICTION_REFERENCE_FILE: _make_prediction_reference(model, data, scores).to_json(),
        }
        training.log_summary(params, metrics, references)
        example = data.frame.head(_EXAMPLE_ROWS)  # bounded: of rows that are here already
        is_classification = model.task is Task.CLASSIFICATION
        answer = best.pipeline.predict_proba(example) if is_classification else best.pipeline.predict(example)
        version = training.log_model(
            best.pipeline,
            example,
            answer,
            probabilities=is_classification,
            trusted_types=TRUSTED_TYPES,
            packages=estimator_packages(model.estimator),
            tags=tags,
        )
    return version, len(candidates)


def _named(part: str, metrics: Mapping[Any, float]) -> dict[str, float]:
    return {f"{part}_{metric}": float(value) for metric, value in metrics.items()}


def make_reference(context: Context, model: Model, data: TrainingData) -> Reference:
    """Freeze what the features of scored rows will be compared with.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.

    Returns:
        Bins and counts per day of every model column over the last `monitor.reference` of the set; labels per day.

    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> reference = make_reference(context, model, data)
    >>> [(each.name, each.kind) for each in reference.bins[:2]]
    [('shop', 'category'), ('items', 'number')]
    """
    columns = model_columns(context.config, model)
    first = data.days.max() - np.timedelta64(model.monitor.reference.days - 1, "D")
    values = {
        name: pa.Array.from_pandas(data.frame[name] if name in data.frame else data.logged[name]) for name in columns
    }
    rows = data.days >= first
    return _reference(model, data, pa.table({"day": pa.array(data.days), **values}).filter(pa.array(rows)), rows)


def _make_prediction_reference(model: Model, data: TrainingData, scores: NDArray[np.float64]) -> Reference:
    """Freeze what scores will be compared with.

    Args:
        model: The model's declaration.
        data: The training set.
        scores: The chosen pipeline's scores of the holdout rows, in their order.

    Returns:
        Bins and counts per day of the score over the holdout, which no candidate has seen; its labels per day.
    """
    holdout = data.part(HOLDOUT)
    return _reference(model, data, pa.table({"day": data.days[holdout], SCORE_COLUMN: scores}), holdout)


def _reference(model: Model, data: TrainingData, table: pa.Table, rows: NDArray[np.bool_]) -> Reference:
    bins = propose_bins(table, [name for name in table.column_names if name != "day"], model.monitor.bins)
    labels, days = data.label[rows], data.days[rows]
    targets = [
        TargetDay(day.astype("datetime64[D]").item(), int((days == day).sum()), float(labels[days == day].sum()))
        for day in np.unique(days)
    ]
    return build_reference(
        count_bins(table, bins, "day"),
        bins,
        model=model.model,
        task=model.task,
        trained_through=data.training_set.data_through,
        targets=targets,
    )

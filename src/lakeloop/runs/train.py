"""Training: candidates in MLflow, the best one registered as challenger, then judged by the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lakeloop import __version__
from lakeloop.config.columns import model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import SERVING_TAG, assert_same_model, serving_hash
from lakeloop.runs.environment import read_environment
from lakeloop.runs.holdout_judgement import judge_on_holdout
from lakeloop.runs.promote import GateResult, Origin, judge_and_record, refuse_second_judgement, refuse_unknown_warnings
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.references import (
    PREDICTION_REFERENCE_FILE,
    REFERENCE_FILE,
    make_prediction_reference,
    make_reference,
)
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_evidence import gather_evidence
from lakeloop.runs.training_set import TrainingSet, find_training_set
from lakeloop.statuses import Outcome
from lakeloop.tables import identity_hash
from lakeloop.training.calibration import calibrate
from lakeloop.training.estimators import estimator_packages
from lakeloop.training.fitting import predict_scores
from lakeloop.training.metrics import evaluate
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.search import Candidate, choose_best, fit_candidates
from lakeloop.training.split import CALIBRATION, HOLDOUT, TRAIN, VALIDATION

JOB = "train"
SAMPLING_FILE = "sampling.json"
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


def train(context: Context, name: str, acknowledged: Sequence[str] = ()) -> TrainResult:
    """Train on the set pinned at the logical now, register the best candidate, and let the gate judge it.

    Args:
        context: Project, lake and logical now.
        name: The model.
        acknowledged: Names of the gate's blocking warnings that a person lets pass, of this version or of one that
            is held since the same call without them.

    Returns:
        The challenger and the gate's judgement; the same call gives the same ones.

    Raises:
        UsageError: If a warning is acknowledged that the model's gate does not declare to block.
        NotReadyError: If no training set is pinned at the logical now, or it has too few rows.
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by.
        BudgetError: If the training set does not fit the declared memory budget.

    >>> result = train(context, "late")  # trained and judged already: found by its run key
    >>> result.model_version, result.candidates, result.outcome.value, result.gate.outcome
    ('2', 0, 'SKIPPED', 'promoted')
    """
    model, lake = context.config.models[name], context.lake
    refuse_unknown_warnings(model, acknowledged)
    with lake.writing():
        training_set = find_training_set(context, name)
        origin = Origin(training_set.training_set_id, training_set.data_through)
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
            done = judge_and_record(context, model, version, origin, None, acknowledged)
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
        measure = partial(judge_on_holdout, context, model, version, data, acknowledged=acknowledged)
        judged = judge_and_record(context, model, version, origin, measure, acknowledged)
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
    environment = read_environment(context.config.root, context.config.workspace)
    tags = {
        **environment.tags,
        "as_of": instant_text(context.as_of),
        "training_set_id": training_set.training_set_id,
        "content_hash": training_set.content_hash,
        "lakeloop_version": __version__,
        "spec_hash": context.config.spec_hash("model", model.model),
        "seed": str(project.seed),
        SERVING_TAG: serving_hash(context.config, model),
        "trained_through": training_set.data_through.isoformat(),
        **{name: str(value) for name, value in data.sampling.items()},
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
        apart = data.rows(CALIBRATION) if data.part(CALIBRATION).any() else None
        best = replace(best, pipeline=calibrate(model, best.pipeline, apart))
        holdout = data.part(HOLDOUT)
        scores = predict_scores(model.task, best.pipeline, data.frame[holdout])
        evidence = gather_evidence(context, model, data, best.pipeline, scores, best.params, environment)
        metrics = {
            **_named("validation", best.metrics),
            **_named("holdout", evaluate(model.task, data.label[holdout], scores)),
            **evidence.metrics,
        }
        params = {
            **best.params,
            "candidates": len(candidates),
            "training_set_id": training_set.training_set_id,
            "rows": training_set.rows,
            "estimator": model.estimator.class_,
            **data.sampling,
        }
        references = {
            REFERENCE_FILE: make_reference(context, model, data).to_json(),
            PREDICTION_REFERENCE_FILE: make_prediction_reference(model, data, scores).to_json(),
            **({SAMPLING_FILE: dict(data.sampling)} if data.sampling else {}),
        }
        training.log_summary(params, metrics, {**references, **evidence.documents})
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

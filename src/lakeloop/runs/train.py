"""Training: candidates in MLflow, the best one registered as challenger, then judged by the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop import __version__
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.plugin_uses import function_plugins, releases
from lakeloop.discovery.text import count_of
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.runs.class_scores import CLASSES_FILE, describe_classes
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import PACKAGES_TAG, SERVING_TAG, assert_same_model, serving_hash
from lakeloop.runs.environment import read_environment
from lakeloop.runs.holdout_judgement import judge_on_holdout
from lakeloop.runs.manifests import find_manifest
from lakeloop.runs.pinned_model import pinned_model
from lakeloop.runs.promote import GateResult, Origin, judge_and_record, refuse_second_judgement, refuse_unknown_warnings
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.references import (
    PREDICTION_REFERENCE_FILE,
    REFERENCE_FILE,
    make_prediction_reference,
    make_reference,
)
from lakeloop.runs.search import Chosen, refit_chosen, search_model
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_evidence import gather_evidence
from lakeloop.runs.training_set import TrainingSet, find_training_set, name_spec_hashes, plugin_packages
from lakeloop.statuses import Outcome
from lakeloop.tables import identity_hash
from lakeloop.training.estimators import estimator_packages
from lakeloop.training.fitting import describe_empty, predict_scores
from lakeloop.training.metrics import evaluate
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.split import HOLDOUT

JOB = "train"
DECLARATION_FILE = "declaration.json"
"""Document of a run: the model's declaration."""

SPEC_HASHES_FILE = "spec_hashes.json"
"""Document of a run: hash of each declaration that the model and its rows were made by."""

SAMPLING_FILE = "sampling.json"
"""Document of a run: what it was trained on, where that is not all rows."""

_EXAMPLE_ROWS = 5
_FITS = ("lakeloop", "numpy", "pandas", "scikit-learn", "scipy")


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
        ConflictError: If the registry lacks the champion, or the model's declaration is not what it was trained by, or
            the set was pinned by.
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
        run_key = training_run_key(context, model, training_set, context.config.project.seed)
        version = context.registry.find_version(name, run_key)
        done = None
        if version is not None:
            context.registry.finish_run(version)
            done = judge_and_record(context, model, version, origin, None, acknowledged)
        if version is not None and done is not None:
            return _result(training_set, version, 0, Outcome.SKIPPED, done)
        if version is None:  # its labels may be the places of classes that are in another order by now
            pinned_model(context, find_manifest(context, training_set.training_set_id, name))
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
            version, fitted = fit_and_register(context, model, data, run_key)
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


def training_run_key(context: Context, model: Model, training_set: TrainingSet, seed: int) -> str:
    """Hash what a version is made from.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        training_set: The training set.
        seed: Seed of everything random.

    Returns:
        The hash: the same set, declaration and seed make the same version.

    >>> pinned, newest = find_training_set(context, "late"), context.registry.list_versions("late")[-1]
    >>> training_run_key(context, context.config.models["late"], pinned, 7) == newest.run_key
    True
    """
    declared = context.config.spec_hash("model", model.model)
    return identity_hash(JOB, model.model, training_set.training_set_id, training_set.content_hash, declared, seed)


def fit_and_register(
    context: Context, model: Model, data: TrainingData, run_key: str, seed: int | None = None
) -> tuple[ModelVersion, int]:
    """Do a model's search on a training set, log it, and register the best candidate; no gate is asked.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.
        run_key: Hash of what the version is made from.
        seed: Seed of everything random; the project's without it.

    Returns:
        The version, and how many candidates there were.

    Raises:
        NotReadyError: If the rows do not suffice, no trial has a value, or too many failed.
        ConfigError: If the estimator refuses the declaration in every trial.
        EnvironmentProblemError: If the tracking store does not answer, or artifacts cannot be written; the next call
            goes on from there.

    >>> model = fresh.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> version, candidates = fit_and_register(fresh, model, data, "a-run-key")
    >>> version.version, candidates, version.tags["seed"]
    ('1', 2, '7')
    """
    project, training_set = context.config.project, data.training_set
    chosen_seed = project.seed if seed is None else seed
    address = context.lake.address("training_sets", model.model)
    dataset = DatasetInput(
        f"training_sets.{model.model}",
        address.sql if address.in_catalog else address.path,
        training_set.delta_version,
        training_set.content_hash,
        address.in_catalog,
    )
    brought = plugin_packages(context, model)
    environment = read_environment(context.config.root, context.config.workspace)
    environment = replace(environment, packages={**environment.packages, **brought})
    tags = {
        **environment.tags,
        "as_of": instant_text(context.as_of),
        "training_set_id": training_set.training_set_id,
        "content_hash": training_set.content_hash,
        "lakeloop_version": __version__,
        "spec_hash": context.config.spec_hash("model", model.model),
        "seed": str(chosen_seed),
        PACKAGES_TAG: json.dumps(_packages(model) | brought, sort_keys=True),
        SERVING_TAG: serving_hash(context.config, model),
        "trained_through": training_set.data_through.isoformat(),
        **{name: str(value) for name, value in data.sampling.items()},
    }
    with context.registry.training(model.model, run_key, dataset, tags) as training:
        chosen = search_model(context, model, data, training, chosen_seed)
        for note in describe_empty(chosen.pipeline[0].empty_columns_):
            context.progress(f"train {model.model}: {note}")
        metrics, scores = measure(model, data, chosen)
        evidence = gather_evidence(context, model, data, chosen, scores, environment, chosen_seed)
        params = {
            **chosen.params,
            "training_set_id": training_set.training_set_id,
            "rows": training_set.rows,
            "estimator": model.estimator.class_,
            **data.sampling,
            **({"refit": True} if model.split.refit else {}),
        }
        documents = {
            DECLARATION_FILE: model.model_dump(mode="json", by_alias=True),
            SPEC_HASHES_FILE: name_spec_hashes(context, model),
            REFERENCE_FILE: make_reference(context, model, data).to_json(),
            PREDICTION_REFERENCE_FILE: make_prediction_reference(model, data, scores).to_json(),
            **({SAMPLING_FILE: dict(data.sampling)} if data.sampling else {}),
            **({CLASSES_FILE: describe_classes(model, chosen.pipeline)} if model.label.classes else {}),
        }
        training.log_summary(params, {**metrics, **evidence.metrics}, {**documents, **evidence.documents})
        example = data.frame.head(_EXAMPLE_ROWS)  # bounded: of rows that are here already
        probabilities = model.task is not Task.REGRESSION
        answer = chosen.pipeline.predict_proba(example) if probabilities else chosen.pipeline.predict(example)
        refitted = refit_chosen(context, model, data, chosen, chosen_seed) if model.split.refit else None
        if refitted is not None and probabilities and [*refitted.classes_] != [*chosen.pipeline.classes_]:
            raise AssertionError("fitted again, an estimator knows the same classes")
        version = training.log_model(
            chosen.pipeline if refitted is None else refitted,
            example,
            answer,
            probabilities=probabilities,
            trusted_types=TRUSTED_TYPES,
            packages=(*estimator_packages(model.estimator), *releases(function_plugins(model))),
            tags=tags | chosen.tags,
            judged=None if refitted is None else chosen.pipeline,
        )
    return version, chosen.trials


def measure(model: Model, data: TrainingData, chosen: Chosen) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Judge what a search chose: on the folds, on the validation part, and on the holdout, which no trial has seen.

    Args:
        model: The model's declaration.
        data: The training set.
        chosen: What was chosen.

    Returns:
        Metrics by part and name, `holdout_log_loss`; and the scores of the holdout's rows.

    >>> from sklearn.dummy import DummyClassifier
    >>> from lakeloop.training.trials import Trial
    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> never = DummyClassifier(strategy="constant", constant=False).fit(data.frame, data.label > 0)
    >>> metrics, scores = measure(model, data, Chosen(Trial(0, {}), never, {}, 1, {}, 1, 0))
    >>> sorted(metrics)[:2], len(scores), scores.max()
    (['holdout_average_precision', 'holdout_brier'], 112, np.float64(0.0))
    """
    holdout = data.part(HOLDOUT)
    scores = predict_scores(model.task, chosen.pipeline, data.frame[holdout], len(model.label.classes))
    metrics = {
        **_named("cv", chosen.cross_validated),
        **_named("validation", chosen.metrics),
        **_named("holdout", evaluate(model.task, data.label[holdout], scores)),
    }
    return metrics, scores


def _packages(model: Model) -> dict[str, str]:
    """Tell the versions of what takes part in a fit."""
    own = model.estimator.class_.partition(".")[0]
    found = {}
    for name in dict.fromkeys((*_FITS, "scikit-learn" if own == "sklearn" else own)):
        with suppress(PackageNotFoundError):  # a class of the project itself is in no package
            found[name] = installed_version(name)
    return found


def _named(part: str, metrics: Mapping[Any, float]) -> dict[str, float]:
    return {f"{part}_{metric}": float(value) for metric, value in metrics.items()}

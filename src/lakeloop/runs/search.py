"""The search of a training: its trials fitted where there is room for them, logged as they end, and the best one."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from sklearn.pipeline import Pipeline

from lakeloop.config.columns import model_columns
from lakeloop.config.metric import Metric
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.runs.context import Context
from lakeloop.runs.spark_trials import fits_on_spark, run_on_spark
from lakeloop.runs.training_data import TrainingData
from lakeloop.statuses import TrialState
from lakeloop.training.calibration import calibrate
from lakeloop.training.early_stopping import rounds_of
from lakeloop.training.fitting import predict_scores
from lakeloop.training.folds import make_folds
from lakeloop.training.metrics import HIGHER_IS_BETTER, evaluate
from lakeloop.training.search import Run, assert_searched, choose_best, feature_columns, search
from lakeloop.training.split import CALIBRATION, HOLDOUT, TRAIN, UNUSED, VALIDATION
from lakeloop.training.storable import refuse_unstorable
from lakeloop.training.trials import (
    FoldRows,
    Trial,
    TrialResult,
    fit_chosen,
    fit_trial,
    run_on_threads,
    without_pipeline,
)

if TYPE_CHECKING:
    from lakeloop.registry import LoggedTrial

_MIB = 1024 * 1024
_BYTES_PER_CELL = 24
"""Of prepared rows, with what a library makes of them while it fits."""


@dataclass(frozen=True)
class Chosen:
    """What a search chose.

    Attributes:
        trial: The trial.
        pipeline: Its pipeline, fitted on the training part.
        metrics: Its metrics on the validation part.
        folds: Cuts of the cross-validation; 1 for none.
        cross_validated: Its mean metrics over the folds; empty without a cross-validation.
        trials: Trials that were tried.
        failed: Those of them that failed.
        iterations: Rounds that it predicts with, where its fit was stopped early; None of any other.
    """

    trial: Trial
    pipeline: Pipeline
    metrics: Mapping[Metric, float]
    folds: int
    cross_validated: Mapping[Metric, float]
    trials: int
    failed: int
    iterations: int | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What is recorded of the choice with the version."""
        return {} if self.trial.feature_set is None else {"feature_set": self.trial.feature_set}

    @property
    def params(self) -> dict[str, object]:
        """What is recorded of the choice: its parameters and how the search went."""
        found: dict[str, object] = {**self.trial.params, "candidates": self.trials}
        if self.trial.feature_set is not None:
            found["feature_set"] = self.trial.feature_set
        if self.folds > 1:
            found["folds"] = self.folds
        if self.failed:
            found["failed_candidates"] = self.failed
        if self.iterations is not None:
            found["iterations"] = self.iterations
        return found


def search_model(
    context: Context, model: Model, data: TrainingData, training: TrialLog, seed: int, *, limit: int | None = None
) -> Chosen:
    """Do a model's search on a training set, and log each trial when it ends.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.
        training: The open training run; what it knows of an earlier attempt is not fitted again.
        seed: Seed of everything random.
        limit: Most trials, below what is declared.

    Returns:
        The best trial, fitted on the training part.

    Raises:
        UsageError: If the search or the estimator is not what it has to be.
        ConfigError: If the estimator refuses the declaration in every trial.
        NotReadyError: If the rows do not suffice, no trial has a value, or too many failed.
        EnvironmentProblemError: If the tracking store does not answer.

    >>> class Unlogged:
    ...     known = {}
    ...     def log_trial(self, trial):
    ...         print(trial.params, trial.state, sorted(trial.metrics)[:2])
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> chosen = search_model(context, model, data, Unlogged(), seed=7)
    {'C': 0.1} FINISHED ['validation_average_precision', 'validation_brier']
    {'C': 1.0} FINISHED ['validation_average_precision', 'validation_brier']
    >>> chosen.params
    {'C': 1.0, 'candidates': 2}
    """
    tuning, metric = model.estimator.tuning, model.gate.metric
    file = context.config.files.get(f"model:{model.model}", "the model's file")
    columns = feature_columns(model.estimator, model_columns(context.config, model))
    folds = make_folds(
        data.days, data.split, model.split, tuning.folds, seconds=data.prediction_seconds, reach=model.label.reach
    )
    room = _room(context, data)
    every = replace(data.cut(np.ones(len(data.label), dtype=bool)), fit_elsewhere=data.fit_elsewhere)
    rows = FoldRows(model, columns, every, folds, seed, keep=room, file=file)
    results: list[TrialResult] = []
    best: TrialResult | None = None
    found = search(
        model.estimator,
        _runner(context, model, rows, min(room, os.cpu_count() or 1), file),
        metric,
        seed,
        known={number: _as_result(model, each) for number, each in training.known.items()},
        # A search that is repeated ends where it ended, not when its time is over.
        is_over=_clock(tuning.timeout.total_seconds() if tuning.timeout and limit is None else math.inf),
        limit=limit,
    )
    for result in found:
        training.log_trial(_as_logged(result))
        results.append(without_pipeline(result))
        best = _better(best, result, metric)
        how = "fitted" if result.state is TrialState.FINISHED else f"failed: {result.reason}"
        context.progress(f"train {model.model}: candidate {len(results)} {how}")
    assert_searched(results, model.estimator, metric)
    chosen = choose_best(results, metric)
    if best is not None and best.pipeline is not None and best.trial == chosen.trial:
        pipeline, metrics, iterations = best.pipeline, best.metrics, best.iterations
    else:
        context.progress(f"train {model.model}: fitting the best of {count_of(len(results), 'candidate')}")
        parts, own = (data.rows(TRAIN), data.rows(VALIDATION)), columns[chosen.trial.feature_set]
        fitted, metrics = fit_chosen(model, own, parts, chosen.trial, seed, file)
        pipeline, iterations = fitted.pipeline, fitted.iterations
    apart = data.rows(CALIBRATION) if data.part(CALIBRATION).any() else None
    if apart is not None:
        pipeline, judged = calibrate(model, pipeline, apart), data.rows(VALIDATION)
        scores = predict_scores(model.task, pipeline, judged.frame, len(model.label.classes))
        metrics = evaluate(model.task, judged.label, scores)
    failed = sum(each.state is TrialState.FAILED for each in results)
    cross_validated = chosen.metrics if len(folds) > 1 else {}
    return Chosen(chosen.trial, pipeline, metrics, len(folds), cross_validated, len(results), failed, iterations)


def _better(best: TrialResult | None, result: TrialResult, metric: Metric) -> TrialResult | None:
    """Keep the best result with its pipeline: the others' are let go, so that one at a time is held."""
    value = result.metrics.get(metric, math.nan)
    if not math.isfinite(value):
        return best
    if best is None:
        return result
    is_better = value > best.metrics[metric] if metric in HIGHER_IS_BETTER else value < best.metrics[metric]
    return result if is_better else best


def _room(context: Context, data: TrainingData) -> int:
    """Tell how many prepared copies of the rows the declared memory holds; one there has to be."""
    needed = data.frame.shape[0] * max(data.frame.shape[1], 1) * _BYTES_PER_CELL
    return max(context.config.project.memory_budget_mib * _MIB // max(needed, 1), 1)


def _clock(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def _runner(context: Context, model: Model, rows: FoldRows, workers: int, file: str) -> Run:
    # A fit on Spark is of classes that can be stored, and pickle stores every class.
    is_stored = model.estimator.distributed or context.config.project.registry.allow_pickle

    def fit(trials: Sequence[Trial]) -> Iterable[TrialResult]:
        is_spread = model.estimator.distributed  # each fit takes the whole cluster
        if len(trials) > 1 and not is_spread and fits_on_spark(context, model):
            return run_on_spark(context.spark, rows, trials, file=file)
        return run_on_threads(lambda trial: fit_trial(rows, trial, file=file), trials, 1 if is_spread else workers)

    def run(trials: Sequence[Trial]) -> Iterator[TrialResult]:
        refused = {} if is_stored else refuse_unstorable(rows, trials, file=file)
        left = [each for each in trials if each.number not in refused]
        fitted = iter(fit(left)) if left else iter(())
        for trial in trials:
            yield refused[trial.number] if trial.number in refused else next(fitted)

    return run


def refit_chosen(context: Context, model: Model, data: TrainingData, chosen: Chosen, seed: int) -> Pipeline:
    """Fit what was chosen through the holdout, on every row of the set that is of a part of the split or its gaps.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.
        chosen: What was chosen.
        seed: Seed of everything random.

    Returns:
        The pipeline that is to serve; the holdout cannot judge it any more.

    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> chosen = Chosen(Trial(0, {"C": 1.0}), None, {}, 1, {}, 1, 0)
    >>> refit_chosen(context, model, data, chosen, seed=7)[-1].C
    1.0
    """
    file = context.config.files.get(f"model:{model.model}", "the model's file")
    columns = feature_columns(model.estimator, model_columns(context.config, model))[chosen.trial.feature_set]
    everything = data.cut(np.asarray(data.split != UNUSED) & data.sampled)  # parts thinned alike
    context.progress(f"train {model.model}: fitting the best through the holdout")
    # Nothing is left to stop early by: it takes as many rounds as the one that was judged.
    declared = model.model_copy(update={"estimator": model.estimator.model_copy(update={"early_stopping": None})})
    rounds = {} if model.estimator.early_stopping is None else rounds_of(chosen.pipeline[-1])
    trial = replace(chosen.trial, params={**chosen.trial.params, **rounds})
    return fit_chosen(declared, columns, (everything, data.rows(HOLDOUT)), trial, seed, file)[0].pipeline


class TrialLog(Protocol):
    """Where trials are recorded: an open training run, or nowhere.

    >>> sorted(each for each in vars(TrialLog) if not each.startswith("_"))
    ['log_trial']
    """

    known: dict[int, LoggedTrial]

    def log_trial(self, trial: LoggedTrial) -> None:
        """Record a trial when it has ended."""


def _as_logged(result: TrialResult) -> LoggedTrial:
    from lakeloop.registry import LoggedTrial

    metrics = {f"validation_{metric}": float(value) for metric, value in result.metrics.items()}
    for number, found in enumerate(result.fold_metrics, start=1):
        metrics |= {f"fold_{number}_{metric}": float(value) for metric, value in found.items()}
    trial = result.trial
    return LoggedTrial(
        trial.number,
        trial.params,
        trial.feature_set,
        str(result.state),
        metrics,
        result.fit_seconds,
        result.reason,
    )


def _as_result(model: Model, logged: LoggedTrial) -> TrialResult:
    """Read a trial of an earlier attempt; what was not logged had no finite value."""

    def read(prefix: str) -> dict[Metric, float]:
        return {each: logged.metrics[f"{prefix}_{each}"] for each in Metric if f"{prefix}_{each}" in logged.metrics}

    folds = model.estimator.tuning.folds
    per_fold = tuple(read(f"fold_{number}") for number in range(1, folds + 1)) if folds > 1 else ()
    trial = Trial(logged.number, logged.params, logged.feature_set)
    return TrialResult(trial, TrialState.FINISHED, read("validation"), per_fold, logged.fit_seconds)

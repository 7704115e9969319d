"""Search over a small grid: every candidate is fitted on the training part and judged on the validation part."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from lakeloop.config.estimator import MAX_CANDIDATES, Estimator, Parameter
from lakeloop.config.metric import Metric, Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, ConfigIssue, Failure, NotReadyError, UsageError
from lakeloop.training.metrics import HIGHER_IS_BETTER, as_labels, evaluate
from lakeloop.training.preprocessing import build_pipeline


@dataclass(frozen=True)
class Candidate:
    """A fitted pipeline and how it did on the validation part.

    Attributes:
        params: The parameters that were searched over.
        pipeline: The fitted pipeline.
        metrics: Metrics on the validation rows; NaN where one cannot be computed.
        fit_seconds: Wall time of the estimator's fit.
    """

    params: Mapping[str, Parameter]
    pipeline: Pipeline
    metrics: Mapping[Metric, float]
    fit_seconds: float


def candidates(estimator: Estimator) -> tuple[dict[str, Parameter], ...]:
    """List the combinations of a search.

    Args:
        estimator: The declaration with its `search`.

    Returns:
        One dictionary per combination, the first parameter varying slowest; one empty dictionary without a search.

    Raises:
        UsageError: If a parameter has no values, or there are more than 4 combinations.

    >>> spec = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1.0, 2.0], "positive": [True]}}
    >>> candidates(Estimator.model_validate(spec))
    ({'alpha': 1.0, 'positive': True}, {'alpha': 2.0, 'positive': True})
    """
    for name, values in estimator.search.items():
        if not values:
            raise UsageError(f"estimator.search.{name}", "no values", "at least one value", "add values or remove it")
    count = math.prod(len(values) for values in estimator.search.values())
    if count > MAX_CANDIDATES:
        allowed = f"at most {MAX_CANDIDATES}"
        raise UsageError("estimator.search", f"{count} combinations", allowed, "try fewer values; each is a whole fit")
    return tuple(
        dict(zip(estimator.search, values, strict=True)) for values in itertools.product(*estimator.search.values())
    )


def predict_scores(task: Task, pipeline: Any, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Score rows.

    Args:
        task: Kind of label.
        pipeline: A fitted pipeline or estimator.
        frame: Rows with the columns that it reads.

    Returns:
        The probability of True (0 where the model has never seen True), or the prediction, shape (n_rows,).

    Raises:
        UsageError: If the task is classification and the estimator gives no probabilities.
        DataContractError: If the frame lacks a column.

    >>> from sklearn.dummy import DummyClassifier
    >>> always = DummyClassifier(strategy="prior").fit([[0], [0], [0], [0]], [True, False, False, False])
    >>> predict_scores(Task.CLASSIFICATION, always, pd.DataFrame({"x": [1.0, 2.0]})).tolist()
    [0.25, 0.25]
    """
    if task is Task.REGRESSION:
        return np.asarray(pipeline.predict(frame), dtype=np.float64)
    if not hasattr(pipeline, "predict_proba"):
        allowed = "a classifier with predict_proba"
        raise UsageError("estimator.class", "no predict_proba", allowed, "choose such a class, or calibrate it")
    probabilities = np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
    of_true = np.flatnonzero(np.asarray(pipeline.classes_).astype(bool))
    return probabilities[:, of_true[0]] if of_true.size else np.zeros(len(frame))


def fit_candidates(
    model: Model,
    columns: tuple[str, ...],
    train: pd.DataFrame,
    validation: pd.DataFrame,
    train_label: pd.Series[Any],
    validation_label: pd.Series[Any],
    seed: int,
    *,
    file: str = "the model's file",
) -> Iterator[Candidate]:
    """Fit every candidate of a model's search, one at a time.

    Candidates differ in their estimator only, so the steps before it are fitted once and shared: on the training part
    alone. The same rows in the same order with the same seed give the same metrics.

    Args:
        model: The model's declaration.
        columns: Model columns: known, on-demand and features, in order.
        train: Rows of the training part, sorted by id; timestamps as float64 seconds since the epoch, UTC.
        validation: Rows of the validation part, the same.
        train_label: Labels of `train`, boolean (or 0 and 1) or number, none missing.
        validation_label: Labels of `validation`, the same.
        seed: Seed of everything random.
        file: Where the model is declared, for messages.

    Yields:
        Candidates in the order of `candidates`.

    Raises:
        UsageError: If the search or the estimator is not what it has to be.
        ConfigError: If the estimator refuses a parameter's value, or the rows as the preprocessing leaves them.
        NotReadyError: If a part has no rows, or the training labels are all equal in a classification.
        DistributionError: If a label is missing, or a score is not a number.
        DataContractError: If a frame lacks a column.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> declared = load_config(Path()).models["late_arrival"]
    >>> search = {"class": "sklearn.linear_model.LogisticRegression", "search": {"C": [0.01, 1.0]}}
    >>> estimator = Estimator.model_validate(search)
    >>> model = declared.model_copy(update={"on_demand": {}, "estimator": estimator})
    >>> rows, late = pd.DataFrame({"distance": [100.0, 200.0, 300.0, 400.0]}), pd.Series([False, False, True, True])
    >>> for candidate in fit_candidates(model, ("distance",), rows, rows, late, late, seed=0):
    ...     print(candidate.params, round(candidate.metrics[Metric.LOG_LOSS], 3), candidate.metrics[Metric.ROC_AUC])
    {'C': 0.01} 0.686 1.0
    {'C': 1.0} 0.399 1.0
    """
    y_train, y_validation = as_labels(model.task, train_label), as_labels(model.task, validation_label)
    failures = [
        Failure(part, "no rows") for part, rows in (("train", y_train), ("validation", y_validation)) if not rows.size
    ]
    if model.task is Task.CLASSIFICATION and y_train.size and np.unique(y_train).size == 1:
        failures.append(Failure("train", f"all {y_train.size} labels are {bool(y_train[0])}"))
    if failures:
        raise NotReadyError(model.model, failures, "train on more closed days, or check the label's expression")
    pipelines = [(params, build_pipeline(model, columns, params, seed)) for params in candidates(model.estimator)]
    prepare = pipelines[0][1][:-1]
    prepared, prepared_validation = prepare.fit_transform(train), prepare.transform(validation)
    for params, pipeline in pipelines:
        name, estimator = pipeline.steps[-1]
        started = time.perf_counter()
        try:
            estimator.fit(prepared, y_train)
        except (TypeError, ValueError) as refused:
            raise _refused(model.estimator, file, params, refused) from refused
        fit_seconds = time.perf_counter() - started
        metrics = evaluate(model.task, y_validation, predict_scores(model.task, estimator, prepared_validation))
        yield Candidate(params, Pipeline([*prepare.steps, (name, estimator)]), metrics, fit_seconds)


def _refused(estimator: Estimator, file: str, params: Mapping[str, Parameter], refused: Exception) -> ConfigError:
    """Say what an estimator did not take; scikit-learn's first line names parameters and columns, no values of data."""
    first = str(refused).splitlines()[0] if str(refused) else type(refused).__name__
    got = f"{dict(params)}: {first}" if params else first
    allowed = f"values and columns that {estimator.class_} takes"
    remedy = "correct the parameter; missing values need an imputing step, texts need one_hot, under preprocess"
    return ConfigError([ConfigIssue(file, None, "estimator", got, allowed, remedy)])


def choose_best(fitted: Iterable[Candidate], metric: Metric) -> Candidate:
    """Choose the candidate with the best value of a metric.

    Args:
        fitted: Candidates, in order.
        metric: Lower is better for losses and errors, higher for roc_auc, average_precision and r2.

    Returns:
        The best candidate; of equal ones the first. One whose metric is NaN is never chosen.

    Raises:
        NotReadyError: If there is no candidate with a value.

    >>> worse, better = (Candidate({}, None, {Metric.LOG_LOSS: loss}, 0.1) for loss in (0.6, 0.5))
    >>> choose_best([worse, better], Metric.LOG_LOSS) is better
    True
    """
    everyone = tuple(fitted)
    judged = [candidate for candidate in everyone if not math.isnan(candidate.metrics[metric])]
    if not judged:
        detail = f"{len(everyone)} candidates, none with a value of {metric}"
        raise NotReadyError("the search", [Failure(str(metric), detail)], "validate on more closed days")
    sign = -1.0 if metric in HIGHER_IS_BETTER else 1.0
    return min(judged, key=lambda candidate: sign * candidate.metrics[metric])

"""One fit: what comes before the estimator is fitted once and shared, the estimator once per candidate."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, ConfigIssue, Failure, NotReadyError, UsageError
from lakeloop.training.metrics import as_labels
from lakeloop.training.preprocessing import build_pipeline, make_estimator


class FitElsewhere(Protocol):
    """A fit of an estimator on rows that are not in this process."""

    def __call__(self, steps: Pipeline, estimator: Any) -> Any:
        """Fit an estimator.

        Args:
            steps: The fitted steps before it, by which the rows are prepared.
            estimator: The estimator, not fitted.

        Returns:
            A fitted one of the same class and parameters.
        """


@dataclass(frozen=True)
class LabelledRows:
    """Rows of one part of the split, sorted by id.

    Attributes:
        frame: Model inputs, one row per spine row; timestamps as float64 seconds since the epoch, UTC.
        label: Labels, boolean (or 0 and 1) or number, none missing, shape (n_rows,).
        fit_elsewhere: Fits an estimator on all rows of the part where they are, when those here are a sample of them.
    """

    frame: pd.DataFrame
    label: NDArray[Any]
    fit_elsewhere: FitElsewhere | None = None


@dataclass(frozen=True)
class Prepared:
    """Everything before the estimator, fitted on the training rows alone, and the rows as it leaves them.

    Attributes:
        steps: The fitted steps.
        train: The training rows, prepared.
        train_label: Their labels.
        validation: The validation rows, prepared.
        validation_label: Their labels.
        fit_elsewhere: Fits an estimator on all training rows, when those here are a sample of them.
    """

    steps: Pipeline
    train: Any
    train_label: NDArray[Any]
    validation: Any
    validation_label: NDArray[Any]
    fit_elsewhere: FitElsewhere | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline.

    Attributes:
        pipeline: On-demand columns, preprocessing, estimator.
        fit_seconds: Wall time of the estimator's fit.
    """

    pipeline: Pipeline
    fit_seconds: float


def prepare_rows(
    model: Model, columns: tuple[str, ...], train: LabelledRows, validation: LabelledRows, seed: int
) -> Prepared:
    """Fit everything before the estimator on the training rows, and prepare both parts by it.

    Args:
        model: The model's declaration.
        columns: Model columns: known, on-demand and features, in order.
        train: Rows of the training part.
        validation: Rows of the validation part.
        seed: Seed of everything random.

    Returns:
        The fitted steps and the prepared rows.

    Raises:
        NotReadyError: If a part has no rows, or the training labels are all equal in a classification.
        DistributionError: If a label is missing.
        DataContractError: If a frame lacks a column.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> rows = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> prepared = prepare_rows(model, ("distance",), rows, rows, seed=0)
    >>> prepared.train.round(2)["distance"].tolist(), prepared.train_label.tolist()
    ([-1.07, -0.27, 1.34], [False, True, True])
    """
    train_label, validation_label = as_labels(model.task, train.label), as_labels(model.task, validation.label)
    parts = (("train", train_label), ("validation", validation_label))
    failures = [Failure(part, "no rows") for part, label in parts if not label.size]
    if model.task is Task.CLASSIFICATION and train_label.size and np.unique(train_label).size == 1:
        failures.append(Failure("train", f"all {train_label.size} labels are {bool(train_label[0])}"))
    if failures:
        raise NotReadyError(model.model, failures, "train on more closed days, or check the label's expression")
    steps = build_pipeline(model, columns, {}, seed)[:-1]
    prepared = steps.fit_transform(train.frame)
    validated = steps.transform(validation.frame)
    return Prepared(steps, prepared, train_label, validated, validation_label, fit_elsewhere=train.fit_elsewhere)


def fit_estimator(
    model: Model, prepared: Prepared, params: Mapping[str, Parameter], seed: int, *, file: str = "the model's file"
) -> Fitted:
    """Fit the estimator of one candidate on the prepared training rows.

    Args:
        model: The model's declaration.
        prepared: What `prepare_rows` gave.
        params: Parameters of the candidate.
        seed: Seed of everything random; the same rows and seed give the same estimator.
        file: Where the model is declared, for messages.

    Returns:
        The whole fitted pipeline.

    Raises:
        UsageError: If the estimator is not what it has to be.
        ConfigError: If the estimator refuses a parameter's value, or the rows as the preprocessing leaves them.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> rows = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> prepared = prepare_rows(model, ("distance",), rows, rows, seed=0)
    >>> fitted = fit_estimator(model, prepared, {"max_leaf_nodes": 8}, seed=0)
    >>> list(fitted.pipeline.named_steps), fitted.pipeline[-1].max_leaf_nodes
    (['on_demand', 'preprocessing', 'estimator'], 8)
    """
    if model.estimator.distributed and prepared.fit_elsewhere is None:
        raise AssertionError("the rows of a distributed fit are a sample: they are not to be fitted on")
    estimator = make_estimator(model.estimator, params, seed)
    started = time.perf_counter()
    try:
        if prepared.fit_elsewhere is not None:
            # What the estimator refuses it says here, in its own words; from elsewhere comes only that it failed.
            clone(estimator).set_params(n_estimators=1).fit(prepared.train, prepared.train_label)
            estimator = prepared.fit_elsewhere(prepared.steps, estimator)
        else:
            estimator.fit(prepared.train, prepared.train_label)
    except (TypeError, ValueError) as refused:
        raise _refused(model.estimator, file, params, refused) from refused
    fit_seconds = time.perf_counter() - started
    return Fitted(Pipeline([*prepared.steps.steps, ("estimator", estimator)]), fit_seconds)


def _refused(estimator: Estimator, file: str, params: Mapping[str, Parameter], refused: Exception) -> ConfigError:
    """Say what an estimator did not take; scikit-learn's first line names parameters and columns, no values of data."""
    first = str(refused).splitlines()[0] if str(refused) else type(refused).__name__
    got = f"{dict(params)}: {first}" if params else first
    allowed = f"values and columns that {estimator.class_} takes"
    remedy = "correct the parameter; missing values need an imputing step, texts need one_hot, under preprocess"
    return ConfigError([ConfigIssue(file, None, "estimator", got, allowed, remedy)])


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

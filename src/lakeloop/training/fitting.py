"""One fit: what comes before the estimator is fitted once and shared, the estimator once per candidate."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from lakeloop.config.estimator import Estimator, Parameter
from lakeloop.config.estimator_class import takes_weights
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.errors import ConfigError, ConfigIssue, Failure, NotReadyError, UsageError
from lakeloop.training.classes import ClassScores
from lakeloop.training.early_stopping import iterations_of, prepare_stopping
from lakeloop.training.estimators import make_estimator
from lakeloop.training.metrics import as_labels
from lakeloop.training.preprocessing import build_on_demand, build_preprocessing
from lakeloop.training.split import TRAIN
from lakeloop.training.weights import RowFacts, column_weights, row_weights

_MAX_NAMED = 10
_QUOTED = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"")
_SHOWS_A_VALUE = re.compile(r"could not convert|invalid literal|[Uu]nknown categor")


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
        label: Labels, boolean (or 0 and 1), number or place of a class, none missing, shape (n_rows,).
        weight: Values of the column that `estimator.weight` names, shape (n_rows,); None without one.
        days: Closed day of each row, datetime64[D], shape (n_rows,); None where nobody asks.
        prediction_seconds: `prediction_ts` as seconds since the epoch, shape (n_rows,); None where nobody asks.
        fit_elsewhere: Fits an estimator on all rows of the part where they are, when those here are a sample of them.
    """

    frame: pd.DataFrame
    label: NDArray[Any]
    weight: NDArray[Any] | None = None
    days: NDArray[np.datetime64] | None = None
    prediction_seconds: NDArray[np.float64] | None = None
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
        train_weight: What each training row counts; None when all count the same.
        validation_weight: What each validation row counts when boosting is stopped early, by the same measure.
        empty_columns: Model columns without a value in the training rows; they stay missing in every other row too.
        fit_elsewhere: Fits an estimator on all training rows, when those here are a sample of them.
    """

    steps: Pipeline
    train: Any
    train_label: NDArray[Any]
    validation: Any
    validation_label: NDArray[Any]
    train_weight: NDArray[np.float64] | None = None
    validation_weight: NDArray[np.float64] | None = None
    empty_columns: tuple[str, ...] = ()
    fit_elsewhere: FitElsewhere | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline.

    Attributes:
        pipeline: On-demand columns, preprocessing, estimator.
        fit_seconds: Wall time of the estimator's fit.
        iterations: Rounds it predicts with, of one that was stopped early; None of any other.
        empty_columns: Model columns without a value in the training rows.
    """

    pipeline: Pipeline
    fit_seconds: float
    iterations: int | None = None
    empty_columns: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody should know of the fit, in words.

        >>> Fitted(Pipeline([("estimator", None)]), 0.1, empty_columns=("gust",)).notes
        ('1 column without a value in the training rows, left unused: gust',)
        """
        return describe_empty(self.empty_columns)


def describe_empty(columns: Sequence[str]) -> tuple[str, ...]:
    """Say which columns had no value in the training rows.

    Args:
        columns: The columns.

    Returns:
        One sentence; none where every column had values.

    >>> describe_empty([])
    ()
    """
    if not columns:
        return ()
    shown = ", ".join(columns[:_MAX_NAMED]) + (
        f" and {len(columns) - _MAX_NAMED} more" if len(columns) > _MAX_NAMED else ""
    )
    number = f"{len(columns)} column{'' if len(columns) == 1 else 's'}"
    return (f"{number} without a value in the training rows, left unused: {shown}",)


def read_labels(model: Model, parts: Mapping[str, LabelledRows]) -> dict[str, NDArray[Any]]:
    """Read the labels of parts of the split, each of which has to have something to learn.

    Args:
        model: The model's declaration.
        parts: Name of the part -> its rows.

    Returns:
        Name of the part -> its labels as an estimator takes them.

    Raises:
        NotReadyError: If a part has no rows, one class only, or one number only, or the training part lacks a class.
        DistributionError: If a label is missing.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"]
    >>> rows = LabelledRows(pd.DataFrame({"distance": [1.0, 2.0]}), np.array([True, True]))
    >>> try:
    ...     read_labels(model, {"calibration": rows})
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    calibration: all 2 labels are True
    """
    classes = model.label.classes
    labels = {part: as_labels(model.task, rows.label, len(classes)) for part, rows in parts.items()}
    failures = []
    for part, label in labels.items():
        absent = [name for place, name in enumerate(classes) if not (label == place).any()]
        if not label.size:
            failures.append(Failure(part, "no rows"))
        elif absent and part == TRAIN:  # an estimator is told whole numbers from 0, and learns of what it sees
            more = f" and {len(absent) - _MAX_NAMED} more" if len(absent) > _MAX_NAMED else ""
            failures.append(Failure(part, f"no rows of class {', '.join(absent[:_MAX_NAMED])}{more}"))
        elif np.unique(label).size == 1:
            what = f"are {bool(label[0])}" if model.task is Task.CLASSIFICATION else "are the same number"
            if model.task is Task.MULTICLASS:
                what = f"are {classes[int(label[0])]}"
            failures.append(Failure(part, f"all {label.size} labels {what}"))
    if failures:
        remedy = f"let {' and '.join(failure.name for failure in failures)} have more closed days"
        also = ", or take rare classes together" if classes else ""
        raise NotReadyError(model.model, failures, f"{remedy}, or check the label's expression{also}")
    return labels


def prepare_rows(
    model: Model,
    columns: tuple[str, ...],
    train: LabelledRows,
    validation: LabelledRows,
    seed: int,  # noqa: ARG001 - no step is random yet; the caller need not know
    *,
    file: str = "the model's file",
) -> Prepared:
    """Fit everything before the estimator on the training rows, and prepare both parts by it.

    Args:
        model: The model's declaration.
        columns: Model columns: known, on-demand and features, in order.
        train: Rows of the training part.
        validation: Rows of the validation part.
        seed: Seed of everything random.
        file: Where the model is declared, for messages.

    Returns:
        The fitted steps and the prepared rows.

    Raises:
        NotReadyError: If a part has no rows, or its labels are all equal, or the training part lacks a class.
        DistributionError: If a label is missing.
        DataContractError: If a frame lacks a column, a column has more categories than allowed, or a weight is wrong.
        UsageError: If no group takes a column, or a step does not go with a column's type.
        ConfigError: If a step refuses the rows.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> model = load_config(Path()).models["late_arrival"].model_copy(update={"on_demand": {}})
    >>> rows = LabelledRows(pd.DataFrame({"distance": [100.0, 200.0, 800.0]}), np.array([False, True, True]))
    >>> prepared = prepare_rows(model, ("distance",), rows, rows, seed=0)
    >>> prepared.train.round(2)["distance"].tolist(), prepared.train_label.tolist()
    ([-1.07, -0.27, 1.34], [False, True, True])
    """
    labels = read_labels(model, {"train": train, "validation": validation})
    on_demand = build_on_demand(model, columns).fit(train.frame)
    selected = on_demand.transform(train.frame)
    preprocessing = build_preprocessing(model, columns, numbers=on_demand.numeric_columns_)
    try:
        prepared = preprocessing.fit_transform(selected)
        steps = Pipeline([("on_demand", on_demand), ("preprocessing", preprocessing)])
        others = steps.transform(validation.frame)
    except (TypeError, ValueError) as refused:
        raise _refused("preprocess", model.estimator, file, {}, refused) from refused
    facts = [
        _facts(model.estimator, part, rows, labels[part])
        for part, rows in (("train", train), ("validation", validation))
    ]
    of_train, of_validation = (row_weights(model.estimator, facts[0], each) for each in facts)
    empty = tuple(on_demand.empty_columns_)
    return Prepared(
        steps,
        prepared,
        labels["train"],
        others,
        labels["validation"],
        of_train,
        of_validation,
        empty,
        train.fit_elsewhere,
    )


def _facts(estimator: Estimator, part: str, rows: LabelledRows, label: NDArray[Any]) -> RowFacts:
    declared = estimator.row_weight
    column = None
    if declared is not None and declared.column is not None and rows.weight is not None:
        column = column_weights(part, declared.column, rows.weight)
    return RowFacts(label, column, rows.prediction_seconds)


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
        UsageError: If the estimator is not what it has to be: it takes no weights, or cannot be stopped early.
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
    declared = model.estimator
    estimator = make_estimator(declared, params, seed)
    asked: dict[str, Any] = {}
    if prepared.train_weight is not None:
        if not takes_weights(type(estimator)):
            remedy = "choose such a class, or remove class_weight and weight"
            raise UsageError("estimator.class", declared.class_, "a class whose fit takes sample_weight", remedy)
        asked["sample_weight"] = prepared.train_weight
    if declared.early_stopping is not None:
        rounds, weight = declared.early_stopping.rounds, prepared.validation_weight
        asked |= prepare_stopping(estimator, rounds, prepared.validation, prepared.validation_label, weight)
    started = time.perf_counter()
    try:
        if prepared.fit_elsewhere is not None:
            # What the estimator refuses it says here, in its own words; from elsewhere comes only that it failed.
            clone(estimator).set_params(n_estimators=1).fit(prepared.train, prepared.train_label)
            estimator = prepared.fit_elsewhere(prepared.steps, estimator)
        else:
            estimator.fit(prepared.train, prepared.train_label, **asked)
    except (TypeError, ValueError) as refused:
        raise _refused("estimator", declared, file, params, refused) from refused
    fit_seconds = time.perf_counter() - started
    pipeline = Pipeline([*prepared.steps.steps, ("estimator", estimator)])
    iterations = None if declared.early_stopping is None else iterations_of(estimator)
    return Fitted(pipeline, fit_seconds, iterations, prepared.empty_columns)


def hide_quoted(text: str) -> str:
    """Hide what a library's message quotes: it may be a value of the data.

    >>> hide_quoted("can't use value 'Smith' here")
    "can't use value ... here"
    """
    return _QUOTED.sub("...", text)


def _refused(
    where: str, estimator: Estimator, file: str, params: Mapping[str, Parameter], refused: Exception
) -> ConfigError:
    """Say what was not taken; the first line of a library's message names parameters and columns, and rarely values."""
    first = str(refused).splitlines()[0] if str(refused) else type(refused).__name__
    if not isinstance(refused, InvalidParameterError):  # it quotes names of parameters
        first = hide_quoted(first)
    if _SHOWS_A_VALUE.search(first):
        first = f"{type(refused).__name__}: a column holds texts"
    if "not unique" in first:
        first = "two columns get one name: that of a category, and that of another column or category"
    got = f"{dict(params)}: {first}" if params else first
    allowed = f"values and columns that {estimator.class_ if where == 'estimator' else 'the steps'} take"
    remedy = (
        "correct the parameter; missing values need an imputing step, texts need one_hot or ordinal, under preprocess"
    )
    return ConfigError([ConfigIssue(file, None, where, got, allowed, remedy)])


def predict_scores(task: Task, pipeline: Any, frame: pd.DataFrame, classes: int = 0) -> NDArray[np.float64]:
    """Score rows.

    Args:
        task: Kind of label.
        pipeline: A fitted pipeline or estimator.
        frame: Rows with the columns that it reads.
        classes: Number of declared classes of a multiclass label.

    Returns:
        The probability of True (0 where the model has never seen True), or the prediction, shape (n_rows,); of several
        classes their probabilities in the declared order, shape (n_rows, n_classes).

    Raises:
        UsageError: If the task is no regression and the estimator gives no probabilities.
        DistributionError: If it knows other classes than those that are declared.
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
    if task is Task.MULTICLASS:
        return ClassScores.align(probabilities, pipeline.classes_, classes).values
    of_true = np.flatnonzero(np.asarray(pipeline.classes_).astype(bool))
    return probabilities[:, of_true[0]] if of_true.size else np.zeros(len(probabilities))

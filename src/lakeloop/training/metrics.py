"""Metrics of scores against outcomes, and the losses per row whose mean is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from lakeloop.config.metric import METRICS_OF, Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.training.classes import ClassCounts, ClassScores, f1_macro, top_label

FloatArray = NDArray[np.float64]
"""Values per row, shape (n_rows,)."""

HIGHER_IS_BETTER = frozenset({Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.ACCURACY, Metric.F1_MACRO, Metric.R2})
"""Metrics of which more is better; of the others less is."""

SMALLEST_PROBABILITY = 1e-15
"""The probability given to what happened is raised to at least this in the log loss."""

CALIBRATION_BINS = 10

_SUMS_TO_ONE = 1e-4
"""How far the probabilities of a row may be from 1 in all: some libraries compute them in single precision."""


def checked_rows(y: ArrayLike, score: ArrayLike, task: Task) -> tuple[FloatArray, FloatArray]:
    """Check outcomes and scores.

    Args:
        y: Outcomes, shape (n_rows,).
        score: Probabilities of 1, or predictions, shape (n_rows,); for multiclass shape (n_rows, n_classes).
        task: Kind of label.

    Returns:
        Both as float64.

    Raises:
        DistributionError: If shapes differ, a value is missing or infinite, or is out of its range, or the
            probabilities of a row over several classes are not 1 in all.

    >>> checked_rows([True, False], [0.75, 0.5], Task.CLASSIFICATION)[0].tolist()
    [1.0, 0.0]
    """
    outcomes, scores = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    several = task is Task.MULTICLASS
    if outcomes.ndim != 1 or scores.ndim != 1 + several or outcomes.shape != scores.shape[:1]:
        raise DistributionError("score", f"shape {scores.shape} does not fit y of shape {outcomes.shape}; one per row")
    for name, values in (("y", outcomes), ("score", scores)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise DistributionError(name, f"{bad} of {values.size} values are missing or infinite")
    if task is Task.CLASSIFICATION and not np.isin(outcomes, (0.0, 1.0)).all():
        raise DistributionError("y", "holds values other than 0 and 1, though the task is classification")
    if task is not Task.REGRESSION and not ((scores >= 0) & (scores <= 1)).all():
        raise DistributionError("score", f"holds values outside [0, 1], though the task is {task}")
    if several:
        classes = scores.shape[1]
        if not np.isin(outcomes, np.arange(classes)).all():
            raise DistributionError("y", f"holds values other than the places of {classes} classes, 0 to {classes - 1}")
        if not (np.abs(scores.sum(axis=1) - 1.0) <= _SUMS_TO_ONE).all():
            raise DistributionError("score", "holds rows whose probabilities are not 1 in all")
    return outcomes, scores


def row_losses(metric: Metric, y: ArrayLike, score: ArrayLike) -> FloatArray:
    """Give the loss of each row; its mean is the metric.

    Args:
        metric: `log_loss` (nats; the outcome's probability at least 1e-15), `brier` (half the sum over classes of the
            squared differences, which of two classes is the one square), `mean_absolute_error` (unit of y).
        y: Outcomes, shape (n_rows,); 0 or 1 (or booleans) but for the absolute error; of several classes their places.
        score: Probabilities of 1, or predictions, shape (n_rows,); of several classes shape (n_rows, n_classes).

    Returns:
        Losses, >= 0, shape (n_rows,).

    Raises:
        DistributionError: If the metric is no mean of losses per row, shapes differ, a value is missing or infinite, or
            an outcome or probability is out of its range.

    >>> row_losses(Metric.BRIER, [1, 0], [0.75, 0.5]).tolist()
    [0.0625, 0.25]
    >>> row_losses(Metric.BRIER, [1], [[0.25, 0.5, 0.25]]).tolist()
    [0.1875]
    """
    if np.ndim(score) > 1 and metric in (Metric.BRIER, Metric.LOG_LOSS):
        return _class_losses(metric, *checked_rows(y, score, Task.MULTICLASS))
    if metric is Metric.MEAN_ABSOLUTE_ERROR:
        outcomes, scores = checked_rows(y, score, Task.REGRESSION)
        return np.abs(outcomes - scores)
    outcomes, scores = checked_rows(y, score, Task.CLASSIFICATION)
    if metric is Metric.BRIER:
        return np.square(outcomes - scores)
    if metric is Metric.LOG_LOSS:
        of_outcome = np.where(outcomes == 1, scores, 1.0 - scores)
        return np.abs(np.log(np.maximum(of_outcome, SMALLEST_PROBABILITY)))
    raise DistributionError(
        "metric", f"{metric} is not a mean of losses per row; use log_loss, brier or mean_absolute_error"
    )


def _class_losses(metric: Metric, outcomes: FloatArray, scores: FloatArray) -> FloatArray:
    of_outcome = ClassScores(scores).of_truth(outcomes)
    if metric is Metric.LOG_LOSS:
        return np.abs(np.log(np.maximum(of_outcome, SMALLEST_PROBABILITY)))
    rest = np.square(scores).sum(axis=1) - np.square(of_outcome)
    return np.asarray(np.maximum(np.square(1.0 - of_outcome) + rest, 0.0) / 2)


def calibration_error(y: ArrayLike, score: ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """Measure how far mean probabilities lie from observed rates (expected calibration error).

    Rows are cut into bins of equal count by their score; equal scores share the bin of the first of them, so the answer
    does not depend on the order of rows. The mean over bins, weighted by rows, of `|mean score - mean outcome|`.

    Args:
        y: Outcomes, 0 or 1, shape (n_rows,).
        score: Probabilities of 1, shape (n_rows,).
        bins: Number of bins.

    Returns:
        The error, in [0, 1]; NaN without rows.

    Raises:
        DistributionError: If shapes differ or a value is missing or out of its range.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015),
    with bins of equal count in place of equal width.

    >>> calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.25, 0.25])
    0.25
    """
    outcomes, scores = checked_rows(y, score, Task.CLASSIFICATION)
    if not scores.size:
        return float("nan")
    gaps = np.bincount(equal_count_bins(scores, bins), weights=scores - outcomes, minlength=bins)
    return float(np.abs(gaps).sum() / scores.size)


def equal_count_bins(score: FloatArray, bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """Cut rows into bins of equal count by their score.

    Args:
        score: Scores, none missing, shape (n_rows,).
        bins: Number of bins.

    Returns:
        Bin of each row, ascending with the score, shape (n_rows,); equal scores share the bin of the first of them, so
        a bin may be empty.

    >>> equal_count_bins(np.array([0.9, 0.1, 0.2, 0.1]), 2).tolist()
    [1, 0, 1, 0]
    """
    return np.searchsorted(np.sort(score), score, side="left") * bins // max(score.size, 1)


def evaluate(task: Task, y: ArrayLike, score: ArrayLike) -> dict[Metric, float]:
    """Compute every metric of a task.

    What cannot be computed is NaN, never a good value: everything without rows, `roc_auc` and `average_precision` when
    the outcomes are all equal, or one of several classes is absent; `f1_macro` when a class is neither predicted nor
    there; `r2` when the outcomes do not vary.

    Args:
        task: Kind of label.
        y: Outcomes, shape (n_rows,); 0 or 1 (or booleans) for classification, places of classes for multiclass.
        score: Probabilities of 1, or predictions, shape (n_rows,); for multiclass shape (n_rows, n_classes).

    Returns:
        Metric -> value. Classification: log_loss (nats), brier, roc_auc, average_precision, calibration_error.
        Multiclass: log_loss, brier, roc_auc (mean over classes of one against the rest), calibration_error (of the
        predicted class), accuracy, f1_macro. Regression: mean_absolute_error and root_mean_squared_error (unit of y),
        r2.

    Raises:
        DistributionError: If shapes differ, a value is missing or infinite, or is out of its range.

    >>> values = evaluate(Task.CLASSIFICATION, [0, 1], [0.25, 0.75])
    >>> values[Metric.ROC_AUC], values[Metric.BRIER]
    (1.0, 0.0625)
    """
    outcomes, scores = checked_rows(y, score, task)
    nan = float("nan")
    if not outcomes.size:
        return dict.fromkeys(METRICS_OF[task], nan)
    if task is Task.MULTICLASS:
        return _evaluate_classes(outcomes, scores)
    varies = bool(outcomes.min() < outcomes.max())
    if task is Task.CLASSIFICATION:
        return {
            Metric.LOG_LOSS: float(row_losses(Metric.LOG_LOSS, outcomes, scores).mean()),
            Metric.BRIER: float(row_losses(Metric.BRIER, outcomes, scores).mean()),
            Metric.ROC_AUC: float(roc_auc_score(outcomes, scores)) if varies else nan,
            Metric.AVERAGE_PRECISION: float(average_precision_score(outcomes, scores)) if varies else nan,
            Metric.CALIBRATION_ERROR: calibration_error(outcomes, scores),
        }
    squares = np.square(outcomes - scores)
    spread = float(np.square(outcomes - outcomes.mean()).sum())
    return {
        Metric.MEAN_ABSOLUTE_ERROR: float(row_losses(Metric.MEAN_ABSOLUTE_ERROR, outcomes, scores).mean()),
        Metric.ROOT_MEAN_SQUARED_ERROR: float(np.sqrt(squares.mean())),
        Metric.R2: 1.0 - float(squares.sum()) / spread if varies and spread > 0 else nan,
    }


def _evaluate_classes(outcomes: FloatArray, scores: FloatArray) -> dict[Metric, float]:
    told, classes = ClassScores(scores), range(scores.shape[1])
    counts = ClassCounts.of(outcomes, told)
    areas = [float("nan")]
    if counts.actual.all():
        areas = [float(roc_auc_score(outcomes == place, scores[:, place])) for place in classes]
    return {
        Metric.LOG_LOSS: float(_class_losses(Metric.LOG_LOSS, outcomes, scores).mean()),
        Metric.BRIER: float(_class_losses(Metric.BRIER, outcomes, scores).mean()),
        Metric.ROC_AUC: float(np.mean(areas)),
        Metric.CALIBRATION_ERROR: calibration_error(*top_label(outcomes, scores)),
        Metric.ACCURACY: float(told.are_right(outcomes).mean()),
        Metric.F1_MACRO: float(f1_macro(counts.hits, counts.predicted, counts.actual)[0]),
    }


def as_labels(task: Task, label: Any, classes: int = 2) -> NDArray[Any]:
    """Turn a label column into what an estimator fits: booleans, float64, or places of classes.

    Args:
        task: Kind of label.
        label: Outcomes, shape (n_rows,), none missing.
        classes: Number of classes of a multiclass label.

    Returns:
        Booleans for classification, int64 for multiclass, float64 for regression, shape (n_rows,).

    Raises:
        DistributionError: If a label is missing, infinite, or is not 0, 1 or a boolean in a classification, or the
            place of no class.

    >>> as_labels(Task.CLASSIFICATION, [1.0, 0.0]).tolist()
    [True, False]
    """
    values = np.asarray(label, dtype=np.float64)
    if task is Task.MULTICLASS:
        uniform = np.full((values.size, classes), 1 / classes)
        return checked_rows(values, uniform, task)[0].astype(np.int64)
    outcomes, _ = checked_rows(values, np.zeros(values.shape), task)
    return outcomes.astype(bool) if task is Task.CLASSIFICATION else outcomes

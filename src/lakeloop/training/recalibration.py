"""Recalibration: a served version's scores corrected on recent closed days, its fitted steps left as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from lakeloop.config.decide import RecalibrationMethod
from lakeloop.config.metric import Task
from lakeloop.errors import DistributionError, Failure, NotReadyError, UsageError
from lakeloop.training.metrics import FloatArray, as_labels

SMALLEST_PROBABILITY = 1e-6
"""Probabilities are pulled in to this and its complement before their log-odds are taken."""

_WIDEST_SHIFT = 50.0
_WHAT = "recalibration"


@dataclass(frozen=True)
class Correction:
    """What is done to a score.

    Attributes:
        intercept: Added to the log-odds; of a regression, to the prediction itself.
        slope: What the log-odds are multiplied by first; 1 of a regression, and where only the intercept is fitted.

    >>> Correction(intercept=0.0, slope=2.0).apply(Task.CLASSIFICATION, np.array([0.5, 0.8])).round(4)
    array([0.5   , 0.9412])
    """

    intercept: float
    slope: float = 1.0

    def apply(self, task: Task, scores: FloatArray) -> FloatArray:
        """Correct scores.

        Args:
            task: Kind of label.
            scores: Probabilities of True, or predictions, shape (n_rows,).

        Returns:
            Corrected ones, the same shape; probabilities strictly between 0 and 1.
        """
        if task is Task.REGRESSION:
            return np.asarray(scores + self.intercept, dtype=np.float64)
        return np.asarray(expit(self.intercept + self.slope * _log_odds(scores)), dtype=np.float64)

    def after(self, first: Correction) -> Correction:
        """Give the one correction that does what another and then this one do.

        Args:
            first: What is done before.

        Returns:
            Both in one.

        >>> Correction(1.0, 2.0).after(Correction(0.5, 3.0))
        Correction(intercept=2.0, slope=6.0)
        """
        return Correction(self.intercept + self.slope * first.intercept, self.slope * first.slope)


def _log_odds(scores: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(scores, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)), dtype=np.float64)


def fit_correction(method: RecalibrationMethod, task: Task, scores: FloatArray, label: NDArray[Any]) -> Correction:
    """Fit what makes scores agree with outcomes.

    `intercept` shifts the log-odds so that the mean probability is the observed rate, which is its maximum likelihood;
    of a regression it adds the median residual, which makes the mean absolute error least. `platt` fits a slope too.

    Args:
        method: What is fitted.
        task: Kind of label.
        scores: Probabilities of True, or predictions, shape (n_rows,).
        label: Outcomes, none missing, shape (n_rows,).

    Returns:
        The correction.

    Raises:
        NotReadyError: If there are no rows, or the outcomes of a classification are all equal.
        DistributionError: If shapes differ, or a value is missing or out of its range.
        UsageError: If `platt` is asked for a regression.

    Source: Cox, "Two further applications of a model for binary regression" (Biometrika 45, 1958), the intercept and
    slope of a logistic recalibration; Platt, "Probabilistic outputs for support vector machines" (1999), on log-odds.

    >>> scores, label = np.full(4, 0.5), np.array([True, False, False, False])
    >>> fitted = fit_correction(RecalibrationMethod.INTERCEPT, Task.CLASSIFICATION, scores, label)
    >>> round(fitted.intercept, 4), fitted.apply(Task.CLASSIFICATION, scores).round(4).tolist()
    (-1.0986, [0.25, 0.25, 0.25, 0.25])
    """
    outcomes = as_labels(task, label)
    if np.shape(scores) != outcomes.shape:
        raise DistributionError("score", f"shape {np.shape(scores)} does not fit y of shape {outcomes.shape}")
    if not np.isfinite(scores).all():
        raise DistributionError("score", f"{int((~np.isfinite(scores)).sum())} of {len(scores)} values are not finite")
    if not outcomes.size:
        raise NotReadyError(_WHAT, [Failure("rows", "none")], "wait for closed days that the version has scored")
    if task is Task.REGRESSION:
        if method is RecalibrationMethod.PLATT:
            raise UsageError(
                "decide.recalibrate.by", method.value, "intercept, for a regression", "write by: intercept"
            )
        return Correction(float(np.median(outcomes - scores)))
    if np.unique(outcomes).size == 1:
        found = Failure("label", f"all {outcomes.size} outcomes are {bool(outcomes[0])}")
        raise NotReadyError(_WHAT, [found], "wait for more closed days, or declare a longer window")
    odds = _log_odds(scores)
    if method is RecalibrationMethod.PLATT:
        fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds[:, None], outcomes)
        return Correction(float(fitted.intercept_[0]), float(fitted.coef_[0, 0]))
    rate = float(outcomes.mean())
    return Correction(float(brentq(lambda shift: expit(odds + shift).mean() - rate, -_WIDEST_SHIFT, _WIDEST_SHIFT)))


def assign_folds(days: NDArray[np.datetime64], folds: int) -> NDArray[np.intp]:
    """Cut days into stretches of consecutive days, about equally many in each.

    Neighbouring days resemble each other, so a fold is a stretch and not a choice of single days.

    Args:
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        folds: Number of stretches, at least 2.

    Returns:
        Fold of each row, from 0, shape (n_rows,).

    Raises:
        NotReadyError: If there are fewer days with rows than folds.

    >>> assign_folds(np.array(["2013-01-01", "2013-01-01", "2013-01-02", "2013-01-04"], dtype="datetime64[D]"), 2)
    array([0, 0, 0, 1])
    """
    known, day_of_row = np.unique(np.asarray(days, dtype="datetime64[D]"), return_inverse=True)
    if len(known) < folds:
        found = Failure("days", f"{len(known)} closed days with rows, {folds} folds")
        raise NotReadyError(_WHAT, [found], "wait for more closed days, or declare fewer folds")
    of_day = np.concatenate([np.full(len(part), fold) for fold, part in enumerate(np.array_split(known, folds))])
    return np.asarray(of_day[day_of_row], dtype=np.intp)


def cross_fit(
    method: RecalibrationMethod,
    task: Task,
    scores: FloatArray,
    label: NDArray[Any],
    days: NDArray[np.datetime64],
    folds: int,
) -> FloatArray:
    """Correct each day's scores by what was fitted on the other stretches of days: what a gate may judge.

    Args:
        method: What is fitted.
        task: Kind of label.
        scores: Scores of the served version, shape (n_rows,).
        label: Outcomes, none missing, shape (n_rows,).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        folds: Number of stretches of days.

    Returns:
        Corrected scores, shape (n_rows,).

    Raises:
        NotReadyError: If there are fewer days than folds, or outside a stretch the outcomes are all equal.
        DistributionError: If shapes differ, or a value is missing or out of its range.

    >>> days = np.array(["2013-01-01", "2013-01-01", "2013-01-02", "2013-01-02"], dtype="datetime64[D]")
    >>> label = np.array([1.0, 3.0, 5.0, 5.0])
    >>> cross_fit(RecalibrationMethod.INTERCEPT, Task.REGRESSION, np.zeros(4), label, days, 2)
    array([5., 5., 2., 2.])
    """
    fold_of_row = assign_folds(days, folds)
    corrected = np.empty(len(scores), dtype=np.float64)
    for fold in range(folds):
        inside = fold_of_row == fold
        correction = fit_correction(method, task, scores[~inside], np.asarray(label)[~inside])
        corrected[inside] = correction.apply(task, scores[inside])
    return corrected


class RecalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A fitted binary classifier whose log-odds are shifted and stretched.

    Args:
        estimator: The fitted classifier, with `predict_proba`.
        intercept: Added to the log-odds of True.
        slope: What they are multiplied by first.

    >>> from sklearn.dummy import DummyClassifier
    >>> half = DummyClassifier(strategy="prior").fit([[0], [0]], [True, False])
    >>> RecalibratedClassifier(half, intercept=-1.0986).predict_proba([[0]]).round(3)
    array([[0.75, 0.25]])
    """

    def __init__(self, estimator: Any = None, intercept: float = 0.0, slope: float = 1.0) -> None:
        self.estimator = estimator
        self.intercept = intercept
        self.slope = slope

    @property
    def classes_(self) -> NDArray[Any]:
        """Classes of the estimator, False before True."""
        return np.asarray(self.estimator.classes_)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing left to fit."""
        return self.estimator is not None

    def fit(self, X: Any, y: Any = None) -> RecalibratedClassifier:  # noqa: N803, ARG002 - scikit-learn's interface
        """Leave everything as it is: the correction was fitted elsewhere.

        Returns:
            Itself.
        """
        return self

    def predict_proba(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's interface
        """Give the corrected probabilities, shape (n_rows, 2)."""
        of_true = np.asarray(self.estimator.predict_proba(X), dtype=np.float64)[:, -1]
        corrected = Correction(self.intercept, self.slope).apply(Task.CLASSIFICATION, of_true)
        return np.column_stack([1.0 - corrected, corrected])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's interface
        """Give the more probable class per row."""
        return np.asarray(self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)])


class RecalibratedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A fitted regressor whose predictions are shifted.

    Args:
        estimator: The fitted regressor.
        intercept: Added to its predictions.

    >>> from sklearn.dummy import DummyRegressor
    >>> RecalibratedRegressor(DummyRegressor().fit([[0], [0]], [1.0, 3.0]), intercept=0.5).predict([[0]])
    array([2.5])
    """

    def __init__(self, estimator: Any = None, intercept: float = 0.0) -> None:
        self.estimator = estimator
        self.intercept = intercept

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing left to fit."""
        return self.estimator is not None

    def fit(self, X: Any, y: Any = None) -> RecalibratedRegressor:  # noqa: N803, ARG002 - scikit-learn's interface
        """Leave everything as it is: the correction was fitted elsewhere.

        Returns:
            Itself.
        """
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's interface
        """Give the shifted predictions, shape (n_rows,)."""
        return Correction(self.intercept).apply(Task.REGRESSION, np.asarray(self.estimator.predict(X)))


def corrected(pipeline: Pipeline, task: Task, correction: Correction) -> Pipeline:
    """Put a correction on a fitted pipeline; its other steps and the fitted estimator are shared.

    Corrections do not pile up: one that is there already and the new one become one.

    Args:
        pipeline: A fitted pipeline, corrected or not.
        task: Kind of label.
        correction: What is done to its scores.

    Returns:
        The corrected pipeline, with steps of the same names.

    >>> from sklearn.dummy import DummyRegressor
    >>> plain = Pipeline([("estimator", DummyRegressor().fit([[0]], [1.0]))])
    >>> twice = corrected(corrected(plain, Task.REGRESSION, Correction(0.5)), Task.REGRESSION, Correction(0.25))
    >>> twice.predict([[0]]), twice[-1].estimator is plain[-1]
    (array([1.75]), True)
    """
    name, estimator = pipeline.steps[-1]
    if isinstance(estimator, RecalibratedClassifier | RecalibratedRegressor):
        correction = correction.after(Correction(estimator.intercept, getattr(estimator, "slope", 1.0)))
        estimator = estimator.estimator
    shifted: BaseEstimator = (
        RecalibratedRegressor(estimator, correction.intercept)
        if task is Task.REGRESSION
        else RecalibratedClassifier(estimator, correction.intercept, correction.slope)
    )
    return Pipeline([*pipeline.steps[:-1], (name, shifted)])

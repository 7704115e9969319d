from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from lakeloop.config.decide import Recalibrate, RecalibrationMethod
from lakeloop.config.metric import Task
from lakeloop.errors import DistributionError, NotReadyError, UsageError
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.recalibration import (
    Correction,
    assign_folds,
    corrected,
    cross_fit,
    fit_correction,
)
from tests.training.declarations import COLUMNS, declare_model, make_rows

INTERCEPT, PLATT = RecalibrationMethod.INTERCEPT, RecalibrationMethod.PLATT
BINARY, NUMBER = Task.CLASSIFICATION, Task.REGRESSION


def day_range(count: int) -> np.ndarray:
    return np.arange("2013-01-01", np.datetime64("2013-01-01") + count, dtype="datetime64[D]")


def skewed(rows: int, intercept: float, slope: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose outcomes come with other log-odds than they say."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1, rows)
    return expit(odds), rng.random(rows) < expit(intercept + slope * odds)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=2, max_size=40))
@example([(0.5, True), (0.5, True), (0.999, True), (0.9989999999999999, False)])
def test_after_an_intercept_the_mean_score_is_the_observed_rate_and_the_order_stays(rows) -> None:
    scores, label = np.array([score for score, _ in rows]), np.array([late for _, late in rows])
    if label.all() or not label.any():
        return
    moved = fit_correction(INTERCEPT, BINARY, scores, label).apply(BINARY, scores)
    assert moved.mean() == pytest.approx(label.mean(), abs=1e-9)
    order = np.argsort(scores)
    further = np.diff(moved[order])
    assert (further > -1e-12).all()  # scores one bit apart may have equal log-odds
    assert (further[np.diff(scores[order]) > 1e-9] > 0).all()
    assert ((moved > 0) & (moved < 1)).all()


def test_platt_finds_the_intercept_and_slope_the_outcomes_were_made_with() -> None:
    scores, label = skewed(200_000, intercept=-0.5, slope=0.6)
    found = fit_correction(PLATT, BINARY, scores, label)
    assert (found.intercept, found.slope) == pytest.approx((-0.5, 0.6), abs=0.03)


def test_platt_makes_the_mean_and_the_mean_by_log_odds_agree() -> None:
    """At the maximum of the likelihood residuals have no mean, and none along the log-odds."""
    scores, label = skewed(500, intercept=1.0, slope=1.5)
    residual = fit_correction(PLATT, BINARY, scores, label).apply(BINARY, scores) - label
    assert residual.mean() == pytest.approx(0, abs=1e-4)
    assert (residual * logit(scores)).mean() == pytest.approx(0, abs=1e-4)


def test_a_regression_is_shifted_by_its_median_residual() -> None:
    assert fit_correction(INTERCEPT, NUMBER, np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 103.0])).intercept == 2.0
    with pytest.raises(UsageError, match="intercept, for a regression"):
        fit_correction(PLATT, NUMBER, np.array([1.0]), np.array([2.0]))


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_certain_scores_stay_inside(score: float) -> None:
    scores, label = np.array([score, 0.5, 0.5]), np.array([True, False, True])
    moved = fit_correction(INTERCEPT, BINARY, scores, label).apply(BINARY, scores)
    assert np.isfinite(moved).all()
    assert moved.mean() == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scores", "label", "error", "message"),
    [
        ([], [], NotReadyError, "rows: none"),
        ([0.2, 0.4], [True, True], NotReadyError, "all 2 outcomes are True"),
        ([0.2, np.nan], [True, False], DistributionError, "1 of 2 values are not finite"),
        ([0.2], [True, False], DistributionError, "does not fit y"),
        ([0.2, 0.4], [1.0, np.nan], DistributionError, "missing or infinite"),
    ],
)
def test_what_cannot_be_fitted_is_said(scores, label, error, message) -> None:
    with pytest.raises(error, match=message):
        fit_correction(INTERCEPT, BINARY, np.array(scores, dtype=float), np.array(label))


def test_folds_are_stretches_of_days_whatever_the_order_of_rows() -> None:
    days = day_range(7)
    assert assign_folds(days, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert assign_folds(days[::-1], 3).tolist() == [2, 2, 1, 1, 0, 0, 0]
    with pytest.raises(NotReadyError, match="3 closed days with rows, 4 folds"):
        assign_folds(days[:3], 4)


def test_no_outcome_of_a_stretch_touches_its_own_scores() -> None:
    scores, label = skewed(400, intercept=-1, slope=1)
    days = np.repeat(day_range(20), 20)
    before = cross_fit(PLATT, BINARY, scores, label, days, 4)
    first = assign_folds(days, 4) == 0
    turned = np.where(first, ~label, label)
    after = cross_fit(PLATT, BINARY, scores, turned, days, 4)
    assert after[first].tolist() == before[first].tolist()
    assert not np.allclose(after[~first], before[~first])


def test_a_corrected_pipeline_shares_its_steps_and_survives_its_file() -> None:
    model, rows = declare_model(), LabelledRows(*make_rows(200))
    prepared = prepare_rows(model, COLUMNS, rows, rows, 0)
    plain = fit_estimator(model, prepared, {}, 0).pipeline
    raw = predict_scores(BINARY, plain, rows.frame)
    correction = Correction(-0.5, 0.8)
    moved = corrected(plain, BINARY, correction)
    assert [name for name, _ in moved.steps] == [name for name, _ in plain.steps]
    assert moved[0] is plain[0]
    assert moved[-1].estimator is plain[-1]
    scores = predict_scores(BINARY, moved, rows.frame)
    assert scores.tolist() == correction.apply(BINARY, raw).tolist()
    assert roc_auc_score(rows.label, scores) == roc_auc_score(rows.label, raw)
    stored = skops.io.loads(skops.io.dumps(moved), trusted=list(TRUSTED_TYPES))
    assert predict_scores(BINARY, stored, rows.frame).tolist() == scores.tolist()
    assert stored[-1].predict(prepared.train).tolist() == (scores > 0.5).tolist()


def trees_of(estimator: Any) -> list[Any]:
    """What a boosted estimator has learned, in a form that can be compared."""
    if hasattr(estimator, "booster_"):
        return [estimator.booster_.model_to_string()]
    return [tree.nodes.tolist() for round_ in estimator._predictors for tree in round_]


@pytest.mark.parametrize(
    ("class_", "task", "params"),
    [
        ("sklearn.ensemble.HistGradientBoostingClassifier", BINARY, {"max_iter": 8}),
        ("sklearn.ensemble.HistGradientBoostingRegressor", NUMBER, {"max_iter": 8}),
        ("lightgbm.LGBMClassifier", BINARY, {"n_estimators": 8, "n_jobs": 1}),
        ("lightgbm.LGBMRegressor", NUMBER, {"n_estimators": 8, "n_jobs": 1}),
    ],
    ids=["sklearn, classes", "sklearn, numbers", "lightgbm, classes", "lightgbm, numbers"],
)
def test_boosted_trees_are_their_parents_also_after_their_file(class_: str, task: Task, params: dict[str, Any]) -> None:
    model = declare_model(
        task=task.value,
        estimator={"class": class_, "params": params},
        gate={"metric": "log_loss" if task is BINARY else "mean_absolute_error", "non_inferior_by": 0.005},
    )
    frame, late = make_rows(200)
    rows = LabelledRows(frame, late if task is BINARY else frame["distance"] / 10 + 5 * late)
    plain = fit_estimator(model, prepare_rows(model, COLUMNS, rows, rows, 0), {}, 0).pipeline
    trusted = list(TRUSTED_TYPES)
    parent = skops.io.loads(skops.io.dumps(plain), trusted=trusted)  # as the registry gives it
    correction = Correction(-0.5, 0.8 if task is BINARY else 1.0)
    moved = corrected(parent, task, correction)
    assert moved[-1].estimator is parent[-1]
    stored = skops.io.loads(skops.io.dumps(moved), trusted=trusted)
    assert trees_of(stored[-1].estimator) == trees_of(parent[-1]) == trees_of(plain[-1])
    assert len(trees_of(plain[-1])[0]) > 1
    expected = correction.apply(task, predict_scores(task, plain, frame))
    assert predict_scores(task, stored, frame).tolist() == expected.tolist()
    twice = corrected(stored, task, Correction(0.5))  # what was corrected is corrected again, from its file
    assert twice[-1].estimator is stored[-1].estimator
    again = Correction(0.5).after(correction)
    assert predict_scores(task, twice, frame) == pytest.approx(again.apply(task, predict_scores(task, plain, frame)))


def test_corrections_do_not_pile_up() -> None:
    model, rows = declare_model(), LabelledRows(*make_rows(100))
    plain = fit_estimator(model, prepare_rows(model, COLUMNS, rows, rows, 0), {}, 0).pipeline
    first, second = Correction(1.0, 0.7), Correction(-0.4, 1.2)
    once = corrected(plain, BINARY, first)
    twice = corrected(once, BINARY, second)
    assert twice[-1].estimator is plain[-1]
    expected = second.apply(BINARY, predict_scores(BINARY, once, rows.frame))
    assert predict_scores(BINARY, twice, rows.frame) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"window": "36 hours"}, "not whole days"),
        ({"window": "3 days", "folds": 4}, "more than the 3 days"),
        ({"by": "isotonic"}, "'intercept' or 'platt'"),
    ],
)
def test_a_wrong_declaration_is_refused(declared: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recalibrate.model_validate(declared)


def test_a_slope_is_no_choice_for_a_regression() -> None:
    with pytest.raises(ValidationError, match=r"decide\.recalibrate\.by: platt stretches log-odds"):
        declare_model(
            task="regression",
            estimator={"class": "sklearn.linear_model.Ridge"},
            gate={"metric": "mean_absolute_error", "non_inferior_by": 1.0},
            decide={"recalibrate": {"by": "platt"}},
        )

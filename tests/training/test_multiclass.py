"""Several classes through a training: fits of every library, calibration, evidence, the card and the gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.utils.class_weight import compute_sample_weight

from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DataContractError, DistributionError, NotReadyError
from lakeloop.statuses import GateStatus
from lakeloop.training.calibration import calibrate
from lakeloop.training.classes import class_shares
from lakeloop.training.environment import CodeVersion, Environment
from lakeloop.training.evidence import Evidence, HoldoutRows, constant_scores, measure_evidence
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows, read_labels
from lakeloop.training.gate import HoldoutScores, judge
from lakeloop.training.leakage import score_columns
from lakeloop.training.metrics import evaluate
from lakeloop.training.model_card import ModelCard, PartOfData, TrainedOn, render_card
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.search import choose_best
from lakeloop.training.weights import balanced_weights
from tests.training.declarations import COLUMNS, declare_model, fit_grid, make_rows

CLASSES = ("on_time", "late", "never")
SEVERAL = Task.MULTICLASS
ESTIMATORS: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.LogisticRegression": {"params": {"max_iter": 1000}},
    "sklearn.ensemble.RandomForestClassifier": {"params": {"n_estimators": 20, "max_depth": 4}},
    "sklearn.ensemble.HistGradientBoostingClassifier": {"early_stopping": {"rounds": 3}},
    "lightgbm.LGBMClassifier": {"params": {"min_child_samples": 5, "n_jobs": 1}, "early_stopping": {"rounds": 3}},
    "xgboost.XGBClassifier": {"params": {"n_jobs": 1}, "early_stopping": {"rounds": 3}},
}


def declare(**changes: Any) -> Any:
    label = declare_model().label.model_dump(by_alias=True) | {"classes": list(CLASSES)}
    split = {"validation": "14 days", "holdout": "28 days", "calibration": "7 days"}
    scaled = [
        {"columns": ["carrier"], "steps": ["one_hot"]},
        {"columns": ["*"], "steps": ["impute_median", "scale"]},
    ]
    declared = {"task": "multiclass", "label": label, "split": split, "preprocess": scaled}
    return declare_model(**(declared | changes))


def rows_of(count: int, seed: int = 0) -> LabelledRows:
    """Rows whose class goes with the wind: many on time, some late, a few never."""
    frame, _ = make_rows(count, seed)
    moved = frame["weather__wind"].fillna(10.0) + np.random.default_rng(seed).normal(0, 1, count)
    return LabelledRows(frame, np.digitize(moved, [11.0, 14.0]).astype(np.float64))


TRAIN, VALIDATION, APART, HOLDOUT = rows_of(500), rows_of(150, 1), rows_of(500, 2), rows_of(400, 3)
DAYS = np.repeat(np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]"), 20)


def fit(model: Any, train: LabelledRows = TRAIN) -> Any:
    return fit_estimator(model, prepare_rows(model, COLUMNS, train, VALIDATION, 0), {}, 0).pipeline


def scores_of(pipeline: Any, rows: LabelledRows = HOLDOUT) -> Any:
    return predict_scores(SEVERAL, pipeline, rows.frame, 3)


@pytest.mark.parametrize("class_", ESTIMATORS)
def test_every_library_learns_calibrates_and_survives_skops(class_: str) -> None:
    declared = {"class": class_, "class_weight": "balanced", "calibrate": "sigmoid", **ESTIMATORS[class_]}
    model = declare(estimator=declared)
    pipeline = fit(model)
    constant = evaluate(SEVERAL, HOLDOUT.label, constant_scores(model, TRAIN.label, 400))
    weighted, calibrated = scores_of(pipeline), calibrate(model, pipeline, APART)
    assert weighted.shape == (400, 3)
    mended = scores_of(calibrated)
    shares = class_shares(APART.label, 3)
    assert np.abs(mended.mean(axis=0) - shares).sum() < np.abs(weighted.mean(axis=0) - shares).sum()
    found = evaluate(SEVERAL, HOLDOUT.label, mended)
    assert found[Metric.LOG_LOSS] < constant[Metric.LOG_LOSS] - 0.2
    assert found[Metric.ROC_AUC] > 0.8
    for each in (pipeline, calibrated):
        stored = skops.io.dumps(each)
        assert set(skops.io.get_untrusted_types(data=stored)) <= set(TRUSTED_TYPES)
        loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
        np.testing.assert_array_equal(scores_of(loaded), scores_of(each))


def test_the_same_rows_and_seed_give_the_same_scores() -> None:
    model = declare(estimator={"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 5}})
    np.testing.assert_array_equal(scores_of(fit(model)), scores_of(fit(model)))


def test_a_search_chooses_by_the_loss_over_all_classes() -> None:
    searched = {"class": "sklearn.linear_model.LogisticRegression", "search": {"C": [1e-6, 1.0]}}
    results = fit_grid(declare(estimator=searched), COLUMNS, TRAIN, VALIDATION, 0)
    best = choose_best(results, Metric.LOG_LOSS)
    assert best.trial.params == {"C": 1.0}
    assert {Metric.ACCURACY, Metric.F1_MACRO} <= {*best.metrics}


def test_a_class_without_training_rows_is_not_ready() -> None:
    few = replace(TRAIN, label=np.minimum(TRAIN.label, 1.0))
    with pytest.raises(NotReadyError) as raised:
        fit(declare(), few)
    assert str(raised.value.failures[0]) == "train: no rows of class never"
    assert "take rare classes together" in str(raised.value)
    labels = read_labels(declare(), {"train": TRAIN, "validation": few})  # what it judges may lack one
    assert labels["validation"].max() == 1
    with pytest.raises(NotReadyError, match="all 500 labels are late"):
        read_labels(declare(), {"validation": replace(TRAIN, label=np.ones(500))})
    with pytest.raises(DistributionError, match="places of 3 classes"):
        read_labels(declare(), {"train": replace(TRAIN, label=TRAIN.label + 1)})


def test_calibration_needs_rows_of_every_class() -> None:
    model = declare(estimator={"class": "sklearn.linear_model.LogisticRegression", "calibrate": "sigmoid"})
    few = replace(APART, label=np.minimum(APART.label, 1.0))
    with pytest.raises(NotReadyError, match="0 rows of class never, 10 needed"):
        calibrate(model, fit(model), few)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    label = TRAIN.label.astype(int)
    np.testing.assert_allclose(balanced_weights(label, None)[label], compute_sample_weight("balanced", label))
    weight = np.linspace(1, 3, 500)
    weighted = balanced_weights(label, weight)[label] * weight
    np.testing.assert_allclose(np.bincount(label, weights=weighted), weight.sum() / 3)
    with pytest.raises(DataContractError, match="at place 2"):
        balanced_weights(label, (label < 2).astype(float))


def test_columns_of_probabilities_follow_the_declared_order() -> None:
    class Backwards:
        classes_ = np.array([2, 1])

        def predict_proba(self, rows: pd.DataFrame) -> Any:
            return np.tile([0.75, 0.25], (len(rows), 1))

    assert predict_scores(SEVERAL, Backwards(), pd.DataFrame({"x": [1.0]}), 3).tolist() == [[0.0, 0.25, 0.75]]


def test_the_constant_model_answers_with_the_shares_of_the_training_part() -> None:
    assert constant_scores(declare(), np.array([0, 0, 1, 2.0]), 2).tolist() == [[0.5, 0.25, 0.25]] * 2


def make_evidence() -> tuple[Any, Evidence]:
    gate = {"metric": "brier", "non_inferior_by": 0.01, "slices": ["carrier"]}
    model = declare(gate=gate)
    pipeline = fit(model)
    slices = {"carrier": HOLDOUT.frame["carrier"].to_numpy()}
    rows = HoldoutRows(HOLDOUT.frame, HOLDOUT.label, scores_of(pipeline), DAYS, slices)

    def predict(frame: pd.DataFrame) -> Any:
        return predict_scores(SEVERAL, pipeline, frame, 3)

    return model, measure_evidence(model, COLUMNS, rows, TRAIN.label, predict)


def test_evidence_is_of_the_whole_row_and_of_the_predicted_class() -> None:
    _, evidence = make_evidence()
    pipeline = fit(declare())
    scores = scores_of(pipeline)
    values = {each.metric: each.value for each in evidence.metrics}
    assert values == evaluate(SEVERAL, HOLDOUT.label, scores)
    constant = evaluate(SEVERAL, HOLDOUT.label, constant_scores(declare(), TRAIN.label, 400))
    assert evidence.baseline == {metric: value for metric, value in constant.items() if np.isfinite(value)}
    right = scores.argmax(axis=1) == HOLDOUT.label
    assert evidence.curve is not None
    assert sum(each.rows * each.observed_rate for each in evidence.curve) == pytest.approx(right.sum())
    assert sum(each.rows * each.mean_score for each in evidence.curve) == pytest.approx(scores.max(axis=1).sum())
    carrier = HOLDOUT.frame["carrier"]
    of_ua = next(each for each in evidence.slices if each.value == "UA")
    assert of_ua.mean_outcome == pytest.approx(right[(carrier == "UA").to_numpy()].mean())
    assert evidence.importance.columns[0].column == "weather__wind"
    assert evidence.importance.columns[0].increase > 0.05


def test_the_card_names_classes_and_says_what_its_figures_are() -> None:
    model, evidence = make_evidence()
    shares = dict(zip(CLASSES, class_shares(TRAIN.label, 3).tolist(), strict=True))
    part = PartOfData("train", DAYS[0].item(), DAYS[-1].item(), 20, 500, float(TRAIN.label.mean()), shares)
    set_ = TrainedOn("5e7", "training_sets.late", 1, "c0ffee", "2013-05-21T00:00:00Z", (part,))
    environment = Environment("0.1.0", CodeVersion(None, None), "3.11", "Linux", {})
    text = render_card(ModelCard(model, "2013-05-21", {}, COLUMNS, (), set_, "5bec", 7, environment, evidence))
    assert "as the probability of each of `on_time, late, never`" in text
    assert '"constant" is the model that always answers the shares of the classes of the training rows' in text
    assert f"on_time {shares['on_time']:.4g}, late {shares['late']:.4g}, never {shares['never']:.4g}" in text
    assert "share right" in text
    assert "mean label" not in text
    assert "No threshold" not in text


def test_the_gate_judges_whole_rows_of_probabilities() -> None:
    declared = {
        "metric": "log_loss",
        "non_inferior_by": 0.01,
        "absolute": {"accuracy": {"min": 0.5}, "f1_macro": {"min": 0.99}, "roc_auc": {"min": 0.5}},
        "too_good": {"accuracy": 0.6},
        "slices": {"carrier": {"min_rows": 50, "non_inferior_by": 0.2, "absolute": {"accuracy": {"min": 0.1}}}},
        "calibration": {"max_bias": 0.5, "max_error": 0.5},
    }
    model = declare(gate=declared)
    scores, constant = scores_of(fit(model)), constant_scores(model, TRAIN.label, 400)
    worse = 0.5 * scores + 0.5 * constant
    worse[:40] = np.nan  # learned from
    slices = {"carrier": HOLDOUT.frame["carrier"].to_numpy()}
    holdout = HoldoutScores(HOLDOUT.label, scores, constant, DAYS, worse, slices)
    report = judge(model.gate, SEVERAL, holdout, has_champion=True)
    found = {check.name: check for check in report.checks}
    assert found["beats_baseline"].status is GateStatus.PASS
    assert found["no_worse_than_champion"].status is GateStatus.PASS
    assert report.comparable_rows == 360
    assert found["absolute_accuracy"].status is GateStatus.PASS
    assert found["absolute_f1_macro"].status is GateStatus.FAIL
    assert found["too_good_accuracy"].status is GateStatus.WARN
    assert found["slice_carrier_no_worse[UA]"].status is GateStatus.PASS
    assert found["slice_carrier_accuracy[UA]"].status is GateStatus.PASS
    right = scores.argmax(axis=1) == HOLDOUT.label
    assert found["calibration_bias"].value == pytest.approx(scores.max(axis=1).mean() - right.mean())
    assert found["calibration_error"].value == pytest.approx(report.challenger[Metric.CALIBRATION_ERROR])
    twice = judge(model.gate, SEVERAL, holdout, has_champion=True)
    assert twice.checks == report.checks


def test_scores_of_other_shapes_are_refused() -> None:
    scores = np.full((400, 3), 1 / 3)
    for changes in ({"champion": scores[:, :2]}, {"baseline": scores[:, 0]}, {"challenger": scores[:, :, None]}):
        sides = {"challenger": scores, "baseline": scores, "champion": None} | changes
        with pytest.raises(DistributionError, match="does not fit"):
            HoldoutScores(y=HOLDOUT.label, days=DAYS, slices={}, **sides)


def test_a_column_that_tells_one_class_apart_is_seen_among_the_others() -> None:
    label = np.tile([0.0, 1.0, 2.0], 100)
    columns = {
        "told": pd.Series(label * 2),
        "one": pd.Series((label == 2).astype(float)),
        "same": pd.Series(["x"] * 300),
    }
    first = np.arange(300) < 150
    found = score_columns(columns, label, first, ~first, SEVERAL)
    assert found["told"] == 1.0
    assert found["one"] == 1.0  # of the others it says little, and gives this one away
    assert found["same"] == 0.5

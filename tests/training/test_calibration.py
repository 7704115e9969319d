from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skops.io

from lakeloop.config.metric import Task
from lakeloop.errors import NotReadyError, UsageError
from lakeloop.training.calibration import calibrate
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from tests.training.declarations import COLUMNS, declare_model, make_rows

CLASSES = {
    "sklearn.linear_model.LogisticRegression": {"max_iter": 1000},
    "sklearn.ensemble.HistGradientBoostingClassifier": {"max_iter": 10},
    "lightgbm.LGBMClassifier": {"n_estimators": 10},
    "xgboost.XGBClassifier": {"n_estimators": 10},
}


def declare(
    class_: str = "sklearn.linear_model.LogisticRegression", method: str | None = "sigmoid", **keys: Any
) -> Any:
    estimator = {"class": class_, "params": CLASSES[class_], "calibrate": method, **keys}
    return declare_model(
        estimator=estimator, split={"validation": "14 days", "holdout": "28 days", "calibration": "7 days"}
    )


def fit(model: Any) -> Any:
    train, validation = LabelledRows(*make_rows(600)), LabelledRows(*make_rows(100, seed=1))
    return fit_estimator(model, prepare_rows(model, COLUMNS, train, validation, 0), {}, 0).pipeline


APART = LabelledRows(*make_rows(600, seed=2))
SCORED, _ = make_rows(200, seed=3)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("class_", CLASSES)
def test_calibration_wraps_the_estimator_and_survives_skops(class_: str, method: str) -> None:
    model = declare(class_, method, class_weight={"true": 5})
    pipeline = fit(model)
    before = pipeline.predict_proba(SCORED)
    calibrated = calibrate(model, pipeline, APART)
    assert list(calibrated.named_steps) == ["on_demand", "preprocessing", "estimator"]
    assert [calibrated.steps[index][1] is pipeline.steps[index][1] for index in range(3)] == [True, True, False]
    np.testing.assert_array_equal(pipeline.predict_proba(SCORED), before)
    scores = predict_scores(Task.CLASSIFICATION, calibrated, APART.frame)
    assert scores.mean() == pytest.approx(np.mean(APART.label), abs=0.01)  # five times too often is mended
    stored = skops.io.dumps(calibrated)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(TRUSTED_TYPES)
    loaded = skops.io.loads(stored, trusted=list(TRUSTED_TYPES))
    np.testing.assert_array_equal(loaded.predict_proba(SCORED), calibrated.predict_proba(SCORED))


def test_only_the_calibration_part_moves_calibrated_probabilities() -> None:
    model = declare()
    pipeline = fit(model)
    first = calibrate(model, pipeline, APART).predict_proba(SCORED)
    np.testing.assert_array_equal(calibrate(model, pipeline, APART).predict_proba(SCORED), first)
    other = LabelledRows(APART.frame, ~np.asarray(APART.label))
    assert not np.allclose(calibrate(model, pipeline, other).predict_proba(SCORED), first)


def test_none_declared_is_the_given_pipeline() -> None:
    model = declare(method=None)
    pipeline = fit(model)
    assert calibrate(model, pipeline, None) is pipeline


def test_a_calibration_part_is_needed() -> None:
    with pytest.raises(UsageError, match=r"add split\.calibration"):
        calibrate(declare(), fit(declare()), None)


@pytest.mark.parametrize(
    ("trues", "message"),
    [(0, "calibration: all 60 labels are False"), (9, "calibration: 9 rows of one class, 10 needed"), (10, None)],
)
def test_each_class_has_to_have_some_rows(trues: int, message: str | None) -> None:
    frame, _ = make_rows(60)
    rows = LabelledRows(frame, np.arange(60) < trues)
    if message is None:
        assert calibrate(declare(), fit(declare()), rows) is not None
        return
    with pytest.raises(NotReadyError, match=message):
        calibrate(declare(), fit(declare()), rows)


def test_a_regression_has_no_probabilities() -> None:
    model = declare().model_copy(update={"task": Task.REGRESSION})
    with pytest.raises(UsageError, match="sigmoid for a regression"):
        calibrate(model, fit(declare()), APART)

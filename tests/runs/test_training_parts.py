"""What each part of the split may move: the training read's rows, without the tables they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from lakeloop.runs.training_data import TrainingData
from lakeloop.training.calibration import calibrate
from lakeloop.training.fitting import fit_estimator, prepare_rows
from lakeloop.training.split import CALIBRATION, TRAIN, VALIDATION
from tests.training.declarations import COLUMNS, declare_model, make_rows

PARTS = np.repeat(
    ["train", "gap", "validation", "gap", "calibration", "gap", "holdout"], [300, 20, 100, 20, 100, 20, 60]
)
ESTIMATOR = {
    "class": "sklearn.tree.DecisionTreeClassifier",
    "params": {"max_depth": 4},
    "class_weight": "balanced",
    "weight": {"column": "distance", "half_life": "30 days"},
    "calibrate": "isotonic",
}
MODEL = declare_model(
    estimator=ESTIMATOR, split={"validation": "5 days", "calibration": "5 days", "holdout": "28 days"}
)


def make_data() -> TrainingData:
    frame, late = make_rows(len(PARTS))
    days = np.datetime64("2013-01-01") + np.arange(len(PARTS)) // 20
    seconds = days.astype("datetime64[s]").astype(np.float64)
    weight = frame["distance"].to_numpy(dtype=np.float64)
    label, every = late.to_numpy(dtype=np.float64), np.ones(len(PARTS), dtype=bool)
    return TrainingData(cast(Any, None), frame, frame[[]], label, PARTS, days, seconds, every, weight)


def change(data: TrainingData, part: str) -> TrainingData:
    """Give the rows of a part other values, categories, labels and weights."""
    rows = data.part(part)
    frame = data.frame.copy()
    frame.loc[rows, ["distance", "weather__wind", "weather__gust"]] = [1e6, -1e6, 5.0]
    frame.loc[rows, "carrier"] = "ZZ"
    weight = np.where(rows, 9.0, data.weight)
    return replace(data, frame=frame, label=np.where(rows, 1 - data.label, data.label), weight=weight)


def fit(data: TrainingData) -> tuple[Any, Any]:
    prepared = prepare_rows(MODEL, COLUMNS, data.rows(TRAIN), data.rows(VALIDATION), 0)
    fitted = fit_estimator(MODEL, prepared, {}, 0).pipeline
    return fitted, calibrate(MODEL, fitted, data.rows(CALIBRATION))


SCORED, _ = make_rows(100, seed=5)


@pytest.mark.parametrize("part", ["gap", "validation", "calibration", "holdout"])
def test_no_part_but_the_training_part_moves_preprocessing_and_estimator(part: str) -> None:
    (before, calibrated), (after, calibrated_after) = fit(make_data()), fit(change(make_data(), part))
    pd.testing.assert_frame_equal(before[:-1].transform(SCORED), after[:-1].transform(SCORED))
    np.testing.assert_array_equal(before.predict_proba(SCORED), after.predict_proba(SCORED))
    same = np.array_equal(calibrated.predict_proba(SCORED), calibrated_after.predict_proba(SCORED))
    assert same == (part != "calibration")


def test_the_training_part_moves_them() -> None:
    data = make_data()
    flipped = np.where(np.arange(len(PARTS)) % 2 == 0, 1 - data.label, data.label)
    (before, _), (after, _) = fit(data), fit(replace(data, label=flipped))
    assert not np.array_equal(before.predict_proba(SCORED), after.predict_proba(SCORED))


def test_rows_of_a_part_come_with_their_weights_instants_and_days() -> None:
    data = make_data()
    rows = data.rows(CALIBRATION)
    assert len(rows.frame) == len(rows.label) == 100
    assert rows.weight is not None
    assert rows.weight.tolist() == rows.frame["distance"].tolist()
    assert rows.days is not None
    assert rows.prediction_seconds is not None
    assert (rows.days.astype("datetime64[s]").astype(float) == rows.prediction_seconds).all()
    assert replace(data, weight=None).rows(TRAIN).weight is None

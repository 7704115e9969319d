"""A calibrated pipeline of a boosting library goes through the registry as any other does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lakeloop.model_versions import DatasetInput
from lakeloop.registry import Registry
from lakeloop.training.calibration import calibrate
from lakeloop.training.estimators import estimator_packages
from lakeloop.training.fitting import LabelledRows, fit_estimator, prepare_rows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from tests.training.declarations import COLUMNS, declare_model, make_rows


@pytest.mark.slow
def test_a_calibrated_pipeline_of_lightgbm_is_logged_and_loaded(tmp_path: Path) -> None:
    model = declare_model(
        estimator={
            "class": "lightgbm.LGBMClassifier",
            "params": {"n_estimators": 20, "n_jobs": 1},
            "early_stopping": {"rounds": 3},
            "class_weight": "balanced",
            "calibrate": "isotonic",
        },
        split={"validation": "14 days", "calibration": "7 days", "holdout": "28 days"},
    )
    train, validation, apart = (LabelledRows(*make_rows(300, seed)) for seed in range(3))
    fitted = fit_estimator(model, prepare_rows(model, COLUMNS, train, validation, 0), {}, 0)
    pipeline = calibrate(model, fitted.pipeline, apart)
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "flights", tmp_path / "artifacts")
    dataset = DatasetInput("training_sets.late_arrival", str(tmp_path / "set"), 0, "0" * 64, False)
    example = train.frame.head(5)
    with registry.training("late_arrival", "run-key", dataset, {}) as training:
        version = training.log_model(
            pipeline,
            example,
            pipeline.predict_proba(example),
            probabilities=True,
            trusted_types=TRUSTED_TYPES,
            packages=estimator_packages(model.estimator),
            tags={},
        )
    loaded = registry.load_pipeline(version)
    assert list(loaded.named_steps) == ["on_demand", "preprocessing", "estimator"]
    np.testing.assert_array_equal(loaded.predict_proba(apart.frame), pipeline.predict_proba(apart.frame))
    folder = next((tmp_path / "artifacts").rglob("MLmodel")).parent
    assert any(line.startswith("lightgbm==") for line in (folder / "requirements.txt").read_text().splitlines())

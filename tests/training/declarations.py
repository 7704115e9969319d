"""A model's declaration and its rows with everything defaulted, so that a test states only what matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lakeloop.config.model import Model
from lakeloop.training.fitting import LabelledRows
from lakeloop.training.folds import Fold
from lakeloop.training.search import grid_trials
from lakeloop.training.trials import FoldRows, TrialResult, fit_trial

COLUMNS = ("carrier", "distance", "hour_of_day", "weather__wind", "weather__gust")
"""Model columns of `declare_model`."""


def declare_model(**changes: Any) -> Model:
    """Declare a model over `COLUMNS`."""
    declared: dict[str, Any] = {
        "model": "late_arrival",
        "predict": {"from": "schedules", "id": ["flight"], "at": "departure_ts", "known": ["carrier", "distance"]},
        "label": {
            "from": "outcomes",
            "as": "delay >= 15",
            "closes": {"of": "departure_ts", "at": "06:00 next day", "timezone": "America/New_York"},
        },
        "features": ["weather.*"],
        "on_demand": {"hour_of_day": "hour(departure_ts)"},
        "split": {"validation": "14 days", "holdout": "28 days"},
        "preprocess": [
            {"columns": ["carrier"], "steps": ["one_hot"]},
            {"columns": ["weather.*"], "steps": ["clip_outliers", "impute_mean", "scale"]},
            {"columns": ["*"], "steps": ["impute_median"]},
        ],
        "estimator": {"class": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 1000}},
        "gate": {"metric": "log_loss", "non_inferior_by": 0.005},
    }
    return Model.model_validate(declared | changes)


def fit_grid(
    model: Model, columns: tuple[str, ...], train: LabelledRows, validation: LabelledRows, seed: int, **options: Any
) -> list[TrialResult]:
    """Fit every trial of a model's grid on one cut, as a search does."""
    counts = len(train.frame), len(validation.frame)
    both = LabelledRows(
        pd.concat([train.frame, validation.frame], ignore_index=True),
        np.concatenate([np.asarray(train.label), np.asarray(validation.label)]),
        fit_elsewhere=train.fit_elsewhere,
    )
    is_train = np.repeat([True, False], counts)
    rows = FoldRows(model, {None: columns}, both, [Fold(is_train, ~is_train)], seed)
    return [fit_trial(rows, trial, **options) for trial in grid_trials(model.estimator)]


def make_rows(count: int, seed: int = 0) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Make rows and labels; late grows with wind, some wind and some carriers are missing, gust always is."""
    rng = np.random.default_rng(seed)
    wind = rng.normal(10, 3, count)
    rows = pd.DataFrame(
        {
            "carrier": rng.choice(np.array(["UA", "AA", None], dtype=object), count),
            "distance": rng.integers(100, 2500, count),
            "weather__wind": np.where(rng.random(count) < 0.1, np.nan, wind),
            "weather__gust": np.full(count, np.nan),
            "departure_ts": 1_370_000_000.0 + 3600.0 * rng.integers(0, 2000, count),
        }
    )
    return rows, pd.Series(rng.random(count) < 1 / (1 + np.exp(-(wind - 12) / 2)))

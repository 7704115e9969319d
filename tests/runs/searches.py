"""A training of the small project on rows made here: no Spark, a tracking store of its own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lakeloop.config import Config
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.model_versions import ModelVersion
from lakeloop.registry import Registry
from lakeloop.runs import train
from lakeloop.runs.context import Context
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import Outcome
from lakeloop.training.split import assign_split
from tests.laws.small_loop import TURNS, write_project
from tests.shared import scratch

LAST_DAY, DAYS, A_DAY = date(2024, 1, 23), 23, 12
RUN_KEY = "key-of-everything"


@cache
def _empty_store() -> Path:
    """A tracking store with nothing in it: its tables take seconds to make."""
    file = scratch() / "empty" / "mlflow.db"
    Registry(f"sqlite:///{file}", "shops", file.with_name("mlartifacts"))
    return file


def declare(root: Path, **estimator: Any) -> Config:
    """Write the small project with another search."""
    config = write_project(root)
    store = config.workspace / "mlflow.db"
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_empty_store(), store)
    late = config.models["late"]
    changed = {**late.estimator.model_dump(by_alias=True), **estimator}
    model = late.model_copy(update={"estimator": type(late.estimator).model_validate(changed)})
    return replace(config, models={"late": model})


def make_data(config: Config) -> TrainingData:
    """Make the rows of a training set: what is late grows with the items."""
    model, rng, rows = config.models["late"], np.random.default_rng(5), DAYS * A_DAY
    inputs = input_columns(config, model)
    days = np.repeat(np.datetime64("2024-01-01", "D") + np.arange(DAYS), A_DAY)
    seconds = days.astype("datetime64[s]").astype(np.float64) + np.tile(np.arange(A_DAY) * 3600.0, DAYS)
    items = rng.integers(1, 9, rows).astype(np.float64)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in inputs})
    frame["shop"], frame["items"], frame["prediction_ts"] = rng.choice(list("ABC"), rows), items, seconds
    logged = [name for name in model_columns(config, model) if name not in inputs]
    label = (items + rng.normal(0, 3, rows) > 5).astype(np.float64)
    through = datetime(2024, 1, 24, 6, tzinfo=UTC)
    pinned = TrainingSet("set-of-rows", "late", rows, "hash-of-rows", through, 1, Outcome.WRITTEN)
    parts = assign_split(days, model.split, LAST_DAY)
    hours = pd.DataFrame({name: np.tile(np.arange(A_DAY, dtype=np.float64), DAYS) for name in logged})
    return TrainingData(pinned, frame, hours, label, parts, days, seconds, np.ones(rows, dtype=bool))


def fit_and_register(config: Config, data: TrainingData, run_key: str = RUN_KEY) -> tuple[ModelVersion, int]:
    """Train as `lakeloop train` does, without the gate."""
    return train.fit_and_register(Context(config, TURNS[0]), config.models["late"], data, run_key)

"""A training of the small project on rows made here: no Spark, a tracking store of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from lakeloop.config import Config, load_config
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.model_versions import ModelVersion
from lakeloop.runs import train
from lakeloop.runs.context import Context
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import Outcome
from lakeloop.training.split import assign_split
from tests.laws.small_loop import TURNS, write_project
from tests.shared import copy_store

LAST_DAY, DAYS, A_DAY = date(2024, 1, 23), 23, 12
RUN_KEY = "key-of-everything"


def declare(root: Path, *, tracking_uri: str | None = None, **estimator: Any) -> Config:
    """Write the small project with another search, and where it is recorded, if not in a store of its own."""
    config = write_project(root)
    store = config.workspace / "mlflow.db"
    if tracking_uri is not None:
        project = root / "conf" / "base" / "project.yml"
        project.write_text(f"{project.read_text(encoding='utf-8')}tracking_uri: {tracking_uri}\n", encoding="utf-8")
        config = load_config(root)
    else:
        copy_store(store)
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


def client_of(config: Config) -> MlflowClient:
    """MLflow's own client, for what the tests look at."""
    return MlflowClient(config.tracking_uri, config.tracking_uri)


def runs_of(config: Config) -> list[Run]:
    """The runs of the training and of its trials, all attempts'."""
    client = client_of(config)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`lakeloop.run_key` = '{RUN_KEY}'"))


def told(config: Config) -> list[tuple[Any, ...]]:
    """Everything the runs tell, but ids and times."""
    ids = {each.info.run_id: each.info.run_name for each in runs_of(config)}
    return sorted(
        (
            each.info.run_name,
            each.info.status,
            ids.get(each.data.tags.get("mlflow.parentRunId")),
            sorted(each.data.params.items()),
            sorted(each.data.metrics.items()),
            each.data.tags.get("lakeloop.trial"),
            each.data.tags.get("lakeloop.reason"),
        )
        for each in runs_of(config)
    )

"""A version in a real registry, without a training: what the gate loads, scores and judges."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from lakeloop.config.gate import Gate
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.training_data import TrainingData
from lakeloop.runs.training_set import TrainingSet
from lakeloop.statuses import Outcome
from tests.factories import instant
from tests.laws.small_loop import write_project

AS_OF = instant("2024-02-04 00:00")
ROWS = pd.DataFrame({"items": np.tile([1.0, 2.0, 3.0, 4.0], 30), "seats": np.tile([5.0, 7.0], 60)})
LABEL = np.asarray(ROWS["items"] >= 3, dtype=float)


def open_project(root: Path, as_of: datetime = AS_OF, **gate: Any) -> Context:
    """Open the small project with other words under `gate`."""
    config = write_project(root)
    declared = {"metric": "log_loss", "non_inferior_by": 0.05, "min_blocks": 3, "resamples": 200} | gate
    config.models["late"] = config.models["late"].model_copy(update={"gate": Gate.model_validate(declared)})
    return Context(config, as_of)


def register(context: Context, run_key: str = "key-1") -> ModelVersion:
    """Register a pipeline fitted on `ROWS`."""
    pipeline = Pipeline([("estimator", LogisticRegression())]).fit(ROWS, LABEL.astype(bool))
    with context.registry.training("late", run_key, DatasetInput("set", "set", 0, "digest"), {}) as training:
        return training.log_model(
            pipeline,
            ROWS.head(5),
            pipeline.predict_proba(ROWS.head(5)),
            probabilities=True,
            trusted_types=[],
            tags={},
        )


def pinned() -> TrainingSet:
    """Name the training set."""
    return TrainingSet("set-1", "late", len(ROWS), "hash", AS_OF, 0, Outcome.WRITTEN)


def training_data(days: int = 20) -> TrainingData:
    """Give `ROWS` twice: to train on, and as a holdout of some days."""
    frame = pd.concat([ROWS, ROWS], ignore_index=True)
    split = np.repeat(["train", "holdout"], len(ROWS)).astype(np.str_)
    dates = np.datetime64("2024-01-10", "D") + np.tile(np.arange(len(ROWS)) % days, 2)
    seconds = np.full(len(frame), AS_OF.timestamp())
    logged = pd.DataFrame(index=frame.index)
    every = np.ones(len(frame), dtype=bool)
    return TrainingData(pinned(), frame, logged, np.tile(LABEL, 2), split, dates, seconds, every)

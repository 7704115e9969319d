"""The training read: the one place where rows come to the driver, after an estimate of their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.errors import BudgetError, Failure
from lakeloop.features.on_demand import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.training_set import TrainingSet, training_rows

_MIB = 1024 * 1024
_COPIES = 3
"""Arrow, pandas and the fitted preprocessing's output hold the rows at once."""
_BYTES_PER_VALUE = 8
_BYTES_PER_TEXT = 60


@dataclass(frozen=True)
class TrainingData:
    """The rows of a training set in memory, sorted by id.

    Attributes:
        training_set: The training set.
        frame: Model inputs, one row per spine row.
        logged: On-demand columns as they were logged in the training set, for the reference.
        label: Labels, shape [n_rows].
        split: Part of the split, shape [n_rows].
        days: Blocks, datetime64[D], shape [n_rows].
        prediction_seconds: `prediction_ts` as seconds since the epoch, shape [n_rows].

    >>> from lakeloop.runs.training_set import find_training_set
    >>> data = read_training_data(context, context.config.models["late"], find_training_set(context, "late"))
    >>> {name: int(data.part(name).sum()) for name in ("train", "gap", "validation", "holdout")}
    {'train': 514, 'gap': 45, 'validation': 70, 'holdout': 112}
    """

    training_set: TrainingSet
    frame: pd.DataFrame
    logged: pd.DataFrame
    label: NDArray[np.float64]
    split: NDArray[np.str_]
    days: NDArray[np.datetime64]
    prediction_seconds: NDArray[np.float64]

    def part(self, name: str) -> NDArray[np.bool_]:
        """Tell which rows belong to a part of the split.

        Args:
            name: The part: train, gap, validation or holdout.

        Returns:
            Truth per row, shape [n_rows].
        """
        return np.asarray(self.split == name)


def read_training_data(context: Context, model: Model, training_set: TrainingSet) -> TrainingData:
    """Read a training set into memory.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        training_set: The training set.

    Returns:
        Its rows, sorted by `prediction_id`.

    Raises:
        BudgetError: If the estimate exceeds the project's memory budget.

    >>> from lakeloop.runs.training_set import find_training_set
    >>> read_training_data(context, context.config.models["late"], find_training_set(context, "late")).frame.shape
    (741, 8)
    """
    address = context.lake.address("training_sets", model.model)
    rows = training_rows(context, address, training_set.training_set_id, training_set.delta_version)
    inputs = input_columns(context.config, model)
    logged = [name for name in model_columns(context.config, model) if name not in inputs]
    texts = {name for name, kind in rows.dtypes if kind == "string"} & set(inputs)
    _check_budget(context, training_set, len(inputs) + len(logged) - len(texts), len(texts))
    chosen = rows.select(
        "prediction_id",
        (as_model_input(rows, "prediction_ts")).alias("_seconds"),
        "label",
        "block_date",
        "_split",
        *(as_model_input(rows, name) for name in inputs),
        *logged,
    )
    table: pa.Table = chosen.toArrow()  # bounded: refused above when over the budget
    table = table.sort_by([("prediction_id", "ascending"), ("_seconds", "ascending")])

    def column(name: str) -> NDArray[Any]:
        return np.asarray(table.column(name).to_numpy())

    return TrainingData(
        training_set,
        table.select(list(inputs)).to_pandas(),  # bounded: of rows that are here already
        table.select(logged).to_pandas(),  # bounded: of rows that are here already
        column("label").astype(np.float64),
        column("_split").astype(np.str_),
        column("block_date").astype("datetime64[D]"),
        column("_seconds").astype(np.float64),
    )


def _check_budget(context: Context, training_set: TrainingSet, numbers: int, texts: int) -> None:
    per_row = numbers * _BYTES_PER_VALUE + texts * _BYTES_PER_TEXT
    needed = _COPIES * training_set.rows * per_row / _MIB
    budget = context.config.project.memory_budget_mib
    if needed > budget:
        detail = f"{training_set.rows} rows of {numbers} numbers and {texts} texts need about {needed:.0f} MiB"
        raise BudgetError(
            f"training set {training_set.training_set_id}",
            [Failure("memory", f"{detail}, declared are {budget}")],
            "raise memory_budget_mib in project.yml, use fewer features, or declare split.train: N days",
        )

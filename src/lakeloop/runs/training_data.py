"""The training read: the one place where rows come to the driver, after an estimate of their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.errors import AccountingError, BudgetError, Failure
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.engine import choose_engine, held_columns, types_of
from lakeloop.runs.training_set import TrainingSet, training_rows
from lakeloop.tables import read_arrow
from lakeloop.training.fitting import LabelledRows

_COPIES = 3
"""Arrow, pandas and the fitted preprocessing's output hold the rows at once."""


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

    def rows(self, name: str) -> LabelledRows:
        """Give the rows of a part of the split, as a fit takes them.

        Args:
            name: The part: train, gap, validation or holdout.

        Returns:
            Its inputs and labels.
        """
        return self.cut(self.part(name))

    def cut(self, chosen: NDArray[np.bool_]) -> LabelledRows:
        """Give some rows, as a fit takes them.

        Args:
            chosen: Truth per row, shape [n_rows].

        Returns:
            Their inputs and labels.
        """
        return LabelledRows(self.frame[chosen], self.label[chosen])


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
        AccountingError: If the stored rows are not as many as were pinned.

    >>> from lakeloop.runs.training_set import find_training_set
    >>> read_training_data(context, context.config.models["late"], find_training_set(context, "late")).frame.shape
    (741, 8)
    """
    inputs = input_columns(context.config, model)
    logged = [name for name in model_columns(context.config, model) if name not in inputs]
    names = ["prediction_id", "prediction_ts", "label", "block_date", "_split"]
    table = _read(context, model, training_set, [*names, *inputs, *logged])
    if table.num_rows != training_set.rows:
        raise AccountingError(
            f"training set {training_set.training_set_id}",
            [Failure("rows", f"{training_set.rows} were pinned, {table.num_rows} are stored")],
            "put training_sets back as it was, or pin a new set at a later as_of",
        )
    seconds = as_model_input(table["prediction_ts"])
    typed = [as_model_input(table[name]) for name in inputs]
    table = table.append_column("_seconds", seconds)
    for name, values in zip(inputs, typed, strict=True):
        table = table.set_column(table.schema.get_field_index(name), name, values)
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


def _read(context: Context, model: Model, training_set: TrainingSet, columns: Sequence[str]) -> pa.Table:
    """Read columns of a training set, each once: from its files where they lie on a path, else by Spark."""
    lake, set_id = context.lake, training_set.training_set_id
    address, wanted = lake.address("training_sets", model.model), list(dict.fromkeys(columns))
    what = f"training set {set_id}"
    held = held_columns(what, training_set.rows, types_of(lake.columns(address)), wanted, _COPIES)
    budget = context.config.project.memory_budget_mib
    if held.mib is None or held.mib > budget:
        detail = f"{held.rows} rows of {held.numbers} numbers and {held.texts} texts need about {held.mib} MiB"
        raise BudgetError(
            what,
            [Failure("memory", f"{detail}, declared are {budget}")],
            "raise memory_budget_mib in project.yml, use fewer features, or declare split.train: N days",
        )
    if choose_engine(context, what, [held]) is Engine.LOCAL:
        return read_arrow(lake, address, context.as_of, wanted, by="as_of", equal={"training_set_id": set_id})
    found: pa.Table = training_rows(context, address, set_id).select(*wanted).toArrow()  # bounded: refused above
    return found

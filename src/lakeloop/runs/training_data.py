"""The training read: the one place where rows come to the driver, after an estimate of their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql.types import DataType

from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.config.tree import Config
from lakeloop.errors import AccountingError, Failure
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.distributed_fit import check_can_spread, spread_fit
from lakeloop.runs.engine import Held, choose_engine, held_columns, types_of
from lakeloop.runs.training_read import RowsByDay, TrainingRead, declared_fraction, plan_read
from lakeloop.runs.training_set import TrainingSet, training_rows
from lakeloop.tables import count_rows_by, read_arrow
from lakeloop.training.fitting import FitElsewhere, LabelledRows
from lakeloop.training.sampling import Sample
from lakeloop.training.split import TRAIN

_NAMES = ("prediction_id", "prediction_ts", "label", "block_date", "_split")
_COPIES = 3
"""Arrow, pandas and the fitted preprocessing's output hold the rows at once."""


@dataclass(frozen=True)
class TrainingData:
    """The rows of a training set in memory, sorted by id.

    Attributes:
        training_set: The training set.
        frame: Model inputs, one row per spine row that was read.
        logged: On-demand columns as they were logged in the training set, for the reference.
        label: Labels, shape [n_rows].
        split: Part of the split, shape [n_rows].
        days: Blocks, datetime64[D], shape [n_rows].
        prediction_seconds: `prediction_ts` as seconds since the epoch, shape [n_rows].
        weight: Values of the column that `estimator.weight` names, shape [n_rows]; None without one.
        sampled: Rows of the sample, in every part; all without one, shape [n_rows]. Of the training part only these
            are here.
        sampling: What is recorded of the sample and of a fit on Spark; nothing where all rows are here.
        fit_elsewhere: Fits an estimator on all training rows where they are; None where they are here.

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
    sampled: NDArray[np.bool_]
    weight: NDArray[Any] | None = None
    sampling: Mapping[str, float | int] = field(default_factory=dict)
    fit_elsewhere: FitElsewhere | None = None

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
            Its inputs and labels, the instants of its predictions, and the weights where a column holds them.
        """
        rows = self.cut(self.part(name))
        return replace(rows, fit_elsewhere=self.fit_elsewhere) if name == TRAIN else rows

    def cut(self, chosen: NDArray[np.bool_]) -> LabelledRows:
        """Give some rows, as a fit takes them.

        Args:
            chosen: Truth per row, shape [n_rows].

        Returns:
            Their inputs and labels, the instants of their predictions, and the weights where a column holds them.
        """
        weight = None if self.weight is None else self.weight[chosen]
        return LabelledRows(
            self.frame[chosen], self.label[chosen], weight, self.days[chosen], self.prediction_seconds[chosen]
        )


def read_training_data(
    context: Context, model: Model, training_set: TrainingSet, *, to_fit: bool = True, seed: int | None = None
) -> TrainingData:
    """Read a training set into memory.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        training_set: The training set.
        to_fit: Whether an estimator will be fitted on it; only then a distributed fit is made ready.
        seed: Seed of the sample; the project's without it.

    Returns:
        Its rows, sorted by `prediction_id`.

    Raises:
        BudgetError: If the estimate exceeds the project's memory budget.
        AccountingError: If the stored rows are not as many as were pinned.
        UsageError: If a distributed fit is declared that this session or this machine cannot do.

    >>> from lakeloop.runs.training_set import find_training_set
    >>> read_training_data(context, context.config.models["late"], find_training_set(context, "late")).frame.shape
    (741, 8)
    """
    if model.estimator.distributed and to_fit:
        check_can_spread(context)
    chosen_seed = context.config.project.seed if seed is None else seed
    plan, table = _read(context, model, training_set, chosen_seed)
    data = arrange_rows(context.config, model, training_set, table)
    if plan is not None:
        ids = table["prediction_id"].sort().to_pylist()  # as the rows are
        sampled = np.array([plan.sample.holds(each) for each in ids], dtype=np.bool_)
        sampling = _recorded(model, plan, int(data.part(TRAIN).sum()))
        fit = None
        if model.estimator.distributed and to_fit:
            address = context.lake.address("training_sets", model.model)
            rows = training_rows(context, address, training_set.training_set_id)
            fraction = declared_fraction(model.split, plan.of.get(TRAIN, 0))
            fit = spread_fit(rows, input_columns(context.config, model), Sample(fraction, plan.sample.seed), model.task)
            sampling |= {"distributed_rows": fit.rows, "distributed_workers": fit.workers}
        data = replace(data, sampled=sampled, sampling=sampling, fit_elsewhere=fit)
    return data


def _wanted(config: Config, model: Model) -> tuple[list[str], list[str]]:
    """Name the model's inputs, and the on-demand columns that are none of them."""
    inputs = list(input_columns(config, model))
    return inputs, [name for name in model_columns(config, model) if name not in inputs]


def _read_columns(config: Config, model: Model) -> list[str]:
    """Name the columns that a training reads, each once."""
    inputs, logged = _wanted(config, model)
    return list(dict.fromkeys([*_NAMES, *inputs, *logged]))


def hold_training(config: Config, model: Model, what: str, rows: int, types: Mapping[str, DataType]) -> Held:
    """Estimate what the rows of a training set need in this process, of the columns that a training reads.

    Args:
        config: The project.
        model: The model's declaration.
        what: What the rows are, for people.
        rows: Number of rows.
        types: Column -> type.

    Returns:
        The estimate.

    >>> hold_training(shops, shops.models["late"], "a set", 1_000_000, {}).mib  # every column taken for a number
    297
    """
    return held_columns(what, rows, types, _read_columns(config, model), _COPIES)


def arrange_rows(config: Config, model: Model, training_set: TrainingSet, table: pa.Table) -> TrainingData:
    """Arrange the rows of a training set as a fit takes them.

    Args:
        config: The project.
        model: The model's declaration.
        training_set: The training set.
        table: All of its rows, in any order.

    Returns:
        The rows, sorted by `prediction_id`.

    >>> from lakeloop.runs.training_set import find_training_set
    >>> pinned, address = find_training_set(context, "late"), context.lake.address("training_sets", "late")
    >>> rows = training_rows(context, address, pinned.training_set_id).toArrow()
    >>> arrange_rows(context.config, context.config.models["late"], pinned, rows).frame.shape
    (741, 8)
    """
    inputs, logged = _wanted(config, model)
    table = table.select(_read_columns(config, model))
    seconds = as_model_input(table["prediction_ts"])
    typed = [as_model_input(table[name]) for name in inputs]
    table = table.append_column("_seconds", seconds)
    for name, values in zip(inputs, typed, strict=True):
        table = table.set_column(table.schema.get_field_index(name), name, values)
    table = table.sort_by([("prediction_id", "ascending"), ("_seconds", "ascending")])

    def column(name: str) -> NDArray[Any]:
        return np.asarray(table.column(name).to_numpy())

    weighs = None if model.estimator.row_weight is None else model.estimator.row_weight.model_column
    return TrainingData(
        training_set,
        table.select(list(inputs)).to_pandas(),  # bounded: of rows that are here already
        table.select(logged).to_pandas(),  # bounded: of rows that are here already
        column("label").astype(np.float64),
        column("_split").astype(np.str_),
        column("block_date").astype("datetime64[D]"),
        column("_seconds").astype(np.float64),
        np.ones(table.num_rows, dtype=np.bool_),
        None if weighs is None else column(weighs),
    )


def _recorded(model: Model, plan: TrainingRead, taken: int) -> dict[str, float | int]:
    """Tell what is recorded of a sample: of the rows trained on, or of those that the preprocessing is fitted on."""
    of, kind = plan.of.get(TRAIN, 0), "preprocessing" if model.estimator.distributed else "sample"
    if taken == of and kind == "sample":
        return {}
    return {
        f"{kind}_fraction": plan.sample.fraction,
        f"{kind}_seed": plan.sample.seed,
        f"{kind}_rows": taken,
        "train_rows": of,
    }


def _read(context: Context, model: Model, training_set: TrainingSet, seed: int) -> tuple[TrainingRead | None, pa.Table]:
    """Read columns of a training set, each once: from its files where they lie on a path, else by Spark."""
    lake, set_id = context.lake, training_set.training_set_id
    address, wanted = lake.address("training_sets", model.model), _read_columns(context.config, model)
    what = f"training set {set_id}"
    held = hold_training(context.config, model, what, training_set.rows, types_of(lake.columns(address)))
    plan = _plan(context, model, training_set, held, seed)
    if plan is not None:
        context.progress(f"train {model.model}: {plan.told}")
        held = replace(held, rows=sum(plan.rows.values()))
    if choose_engine(context, what, [held]) is Engine.LOCAL:
        where = None if plan is None else plan.on_arrow
        equal = {"training_set_id": set_id}
        found = read_arrow(lake, address, context.as_of, wanted, by="as_of", equal=equal, where=where)
    else:
        rows = training_rows(context, address, set_id)
        rows = rows if plan is None else rows.where(plan.on_spark)
        found = rows.select(*wanted).toArrow()  # bounded: refused above
    if plan is None:
        _account(training_set, found.num_rows)
    return plan, found


def _plan(context: Context, model: Model, training_set: TrainingSet, held: Held, seed: int) -> TrainingRead | None:
    """Plan the read of a part of the rows; None where all of them are read, and fit."""
    project = context.config.project
    is_distributed = model.estimator.distributed
    fits = held.mib is not None and held.mib <= project.memory_budget_mib
    if fits and model.split.sample is None and not is_distributed:
        return None
    counts = _rows_by_day(context, model, training_set)
    _account(training_set, sum(counts.values()))
    newest = max(day for _, day in counts)
    return plan_read(
        held.what,
        counts,
        model.split,
        seed=seed,
        reference_from=newest - timedelta(days=model.monitor.reference.days - 1),
        row_bytes=held.row_bytes,
        budget=project.memory_budget_mib,
        is_distributed=is_distributed,
    )


def _rows_by_day(context: Context, model: Model, training_set: TrainingSet) -> RowsByDay:
    """Count the rows by part and day; of the rows nothing else is read."""
    lake, set_id = context.lake, training_set.training_set_id
    address, keys = lake.address("training_sets", model.model), ["_split", "block_date"]
    if context.config.project.engine is not Engine.SPARK and not address.in_catalog:
        equal = {"training_set_id": set_id}
        return count_rows_by(lake, address, context.as_of, keys, by="as_of", equal=equal)
    counts = training_rows(context, address, set_id).groupBy(*keys).count().collect()  # bounded: a row per day
    return {(row[0], row[1]): row[2] for row in counts}


def _account(training_set: TrainingSet, stored: int) -> None:
    if stored != training_set.rows:
        raise AccountingError(
            f"training set {training_set.training_set_id}",
            [Failure("rows", f"{training_set.rows} were pinned, {stored} are stored")],
            "put training_sets back as it was, or pin a new set at a later as_of",
        )

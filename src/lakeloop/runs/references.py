"""What scored rows will be compared with: profiles that are frozen with a version, as documents of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.columns import model_columns
from lakeloop.config.model import Model
from lakeloop.discovery.private import private_columns
from lakeloop.drift.bins import ColumnBins, propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
from lakeloop.drift.merged_profiles import WHOLE, merge_profiles
from lakeloop.drift.reference import CLASS_COLUMN, SCORE_COLUMN, Reference, build_reference
from lakeloop.drift.slicing import Slicing, make_slicings
from lakeloop.drift.targets import TargetDay
from lakeloop.runs.context import Context
from lakeloop.runs.training_data import TrainingData
from lakeloop.training.classes import ClassScores
from lakeloop.training.split import HOLDOUT

REFERENCE_FILE, PREDICTION_REFERENCE_FILE = "reference.json", "prediction_reference.json"


def make_reference(context: Context, model: Model, data: TrainingData) -> Reference:
    """Freeze what the features of scored rows will be compared with.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.

    Returns:
        Bins and counts per day of every model column over the last `monitor.reference` of the set; labels per day.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> reference = make_reference(context, model, data)
    >>> [(each.name, each.kind) for each in reference.bins[:2]]
    [('shop', 'category'), ('items', 'number')]
    """
    columns = model_columns(context.config, model)
    first = data.days.max() - np.timedelta64(model.monitor.reference.days - 1, "D")
    values = {
        name: pa.Array.from_pandas(data.frame[name] if name in data.frame else data.logged[name]) for name in columns
    }
    rows = (data.days >= first) & data.sampled  # every day thinned alike, so that none counts more than another
    table = pa.table({"day": pa.array(data.days), **values}).filter(pa.array(rows))
    frozen = freeze_reference(model, table, data.label[rows], data.training_set.data_through)
    told = [each for each in frozen.bins if each.name not in private_columns(context.config, model)]
    return add_slices(frozen, make_slicings(model.monitor.slices, told), table)


def make_prediction_reference(model: Model, data: TrainingData, scores: NDArray[np.float64]) -> Reference:
    """Freeze what scores will be compared with.

    Args:
        model: The model's declaration.
        data: The training set.
        scores: The chosen pipeline's scores of the holdout rows, in their order.

    Returns:
        Bins and counts per day of the score over the holdout, which no candidate has seen; its labels per day. Of
        several classes the score is that of the predicted one, which is counted too.

    >>> model = context.config.models["late"]
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> make_prediction_reference(model, data, np.linspace(0, 1, 112)).bins[0].name
    'score'
    """
    holdout, classes = data.part(HOLDOUT), model.label.classes
    answers = {SCORE_COLUMN: scores}
    if classes:
        told = ClassScores(scores)
        answers = {SCORE_COLUMN: told.confidence, CLASS_COLUMN: np.asarray(classes, dtype=object)[told.predicted]}
    table = pa.table({"day": data.days[holdout], **answers})
    return freeze_reference(model, table, data.label[holdout], data.training_set.data_through)


def freeze_reference(model: Model, table: pa.Table, label: NDArray[np.float64], trained_through: datetime) -> Reference:
    """Freeze bins and counts per day.

    Args:
        model: The model's declaration.
        table: Rows with `day` and the columns to be compared.
        label: Their labels.
        trained_through: Greatest `available_ts` that touched the version.

    Returns:
        The reference.

    >>> from datetime import UTC
    >>> days = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")
    >>> rows = pa.table({"day": days, "score": [0.25, 0.75]})
    >>> model, labels = context.config.models["late"], np.array([0.0, 1.0])
    >>> freeze_reference(model, rows, labels, datetime(2024, 1, 3, tzinfo=UTC)).target_rate
    0.5
    """
    classes = model.label.classes
    bins = propose_bins(table, [name for name in table.column_names if name != "day"], model.monitor.bins)
    if classes:  # one that was not predicted yet is no unknown text
        of_classes = ColumnBins(CLASS_COLUMN, "category", categories=classes)
        bins = tuple(of_classes if each.name == CLASS_COLUMN else each for each in bins)
    days = table["day"].to_numpy().astype("datetime64[D]")
    targets = [_target_day(day.astype("datetime64[D]").item(), label[days == day], classes) for day in np.unique(days)]
    return build_reference(
        count_bins(table, bins, "day"),
        bins,
        model=model.model,
        task=model.task,
        trained_through=trained_through,
        targets=targets,
    )


def add_slices(reference: Reference, slicings: Sequence[Slicing], table: pa.Table) -> Reference:
    """Freeze what slices will be compared with.

    Args:
        reference: Bins and counts of all rows.
        slicings: How the rows are sliced.
        table: The same rows, with `day` and the columns.

    Returns:
        The reference with rows per slice, column and bin.

    >>> from datetime import UTC
    >>> from lakeloop.config.metric import Task
    >>> origin = ColumnBins("origin", "category", categories=("EWR", "JFK"))
    >>> empty = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 3, tzinfo=UTC), (origin,), (), {}, {})
    >>> rows = pa.table({"day": [date(2024, 1, 1)] * 3, "origin": ["EWR", "JFK", "JFK"]})
    >>> found = add_slices(empty, [Slicing("origin", origin)], rows)
    >>> {key: counts["origin"].tolist() for key, counts in found.slices.items()}
    {('origin', 'EWR'): [1, 0, 0, 0], ('origin', 'JFK'): [0, 2, 0, 0]}
    """
    if not slicings:
        return reference
    plan = ProfilePlan(reference.bins, "UTC", "day", slicings=tuple(slicings), sketches=False)
    profiler = DailyProfiler(plan)
    profiler.add(table.set_column(table.column_names.index("day"), "day", table["day"].cast(pa.timestamp("us", "UTC"))))
    slices: dict[tuple[str, str], dict[str, NDArray[np.int64]]] = {}
    for row in merge_profiles(profiler.profiles(), WHOLE).to_pylist():
        if row["slice_key"] is not None:
            of_slice = slices.setdefault((row["slice_key"], row["slice_value"]), {})
            of_slice[row["column_name"]] = np.array(row["bins"], dtype=np.int64)
    return replace(reference, slicings=tuple(slicings), slices=slices)


def _target_day(day: date, label: NDArray[np.float64], classes: Sequence[str]) -> TargetDay:
    if not classes:
        return TargetDay(day, len(label), float(label.sum()))
    counted = np.bincount(label.astype(np.int64), minlength=len(classes))
    return TargetDay(day, len(label), 0.0, tuple(counted.tolist()))

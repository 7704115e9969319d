"""The rows of a training set: closed spine rows with labels, gold as known at their instants, parts of the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import CONFLICT, KNOWN_TS
from lakeloop.point_in_time.lookup import STATUS_SUFFIX, Rows
from lakeloop.runs.context import Context
from lakeloop.runs.engine import choose_engine
from lakeloop.runs.model_inputs import GoldInput, add_in_process, add_on_spark, held_by_join
from lakeloop.runs.spine import spine_as_of, spine_columns
from lakeloop.runs.truth import read_truth, refuse_conflicts
from lakeloop.statuses import LabelStatus
from lakeloop.tables import count_logged_rows
from lakeloop.training.purging import DayOfLabels, assert_enough_left, find_looking_ahead
from lakeloop.training.split import GAP, assign_split

_JUDGED = ("void_reason", KNOWN_TS, CONFLICT)
"""What was judged of a label and is no column of a training set."""


@dataclass(frozen=True)
class BuiltRows(Generic[Rows]):
    """The rows of a training set, before they are written or after they were made again.

    Attributes:
        rows: One row per matured spine row; a frame of the engine that made it.
        split_of: Closed day -> part of the split.
        matured: Rows there are to be.
        void: Closed spine rows without a label.
        conflicts: Closed spine rows of which rows of the label's source disagree.
        purged: Days left out between the parts because their labels look into the next part.
    """

    rows: Rows
    split_of: dict[date, str]
    matured: int
    void: int
    conflicts: int = 0
    purged: tuple[date, ...] = ()


def build_rows(
    context: Context, model: Model, set_id: str, inputs: Sequence[GoldInput], versions: Mapping[str, int]
) -> tuple[BuiltRows[DataFrame] | BuiltRows[pa.Table], StructType]:
    """Build the rows of a training set by the engine that suits the sizes; nothing is written.

    Args:
        context: Project, lake and the logical now of the set.
        model: The model's declaration.
        set_id: The training set.
        inputs: The model's gold tables, each with the version to read.
        versions: Bronze table of the spine and of the label -> Delta version to read.

    Returns:
        The rows, and their columns as Spark's types.

    Raises:
        NotReadyError: If too few days are closed.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> model, lake = context.config.models["late"], context.lake
    >>> versions = {each: lake.version(lake.address("bronze", each)) for each in ("orders", "deliveries")}
    >>> built, columns = build_rows(context, model, "set-1", gold_inputs(context, model), versions)
    >>> built.matured, columns.fieldNames()[:2]
    (741, ['training_set_id', 'prediction_id'])
    """
    lake, bronze = context.lake, context.lake.address("bronze", model.predict.from_)
    columns = spine_columns(context, model)

    def engine_for(asked: int | None) -> Engine:
        held = held_by_join(context, model, inputs, columns, asked)
        return choose_engine(context, f"training set of model {model.model}", held)

    if model.predict.every is None:
        engine = engine_for(count_logged_rows(lake, bronze))
    else:  # to count a grid is a query: it is asked only where the rest would fit
        engine = engine_for(0)
        engine = engine_for(spine_as_of(context, model).count()) if engine is Engine.LOCAL else engine
    if engine is Engine.SPARK:
        by_spark = build_on_spark(context, model, set_id, inputs, versions)
        return by_spark, by_spark.rows.schema
    in_process = build_in_process(context, model, set_id, inputs, versions)
    return in_process, from_arrow_schema(in_process.rows.schema)


def build_on_spark(
    context: Context, model: Model, set_id: str, inputs: Sequence[GoldInput], versions: Mapping[str, int]
) -> BuiltRows[DataFrame]:
    """Make the rows of a training set from given versions of its inputs, by Spark.

    Args:
        context: Project, lake and the logical now of the set.
        model: The model's declaration.
        set_id: The training set.
        inputs: The model's gold tables, each with the version to read.
        versions: Bronze table of the spine and of the label -> Delta version to read.

    Returns:
        Its rows; nothing is written.

    Raises:
        NotReadyError: If too few days are closed.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> model, lake = context.config.models["late"], context.lake
    >>> versions = {each: lake.version(lake.address("bronze", each)) for each in ("orders", "deliveries")}
    >>> built = build_on_spark(context, model, "set-1", gold_inputs(context, model), versions)
    >>> built.matured, built.void, sorted(set(built.split_of.values()))
    (741, 51, ['gap', 'holdout', 'train', 'validation'])
    """
    closed = _closed_spine(context, model, versions)
    counted = closed.groupBy("block_date", "label_status").agg(
        F.count(F.lit(1)).alias("rows"),
        F.sum(F.col(CONFLICT).cast("long")).alias("conflicts"),
        F.min("prediction_ts").alias("first_ts"),
        F.max("prediction_ts").alias("last_ts"),
    )
    days = counted.toArrow().to_pylist()  # bounded: two rows per day
    split = _split(context, model, [DayOfLabels(**each) for each in days])
    usable = closed.where(F.col("label_status") == LabelStatus.MATURED.value).drop(*_JUDGED)
    rows = add_on_spark(context, model, usable, inputs)
    calendar = context.spark.createDataFrame(list(split.part_of.items()), "block_date date, _split string")
    rows = rows.join(F.broadcast(calendar), "block_date").withColumns(
        {"training_set_id": F.lit(set_id), "as_of": F.lit(context.as_of)}
    )
    return _built(rows.select(*_order(context, model, rows.columns)), split)


def build_in_process(
    context: Context, model: Model, set_id: str, inputs: Sequence[GoldInput], versions: Mapping[str, int]
) -> BuiltRows[pa.Table]:
    """Make the rows of a training set in this process; spine and labels, which are users' expressions, come from Spark.

    Args:
        context: Project, lake and the logical now of the set.
        model: The model's declaration.
        set_id: The training set.
        inputs: The model's gold tables, each with the version to read.
        versions: Bronze table of the spine and of the label -> Delta version to read.

    Returns:
        The rows that `build_on_spark` makes; nothing is written.

    Raises:
        NotReadyError: If too few days are closed.

    >>> from lakeloop.runs.model_inputs import gold_inputs
    >>> model, lake = context.config.models["late"], context.lake
    >>> versions = {each: lake.version(lake.address("bronze", each)) for each in ("orders", "deliveries")}
    >>> build_in_process(context, model, "set-1", gold_inputs(context, model), versions).rows.num_rows
    741
    """
    closed: pa.Table = _closed_spine(context, model, versions).toArrow()  # bounded: the engine was chosen by size
    aggregated = [([], "count_all"), (CONFLICT, "sum"), ("prediction_ts", "min"), ("prediction_ts", "max")]
    counts = closed.group_by(["block_date", "label_status"]).aggregate(aggregated)
    counts = counts.rename_columns(["block_date", "label_status", "rows", "conflicts", "first_ts", "last_ts"])
    split = _split(context, model, [DayOfLabels(**each) for each in counts.to_pylist()])
    usable = closed.filter(pc.equal(closed["label_status"], LabelStatus.MATURED.value)).drop_columns([*_JUDGED])
    rows = add_in_process(context, model, usable, inputs)
    parts = pa.array([split.part_of[day] for day in rows["block_date"].to_pylist()], pa.string())
    as_of = pa.scalar(context.as_of, pa.timestamp("us", "UTC"))
    rows = rows.append_column("_split", parts)
    rows = rows.append_column("training_set_id", pa.repeat(set_id, rows.num_rows))
    rows = rows.append_column("as_of", pa.repeat(as_of, rows.num_rows))
    return _built(rows.select(_order(context, model, rows.column_names)), split)


def _closed_spine(context: Context, model: Model, versions: Mapping[str, int]) -> DataFrame:
    label = model.label
    spine = spine_as_of(context, model, version=versions[model.predict.from_])
    truth = read_truth(context, model, version=versions[label.from_])
    labelled = attach_labels(spine, truth, model.predict, label, context.as_of)
    return labelled.where(F.col("label_status") != LabelStatus.PENDING.value)


@dataclass(frozen=True)
class _Split:
    """The split by day, and what was counted for it."""

    part_of: dict[date, str]
    purged: tuple[date, ...]
    matured: int
    void: int
    conflicts: int


def _split(context: Context, model: Model, counted: Sequence[DayOfLabels]) -> _Split:
    """Split the days that have matured rows."""
    conflicts = sum(each.conflicts for each in counted)
    refuse_conflicts(model.model, model.label, conflicts)
    rows = {status: sum(each.rows for each in counted if each.label_status == status) for status in LabelStatus}
    days = sorted(each.block_date for each in counted if each.label_status == LabelStatus.MATURED)
    last = last_closed_day(context.as_of, model.label.closes)
    if model.label.reach and days:  # a day is closed by the calendar before its rows have looked as far as they look
        last = min(last, days[-1])
    parts = assign_split(np.array(days, dtype="datetime64[D]"), model.split, last)
    part_of = dict(zip(days, parts.tolist(), strict=True))
    purged = find_looking_ahead(part_of, counted, model.label.reach)
    part_of |= dict.fromkeys(purged, GAP)
    assert_enough_left(part_of, purged, calibrates=model.split.calibration is not None)
    return _Split(part_of, purged, rows[LabelStatus.MATURED], rows[LabelStatus.VOID], conflicts)


def _built(rows: Rows, split: _Split) -> BuiltRows[Rows]:
    return BuiltRows(rows, split.part_of, split.matured, split.void, split.conflicts, split.purged)


def _order(context: Context, model: Model, names: Sequence[str]) -> list[str]:
    return list(
        dict.fromkeys(
            (
                *(field.name for field in schemas.TRAINING_COLUMNS),
                *model.predict.id,
                *model_columns(context.config, model),
                *input_columns(context.config, model),
                *(name for name in names if name.endswith(STATUS_SUFFIX)),
            )
        )
    )

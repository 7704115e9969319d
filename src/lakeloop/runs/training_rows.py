"""The rows of a training set: closed spine rows with labels, gold as known at their instants, parts of the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.columns import input_columns, model_columns
from lakeloop.config.model import Model
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import attach_labels
from lakeloop.point_in_time.lookup import STATUS_SUFFIX, Rows
from lakeloop.quality.versions import newest_versions
from lakeloop.runs.context import Context
from lakeloop.runs.model_inputs import GoldInput, add_in_process, add_on_spark
from lakeloop.runs.spine import spine_as_of
from lakeloop.statuses import LabelStatus
from lakeloop.training.split import assign_split


@dataclass(frozen=True)
class BuiltRows(Generic[Rows]):
    """The rows of a training set, before they are written or after they were made again.

    Attributes:
        rows: One row per matured spine row; a frame of the engine that made it.
        split_of: Closed day -> part of the split.
        matured: Rows there are to be.
        void: Closed spine rows without a label.
    """

    rows: Rows
    split_of: dict[date, str]
    matured: int
    void: int


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
    counts = closed.groupBy("block_date", "label_status").count().collect()  # bounded: two rows per day
    split_of, matured, void = _split(context, model, ((row[0], row[1], row[2]) for row in counts))
    usable = closed.where(F.col("label_status") == LabelStatus.MATURED.value).drop("void_reason")
    rows = add_on_spark(context, model, usable, inputs)
    calendar = context.spark.createDataFrame(list(split_of.items()), "block_date date, _split string")
    rows = rows.join(F.broadcast(calendar), "block_date").withColumns(
        {"training_set_id": F.lit(set_id), "as_of": F.lit(context.as_of)}
    )
    return BuiltRows(rows.select(*_order(context, model, rows.columns)), split_of, matured, void)


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
    counts = closed.group_by(["block_date", "label_status"]).aggregate([([], "count_all")]).to_pylist()
    cells = ((row["block_date"], row["label_status"], row["count_all"]) for row in counts)
    split_of, matured, void = _split(context, model, cells)
    usable = closed.filter(pc.equal(closed["label_status"], LabelStatus.MATURED.value)).drop_columns(["void_reason"])
    rows = add_in_process(context, model, usable, inputs)
    parts = pa.array([split_of[day] for day in rows["block_date"].to_pylist()], pa.string())
    as_of = pa.scalar(context.as_of, pa.timestamp("us", "UTC"))
    rows = rows.append_column("_split", parts)
    rows = rows.append_column("training_set_id", pa.repeat(set_id, rows.num_rows))
    rows = rows.append_column("as_of", pa.repeat(as_of, rows.num_rows))
    return BuiltRows(rows.select(_order(context, model, rows.column_names)), split_of, matured, void)


def _closed_spine(context: Context, model: Model, versions: Mapping[str, int]) -> DataFrame:
    lake, label = context.lake, model.label
    spine = spine_as_of(context, model, version=versions[model.predict.from_])
    truth = lake.read(lake.address("bronze", label.from_), context.as_of, version=versions[label.from_])
    truth = newest_versions(truth, context.config.sources[label.from_])
    labelled = attach_labels(spine, truth, model.predict, label, context.as_of)
    return labelled.where(F.col("label_status") != LabelStatus.PENDING.value)


def _split(context: Context, model: Model, counts: Iterable[tuple[date, str, int]]) -> tuple[dict[date, str], int, int]:
    """Give the split by day, and the numbers of matured and of void rows, from rows by day and label status."""
    rows = {status: {} for status in LabelStatus}  # type: dict[LabelStatus, dict[date, int]]
    for day, status, count in counts:
        rows[LabelStatus(status)][day] = count
    matured = rows[LabelStatus.MATURED]
    days = sorted(matured)
    parts = assign_split(
        np.array(days, dtype="datetime64[D]"), model.split, last_closed_day(context.as_of, model.label.closes)
    )
    split_of = dict(zip(days, parts.tolist(), strict=True))
    return split_of, sum(matured.values()), sum(rows[LabelStatus.VOID].values())


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

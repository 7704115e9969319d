"""What a recalibration is fitted on: the champion's recorded scores of recent closed days, with what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.columns import input_columns
from lakeloop.config.model import Model
from lakeloop.errors import BudgetError, Failure, NotReadyError
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import CONFLICT
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.content import Content, read_content
from lakeloop.runs.context import Context
from lakeloop.runs.engine import held_columns, types_of
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.truth import read_truth, refuse_conflicts
from lakeloop.statuses import LabelStatus, Purpose

_COPIES = 3
_EXAMPLE_ROWS = 5
_HASHED = ("prediction_id", "score", "label", "label_available_ts")


@dataclass(frozen=True)
class ScoredRows:
    """Scored rows of closed days, sorted by id.

    Attributes:
        scores: Scores of the version that served, shape [n_rows].
        label: What came true, shape [n_rows].
        days: Closed day, datetime64[D], shape [n_rows].
        slices: Slice column of the gate -> its values, each of shape [n_rows].
        content: Rows, hash of ids, scores and labels, and the greatest `available_ts` of a label.
        delta_version: Delta version of the prediction table they were read from.
    """

    scores: NDArray[np.float64]
    label: NDArray[np.float64]
    days: NDArray[np.datetime64]
    slices: Mapping[str, NDArray[Any]]
    content: Content
    delta_version: int


def read_scored_rows(context: Context, model: Model, champion: Promotion) -> ScoredRows:
    """Read the scores that a version gave while it served, on the last closed days of the declared window.

    Rows come to the driver as those of a training do: their bytes are estimated first.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        champion: The version that serves.

    Returns:
        Its rows that have a label; backtests are left out.

    Raises:
        NotReadyError: If there are none.
        BudgetError: If the estimate exceeds the project's memory budget.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> first, model = read_promotions(context, "late")[0], context.config.models["late"]
    >>> rows = read_scored_rows(context, model, first)
    >>> rows.scores.size, str(rows.days.min()), str(rows.days.max())
    (209, '2024-01-24', '2024-02-02')
    """
    lake, name = context.lake, model.model
    address = lake.address("predictions", name)
    version = lake.version(address) if lake.exists(address) else None
    labelled = None if version is None else _labelled(context, model, champion, version)
    content = None if labelled is None else read_content(labelled.select(*_HASHED))
    if labelled is None or version is None or content is None or not content.rows:
        found = Failure("predictions", f"none of version {champion.version} on closed days with a label")
        raise NotReadyError(f"model {name}", [found], "let it score, and wait until its days close")
    wanted = [*_HASHED, "block_date", *model.gate.slices]
    held = held_columns("scored rows", content.rows, types_of(labelled.schema), wanted, _COPIES)
    budget = context.config.project.memory_budget_mib
    if held.mib is None or held.mib > budget:
        found = Failure("memory", f"{content.rows} scored rows need about {held.mib} MiB, declared are {budget}")
        raise BudgetError(f"model {name}", [found], "declare a shorter decide.recalibrate.window, or raise the budget")
    table: pa.Table = labelled.select(*dict.fromkeys(wanted)).toArrow()  # bounded: refused above
    table = table.sort_by("prediction_id")
    return ScoredRows(
        np.asarray(table["score"].to_numpy(), dtype=np.float64),
        np.asarray(table["label"].to_numpy(), dtype=np.float64),
        np.asarray(table["block_date"].to_numpy()).astype("datetime64[D]"),
        {column: np.array(table[column].to_pylist(), dtype=object) for column in model.gate.slices},
        content,
        version,
    )


def read_example(context: Context, model: Model) -> pd.DataFrame:
    """Read a few rows of a model's inputs as they were scored, for a signature.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration; it has predictions.

    Returns:
        At most five rows, the first by id.

    >>> read_example(context, context.config.models["late"]).shape
    (5, 8)
    """
    address, inputs = context.lake.address("predictions", model.model), input_columns(context.config, model)
    scored = context.lake.read(address, context.as_of, by="as_of").orderBy("prediction_id").limit(_EXAMPLE_ROWS)
    table: pa.Table = scored.select(*inputs).toArrow()  # bounded: a few rows
    rows: pd.DataFrame = pa.table({name: as_model_input(table[name]) for name in inputs}).to_pandas()  # bounded: a few
    return rows


def _labelled(context: Context, model: Model, champion: Promotion, version: int) -> DataFrame:
    label, last = model.label, last_closed_day(context.as_of, model.label.closes)
    first = last - model.decide.recalibrate.window + timedelta(days=1)
    scored = context.lake.read(
        context.lake.address("predictions", model.model), context.as_of, by="as_of", version=version
    ).where((F.col("model_version") == champion.version) & (F.col("purpose") == Purpose.PRODUCTION.value))
    names = dict.fromkeys(
        ("prediction_id", "prediction_ts", "score", *model.predict.id, *label.on, label.closes.of, *model.gate.slices)
    )
    labelled = attach_labels(scored.select(*names), read_truth(context, model), model.predict, label, context.as_of)
    if not (label.is_by_id and label.conflict is None):  # by id without a policy rows cannot disagree
        refuse_conflicts(model.model, label, labelled.where(CONFLICT).count())
    return labelled.where(
        (F.col("label_status") == LabelStatus.MATURED.value)
        & (F.col("block_date") >= F.lit(first))
        & (F.col("block_date") <= F.lit(last))
    )

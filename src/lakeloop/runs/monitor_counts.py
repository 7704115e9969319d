"""The monitor's counts of outcomes, made by Spark: scored rows by day, score bin and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.estimated_performance import SCORES_SCHEMA
from lakeloop.drift.label_counts import DELAY_QUANTILES
from lakeloop.labels.closing import attach_labels, local_date
from lakeloop.labels.found import CONFLICT, KNOWN_TS
from lakeloop.runs.context import Context
from lakeloop.runs.truth import read_truth, refuse_conflicts
from lakeloop.runs.windows import MonitorWindow
from lakeloop.schemas import CLASS_SCORES, PREDICTED_CLASS
from lakeloop.statuses import LabelStatus

SCORE_BINS = 200
CLASS = "class"
"""Column of cells of several classes: the place of the one that came true."""

_BLOCK = "block"
_CLIP = 1e-15


@dataclass(frozen=True)
class Outcomes:
    """What became of scored rows.

    Attributes:
        cells: Rows of `OUTCOMES_SCHEMA` (local days of `prediction_ts`), of matured labels. Of several classes there is
            one per class that came true, whose place is the column `class`.
        void: Day and number of its closed rows without a label.
        pending: Day and number of its rows that are not closed.
        never: Day and number of those among them that never close: they lack the instant it is counted from.
        scores: All scored rows whatever became of them, as `SCORES_SCHEMA`; empty of a regression.
    """

    cells: pa.Table
    void: tuple[tuple[date, int], ...]
    pending: tuple[tuple[date, int], ...]
    never: tuple[tuple[date, int], ...]
    scores: pa.Table


def count_outcomes(
    context: Context, model: Model, predictions: DataFrame, target_rate: float, shares: Sequence[float] = ()
) -> Outcomes:
    """Count scored rows by day, score and what became of them.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        predictions: Rows of a prediction table.
        target_rate: The reference's mean label: the constant prediction to compare with.
        shares: Of several classes the reference's share of each in its place, in the declared order.

    Returns:
        The counts.

    Raises:
        DataContractError: If rows of the label's source disagree, and no policy says what counts.

    >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
    >>> found = count_outcomes(context, context.config.models["late"], predictions, target_rate=0.6)
    >>> sum(found.cells["rows"].to_pylist()), sum(rows for _, rows in found.void)
    (209, 11)
    >>> sum(found.scores["rows"].to_pylist()) == 209 + 11 + sum(rows for _, rows in found.pending)
    True
    """
    label = model.label
    labelled = _labelled(context, model, predictions)
    score, y = F.col("score"), F.col("label")
    score_bin = F.least(F.floor(score * SCORE_BINS), F.lit(SCORE_BINS - 1)).cast("int")
    squared = (score - y) * (score - y)
    grouped = [_BLOCK, "label_status", "score_bin", "label"]
    if model.task is Task.MULTICLASS:
        labelled, loss, baseline, squared = _of_classes(labelled, label.classes, shares)
        grouped.append(CLASS)
    elif model.task is Task.CLASSIFICATION:
        loss, baseline = _log_loss(score, y), _log_loss(F.lit(target_rate), y)
    else:
        score_bin = F.when(F.col("label_status") == LabelStatus.MATURED.value, F.lit(0))
        grouped = [_BLOCK, "label_status", "score_bin"]
        loss, baseline = F.abs(score - y), F.abs(F.lit(target_rate) - y)
    cells = labelled.withColumns({"score_bin": score_bin, "_loss": loss, "_baseline": baseline, "_squared": squared})
    sums = [
        F.count(F.lit(1)).alias("rows"),
        F.sum(F.col(CONFLICT).cast("long")).alias("conflicts"),
        F.sum(F.isnull(label.closes.of).cast("long")).alias("never"),
        F.sum("score").alias("sum_score"),
        F.sum("_loss").alias("sum_loss"),
        F.sum("_baseline").alias("sum_baseline_loss"),
        F.sum("_squared").alias("sum_squared_error"),
    ]
    if model.task is Task.REGRESSION:
        sums.append(F.avg("label").alias("label"))
    found: pa.Table = cells.groupBy(*grouped).agg(*sums).toArrow()  # bounded: days x score bins x labels and statuses
    refuse_conflicts(model.model, label, sum(found["conflicts"].to_pylist()))

    def of(status: LabelStatus) -> pa.Table:
        return found.filter(pc.equal(found["label_status"], status.value))

    def by_day(status: LabelStatus, counted: str = "rows") -> tuple[tuple[date, int], ...]:
        days = of(status).group_by(_BLOCK).aggregate([(counted, "sum")]).sort_by(_BLOCK)
        return tuple(zip(days[_BLOCK].to_pylist(), days[f"{counted}_sum"].to_pylist(), strict=True))

    scored = found.select(SCORES_SCHEMA.names) if model.task is not Task.REGRESSION else SCORES_SCHEMA.empty_table()
    return Outcomes(
        of(LabelStatus.MATURED).drop_columns(["label_status", "conflicts", "never"]),
        by_day(LabelStatus.VOID),
        by_day(LabelStatus.PENDING),
        by_day(LabelStatus.PENDING, "never"),
        scored.filter(pc.is_valid(scored["score_bin"])).cast(SCORES_SCHEMA),
    )


def measure_delays(
    context: Context, model: Model, predictions: DataFrame, windows: Sequence[MonitorWindow]
) -> dict[date, tuple[float, ...]]:
    """Measure how long labels took to be known, from the prediction on.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        predictions: Rows of a prediction table.
        windows: Windows of one length, whole lengths apart.

    Returns:
        First day of a window -> seconds at `DELAY_QUANTILES`, of its matured rows; no window without such rows. A
        quantile is the delay of a row; beyond ten thousand rows its rank may be off by one in ten thousand.

    >>> first, last = date(2024, 1, 25), date(2024, 1, 27)
    >>> window = MonitorWindow(first, last, context.as_of, context.as_of)
    >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
    >>> found = measure_delays(context, context.config.models["late"], predictions, [window])
    >>> [round(each / 3600, 1) for each in found[first]]  # some deliveries are told of 30 hours later
    [2.3, 2.6, 32.3]
    """
    first, days = windows[0].first_day, (windows[0].last_day - windows[0].first_day).days + 1
    matured = _labelled(context, model, predictions).where(F.col("label_status") == LabelStatus.MATURED.value)
    number = F.floor(F.datediff(_BLOCK, F.lit(first)) / F.lit(days)).cast("int")
    seconds = (F.unix_micros(KNOWN_TS) - F.unix_micros("prediction_ts")) / F.lit(1_000_000)
    quantiles = F.percentile_approx(seconds, list(DELAY_QUANTILES), 10_000)
    by_window = matured.groupBy(number.alias("number")).agg(quantiles.alias("delays"))
    found = by_window.collect()  # bounded: one row per window
    return {first + timedelta(days=days * row["number"]): tuple(row["delays"]) for row in found}


def _labelled(context: Context, model: Model, predictions: DataFrame) -> DataFrame:
    label = model.label
    of_classes = (PREDICTED_CLASS, CLASS_SCORES) if label.classes else ()
    names = dict.fromkeys(
        (*("prediction_id", "prediction_ts", "score"), *of_classes, *model.predict.id, *label.on, label.closes.of)
    )
    truth = read_truth(context, model)
    labelled = attach_labels(predictions.select(*names), truth, model.predict, label, context.as_of)
    return labelled.withColumn(_BLOCK, local_date(F.col("prediction_ts"), label.closes.timezone))


def _log_loss(score: Column, y: Column) -> Column:
    clipped = F.greatest(F.least(score, F.lit(1 - _CLIP)), F.lit(_CLIP))
    return -(y * F.log(clipped) + (1 - y) * F.log(1 - clipped))


def _of_classes(
    labelled: DataFrame, classes: Sequence[str], shares: Sequence[float]
) -> tuple[DataFrame, Column, Column, Column]:
    """Turn the place of the class that came true into whether it was predicted; give losses over whole rows."""
    place = F.col(CLASS)
    predicted = F.array_position(F.array(*(F.lit(name) for name in classes)), F.col(PREDICTED_CLASS)) - 1
    of_truth = F.element_at(CLASS_SCORES, place + 1)
    constant = F.element_at(F.array(*(F.lit(float(share)) for share in shares)), place + 1)
    squares = F.aggregate(CLASS_SCORES, F.lit(0.0), lambda total, each: total + each * each)
    made = {CLASS: F.col("label").cast("int"), "label": (predicted == F.col("label")).cast("double")}
    brier = (squares - of_truth * of_truth + (1 - of_truth) * (1 - of_truth)) / 2
    return labelled.withColumns(made), _surprise(of_truth), _surprise(constant), brier


def _surprise(probability: Column) -> Column:
    # Of no class there is none: greatest passes over null, and Spark takes an element of an array for one in any case.
    return F.when(F.col(CLASS).isNotNull(), -F.log(F.greatest(probability, F.lit(_CLIP))))

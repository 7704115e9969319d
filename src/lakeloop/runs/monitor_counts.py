"""The monitor's counts, made by Spark: scored rows by day and frozen bin; outcomes by day, score bin and label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA, count_bins
from lakeloop.drift.estimated_performance import SCORES_SCHEMA
from lakeloop.labels.closing import attach_labels, local_date
from lakeloop.quality.versions import newest_versions
from lakeloop.runs.context import Context
from lakeloop.statuses import LabelStatus

SCORE_BINS = 200
_BLOCK = "block"
_CLIP = 1e-15


def count_predictions(predictions: DataFrame, bins: Sequence[ColumnBins], timezone: str) -> pa.Table:
    """Count scored rows by local day and frozen bin.

    Args:
        predictions: Rows of a prediction table.
        bins: The reference's bins.
        timezone: Zone of the days.

    Returns:
        Rows of `COUNTS_SCHEMA`, one per non-empty cell: days x columns x bins at most, whatever the number of rows.

    >>> scored = spark.createDataFrame(
    ...     [("2024-02-01 09:00", "A"), ("2024-02-01 23:30", "B")], "prediction_ts string, shop string"
    ... ).withColumn("prediction_ts", F.col("prediction_ts").cast("timestamp"))
    >>> shops = [ColumnBins("shop", "category", categories=("A", "B"))]
    >>> cells = count_predictions(scored, shops, "Europe/Berlin").sort_by("bin").to_pylist()
    >>> [(str(cell["block"]), cell["bin"], cell["rows"]) for cell in cells]
    [('2024-02-01', 0, 1), ('2024-02-02', 1, 1)]
    """
    present = [each for each in bins if each.name in predictions.columns]
    rows = predictions.select(
        local_date(F.col("prediction_ts"), timezone).alias(_BLOCK), *(each.name for each in present)
    )

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from count_bins(batch, present, _BLOCK).to_batches()

    cells = rows.mapInArrow(count, from_arrow_schema(COUNTS_SCHEMA))
    summed = cells.groupBy("block", "column", "bin").agg(F.sum("rows").alias("rows"), F.sum("total").alias("total"))
    found: pa.Table = summed.toArrow()  # bounded: days x columns x bins
    return found.select(COUNTS_SCHEMA.names).cast(COUNTS_SCHEMA)


class OutcomeCounts(NamedTuple):
    """Scored rows by day.

    Attributes:
        closed: Rows of `OUTCOMES_SCHEMA`: those of closed days that have a label.
        void: Day and rows of closed days that have none.
        scores: Of a classification, all scored rows whatever became of them, as `SCORES_SCHEMA`; else empty.
        open: Day and rows of days that are not closed.
    """

    closed: pa.Table
    void: list[tuple[object, int]]
    scores: pa.Table
    open: list[tuple[object, int]]


def count_outcomes(context: Context, model: Model, predictions: DataFrame, target_rate: float) -> OutcomeCounts:
    """Count scored rows by day, score and what became of them.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        predictions: Rows of a prediction table.
        target_rate: The reference's mean label: the constant prediction to compare with.

    Returns:
        Counts by local day of `prediction_ts`; outcomes of closed days only.

    >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
    >>> found = count_outcomes(context, context.config.models["late"], predictions, target_rate=0.6)
    >>> sum(found.closed["rows"].to_pylist()), sum(rows for _, rows in found.void)
    (209, 11)
    >>> sum(found.scores["rows"].to_pylist()) == 209 + 11 + sum(rows for _, rows in found.open)
    True
    """
    label = model.label
    truth = context.lake.read(context.lake.address("bronze", label.from_), context.as_of)
    truth = newest_versions(truth, context.config.sources[label.from_])
    names = dict.fromkeys(("prediction_id", "prediction_ts", "score", *model.predict.id, label.closes.of))
    labelled = attach_labels(predictions.select(*names), truth, model.predict, label, context.as_of).withColumn(
        _BLOCK, local_date(F.col("prediction_ts"), label.closes.timezone)
    )
    score, y = F.col("score"), F.col("label")
    if model.task is Task.CLASSIFICATION:
        score_bin = F.least(F.floor(score * SCORE_BINS), F.lit(SCORE_BINS - 1)).cast("int")
        grouped = [_BLOCK, "label_status", "score_bin", "label"]
        loss, baseline = _log_loss(score, y), _log_loss(F.lit(target_rate), y)
        outcome = y
    else:
        score_bin = F.when(F.col("label_status") == LabelStatus.MATURED.value, F.lit(0))
        grouped = [_BLOCK, "label_status", "score_bin"]
        loss, baseline = F.abs(score - y), F.abs(F.lit(target_rate) - y)
        outcome = F.avg("label").alias("label")
    cells = labelled.withColumns(
        {"score_bin": score_bin, "_loss": loss, "_baseline": baseline, "_squared": (score - y) * (score - y)}
    )
    sums = [
        F.count(F.lit(1)).alias("rows"),
        F.sum("score").alias("sum_score"),
        F.sum("_loss").alias("sum_loss"),
        F.sum("_baseline").alias("sum_baseline_loss"),
        F.sum("_squared").alias("sum_squared_error"),
    ]
    if model.task is Task.REGRESSION:
        sums.append(outcome)
    found: pa.Table = cells.groupBy(*grouped).agg(*sums).toArrow()  # bounded: days x score bins x labels and statuses

    def of(status: LabelStatus) -> pa.Table:
        return found.filter(pc.equal(found["label_status"], status.value))

    def days_of(table: pa.Table) -> list[tuple[object, int]]:
        days = table.group_by(_BLOCK).aggregate([("rows", "sum")]).sort_by(_BLOCK)
        return list(zip(days[_BLOCK].to_pylist(), days["rows_sum"].to_pylist(), strict=True))

    scored = found.select(SCORES_SCHEMA.names) if model.task is Task.CLASSIFICATION else SCORES_SCHEMA.empty_table()
    return OutcomeCounts(
        of(LabelStatus.MATURED).drop_columns(["label_status"]),
        days_of(of(LabelStatus.VOID)),
        scored.filter(pc.is_valid(scored["score_bin"])).cast(SCORES_SCHEMA),
        days_of(of(LabelStatus.PENDING)),
    )


def _log_loss(score: Column, y: Column) -> Column:
    clipped = F.greatest(F.least(score, F.lit(1 - _CLIP)), F.lit(_CLIP))
    return -(y * F.log(clipped) + (1 - y) * F.log(1 - clipped))

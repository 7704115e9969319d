"""The monitor's counts, made by Spark: scored rows by day and frozen bin; outcomes by day, score bin and label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA, count_bins
from lakeloop.labels.closing import attach_labels, local_date
from lakeloop.runs.context import Context
from lakeloop.runs.truth import read_truth
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


def count_outcomes(
    context: Context, model: Model, predictions: DataFrame, target_rate: float
) -> tuple[pa.Table, list[tuple[object, int]]]:
    """Count the outcomes of scored rows whose day is closed.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        predictions: Rows of a prediction table.
        target_rate: The reference's mean label: the constant prediction to compare with.

    Returns:
        Rows of `OUTCOMES_SCHEMA` (local days of `prediction_ts`), and void rows per day.

    >>> predictions = context.lake.read_uncut(context.lake.address("predictions", "late"))
    >>> cells, void = count_outcomes(context, context.config.models["late"], predictions, target_rate=0.6)
    >>> sum(cells["rows"].to_pylist()), sum(rows for _, rows in void)
    (209, 11)
    """
    label = model.label
    truth = read_truth(context, model)
    names = dict.fromkeys(("prediction_id", "prediction_ts", "score", *model.predict.id, *label.on, label.closes.of))
    labelled = attach_labels(predictions.select(*names), truth, model.predict, label, context.as_of)
    closed = labelled.where(F.col("label_status") != LabelStatus.PENDING.value).withColumn(
        _BLOCK, local_date(F.col("prediction_ts"), label.closes.timezone)
    )
    score, y = F.col("score"), F.col("label")
    if model.task is Task.CLASSIFICATION:
        score_bin = F.least(F.floor(score * SCORE_BINS), F.lit(SCORE_BINS - 1)).cast("int")
        grouped = [_BLOCK, "label_status", "score_bin", "label"]
        loss, baseline = _log_loss(score, y), _log_loss(F.lit(target_rate), y)
        outcome = y
    else:
        score_bin = F.lit(0)
        grouped = [_BLOCK, "label_status", "score_bin"]
        loss, baseline = F.abs(score - y), F.abs(F.lit(target_rate) - y)
        outcome = F.avg("label").alias("label")
    cells = closed.withColumns(
        {
            "score_bin": F.when(F.col("label_status") == LabelStatus.MATURED.value, score_bin),
            "_loss": loss,
            "_baseline": baseline,
            "_squared": (score - y) * (score - y),
        }
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
    found: pa.Table = cells.groupBy(*grouped).agg(*sums).toArrow()  # bounded: days x score bins x labels
    matured = found.filter(pa.compute.equal(found["label_status"], LabelStatus.MATURED.value))
    void = found.filter(pa.compute.equal(found["label_status"], LabelStatus.VOID.value))
    void_rows = list(zip(void["block"].to_pylist(), void["rows"].to_pylist(), strict=True))
    return matured.drop_columns(["label_status"]), void_rows


def _log_loss(score: Column, y: Column) -> Column:
    clipped = F.greatest(F.least(score, F.lit(1 - _CLIP)), F.lit(_CLIP))
    return -(y * F.log(clipped) + (1 - y) * F.log(1 - clipped))

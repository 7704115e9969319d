"""Labels by id: what became of this very row."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.label import Label
from lakeloop.config.predict import Predict
from lakeloop.labels.found import CHANGED_TS, CONFLICT, FOUND, KNOWN_TS, REASON, judge_truth, settle, void_reason
from lakeloop.with_columns import with_columns


def find_by_id(spine: DataFrame, truth: DataFrame, predict: Predict, label: Label) -> DataFrame:
    """Find the truth of every spine row by its id.

    Args:
        spine: Spine rows with the id columns.
        truth: Rows of the label's source; at most one per id unless a policy for conflicts is declared.
        predict: The declaration of the spine.
        label: The declaration of the label.

    Returns:
        The spine's rows with the columns `FOUND`. A row without truth is judged by the conditions of `void`, with every
        column of the truth null.

    >>> predict = Predict.model_validate({"from": "orders", "id": ["order"], "at": "due_ts", "known": []})
    >>> label = Label.model_validate({
    ...     "from": "deliveries", "as": "delay > 10", "void": {"lost": "delay is null"},
    ...     "closes": {"of": "due_ts", "at": "06:00", "timezone": "UTC"}})
    >>> spine = spark.sql("select id as order from range(1, 3)")
    >>> truth = spark.sql("select 1L as order, timestamp'2013-05-01 13:00:00Z' as available_ts, 25d as delay")
    >>> found = find_by_id(spine, truth, predict, label).orderBy("order")
    >>> [(row["_label"], row["_reason"]) for row in found.collect()]
    [(1.0, None), (None, 'lost')]
    """
    judged = truth.select(*predict.id, "available_ts", *judge_truth(label))
    if label.conflict is None:  # the source's key is in the id
        judged = judged.withColumnRenamed("available_ts", KNOWN_TS).withColumn(CONFLICT, F.lit(False))
    else:
        judged = settle(judged, predict.id, label.conflict)
    judged = judged.withColumn("_has_truth", F.lit(True))
    nothing = truth.sparkSession.range(1).select(
        *(F.lit(None).cast(field.dataType).alias(field.name) for field in truth.schema.fields)
    )
    unknown = nothing.select(void_reason(label).alias("_unknown"))
    rows = spine.join(judged, list(predict.id), "left").crossJoin(F.broadcast(unknown))
    reason = F.when(F.col("_has_truth").isNull(), F.col("_unknown")).otherwise(F.col(REASON))
    made = {
        REASON: reason,
        CHANGED_TS: F.lit(None).cast("timestamp"),
        CONFLICT: F.coalesce(CONFLICT, F.lit(False)),
    }
    return with_columns(rows, made).select(*spine.columns, *FOUND)

"""Labels: a period closes at a declared wall-clock time; what is unknown then is void, what is known counts."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.label import Closes, Label
from lakeloop.config.predict import Predict
from lakeloop.statuses import LabelStatus

_DAY_MICROS = 86_400_000_000


def local_date(instant: Column, timezone: str) -> Column:
    """Give the calendar date of an instant in a zone, whatever the session's time zone.

    Args:
        instant: Timestamp column.
        timezone: IANA name of the zone.

    Returns:
        A date column.

    >>> rows = spark.sql("select timestamp'2013-05-01 03:00:00Z' as at")  # the evening before in New York
    >>> rows.select(local_date(rows["at"], "America/New_York").cast("string")).first()[0]
    '2013-04-30'
    """
    days = F.floor(F.unix_micros(F.from_utc_timestamp(instant, timezone)) / F.lit(_DAY_MICROS)).cast("int")
    return F.date_add(F.lit("1970-01-01").cast("date"), days)


def closing_instant(closes: Closes) -> Column:
    """Give the instant at which a row's period closes.

    Args:
        closes: The declaration; `of` is a column of the frame the result is used on.

    Returns:
        A timestamp column.

    >>> closes = Closes.model_validate({"of": "due_ts", "at": "06:00 next day", "timezone": "UTC"})
    >>> rows = spark.sql("select timestamp'2013-05-01 23:00:00Z' as due_ts")
    >>> rows.select(closing_instant(closes).cast("string")).first()[0]
    '2013-05-02 06:00:00'
    """
    date = local_date(F.col(closes.of), closes.timezone)
    days = F.unix_date(date).cast("long") + (1 if closes.at.next_day else 0)
    seconds = closes.at.at.hour * 3600 + closes.at.at.minute * 60
    return F.to_utc_timestamp(F.timestamp_seconds(days * 86_400 + seconds), closes.timezone)


def attach_labels(spine: DataFrame, truth: DataFrame, predict: Predict, label: Label, as_of: datetime) -> DataFrame:
    """Give every spine row its label as known at an instant.

    Args:
        spine: Spine rows with the id columns and the column `label.closes.of`.
        truth: Bronze rows of the label's source that were available at `as_of`; at most one per id.
        predict: The declaration of the spine.
        label: The declaration of the label.
        as_of: The logical now.

    Returns:
        The spine's rows with `label` (double; null unless MATURED), `label_status` (PENDING until the period closes),
        `void_reason`, `label_available_ts` (closing, or later when the truth came later) and `block_date` (the period's
        local date).

    >>> from datetime import UTC
    >>> predict = Predict.model_validate({"from": "orders", "id": ["order"], "at": "due_ts", "known": []})
    >>> label = Label.model_validate({
    ...     "from": "deliveries", "as": "delay > 10", "void": {"lost": "delay is null"},
    ...     "closes": {"of": "due_ts", "at": "06:00 next day", "timezone": "UTC"}})
    >>> spine = spark.sql("select id as order, timestamp'2013-05-01 12:00:00Z' as due_ts from range(1, 3)")
    >>> truth = spark.sql("select 1L as order, timestamp'2013-05-01 13:00:00Z' as available_ts, 25d as delay")
    >>> labelled = attach_labels(spine, truth, predict, label, datetime(2013, 5, 3, tzinfo=UTC))
    >>> labelled.select("order", "label", "label_status", "void_reason", "block_date").orderBy("order").show()
    +-----+-----+------------+-----------+----------+
    |order|label|label_status|void_reason|block_date|
    +-----+-----+------------+-----------+----------+
    |    1|  1.0|     MATURED|       NULL|2013-05-01|
    |    2| NULL|        VOID|       lost|2013-05-01|
    +-----+-----+------------+-----------+----------+
    <BLANKLINE>
    """
    outcome = [
        F.expr(label.as_).cast("double").alias("_label"),
        F.col("available_ts").alias("_truth_ts"),
        *(
            F.coalesce(F.expr(condition), F.lit(False)).alias(f"_void_{reason}")
            for reason, condition in label.void.items()
        ),
    ]
    judged = truth.select(*predict.id, F.lit(True).alias("_has_truth"), *outcome)
    # A row without truth is judged by the same conditions, with every column of the truth null.
    nothing = truth.sparkSession.range(1).select(
        *(F.lit(None).cast(field.dataType).alias(field.name) for field in truth.schema.fields)
    )
    unknown = nothing.select(
        F.array_compact(
            F.array(
                *(
                    F.when(F.coalesce(F.expr(condition), F.lit(False)), reason)
                    for reason, condition in label.void.items()
                ),
                F.lit(None).cast("string"),
            )
        ).alias("_unknown_reasons")
    )
    rows = spine.join(judged, list(predict.id), "left").crossJoin(F.broadcast(unknown))
    reason = F.coalesce(
        F.when(F.col("_has_truth").isNull(), F.get("_unknown_reasons", F.lit(0))),
        *(F.when(F.col(f"_void_{name}"), F.lit(name)) for name in label.void),
        F.when(F.col("_label").isNull(), F.lit("unknown")),
    )
    closes_ts = closing_instant(label.closes)
    closed = closes_ts <= F.lit(as_of)
    status = (
        F.when(~closed, LabelStatus.PENDING.value)
        .when(F.col("_reason").isNotNull(), LabelStatus.VOID.value)
        .otherwise(LabelStatus.MATURED.value)
    )
    labelled = rows.withColumn("_reason", reason).withColumn("label_status", status)
    return labelled.select(
        *spine.columns,
        F.when(F.col("label_status") == LabelStatus.MATURED.value, F.col("_label")).alias("label"),
        "label_status",
        F.when(F.col("label_status") == LabelStatus.VOID.value, F.col("_reason")).alias("void_reason"),
        F.greatest(closes_ts, F.coalesce("_truth_ts", closes_ts)).alias("label_available_ts"),
        local_date(F.col(label.closes.of), label.closes.timezone).alias("block_date"),
    )

"""Labels: a period closes at a declared wall-clock time; what is unknown then is void, what is known counts."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.label import Closes, Label
from lakeloop.config.predict import Predict
from lakeloop.labels.by_event import find_events
from lakeloop.labels.by_id import find_by_id
from lakeloop.labels.by_time import find_later
from lakeloop.labels.found import CHANGED_TS, CONFLICT, KNOWN_TS, LABEL, REASON, micros
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
    days = F.unix_date(date).cast("long") + closes.days_later
    seconds = closes.at.at.hour * 3600 + closes.at.at.minute * 60
    return F.to_utc_timestamp(F.timestamp_seconds(days * 86_400 + seconds), closes.timezone)


def final_instant(label: Label) -> Column:
    """Give the instant from which a row's label is final: its period is closed, and the row looks ahead no more.

    Args:
        label: The declaration; `closes.of` and, where the label looks ahead, `prediction_ts` are columns of the frame
            the result is used on.

    Returns:
        A timestamp column.

    >>> label = Label.model_validate({
    ...     "from": "sales", "within": "2 days", "on": ["shop"],
    ...     "closes": {"of": "due_ts", "at": "06:00 next day", "timezone": "UTC"}})
    >>> rows = spark.sql(
    ...     "select timestamp'2013-05-01 23:00:00Z' as due_ts, timestamp'2013-05-01 21:00:00Z' as prediction_ts")
    >>> rows.select(final_instant(label).cast("string")).first()[0]  # the day closes before two days are over
    '2013-05-03 21:00:00'
    """
    closes_ts = closing_instant(label.closes)
    if not label.reach:
        return closes_ts
    over = F.timestamp_micros(F.unix_micros("prediction_ts") + F.lit(micros(label.reach)))
    return F.greatest(closes_ts, over)


def attach_labels(spine: DataFrame, truth: DataFrame, predict: Predict, label: Label, as_of: datetime) -> DataFrame:
    """Give every spine row its label as known at an instant.

    Args:
        spine: Spine rows with the id columns and the column `label.closes.of`; of a label that looks ahead with
            `prediction_ts` and the columns `label.on`.
        truth: Bronze rows of the label's source that were available at `as_of`. By id the newest version of each key;
            otherwise with `superseded_ts` where the source has versions.
        predict: The declaration of the spine.
        label: The declaration of the label.
        as_of: The logical now.

    Returns:
        The spine's rows with `label` (double; null unless MATURED), `label_status` (PENDING until the period closes,
        and while the row still looks ahead), `void_reason`, `label_available_ts` (closing, or later when the truth
        came later), `block_date` (the period's local date), `_known_ts` (when the truth came, which may be before
        closing; null unless MATURED) and `_conflict` (whether rows of the truth disagree on a closed row).

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
    if label.is_by_id:
        found = find_by_id(spine, truth, predict, label)
    else:
        found = find_later(spine, truth, label) if label.after is not None else find_events(spine, truth, label)
    final_ts = final_instant(label)
    # Without its instant a row never closes.
    closed = F.coalesce((final_ts <= F.lit(as_of)) & F.col(label.closes.of).isNotNull(), F.lit(False))
    reason = F.coalesce(REASON, F.when(F.isnull(LABEL), F.lit("unknown")))
    status = (
        F.when(~closed, LabelStatus.PENDING.value)
        .when(F.col("_why").isNotNull(), LabelStatus.VOID.value)
        .otherwise(LabelStatus.MATURED.value)
    )
    labelled = found.withColumn("_why", reason).withColumn("label_status", status)
    known_ts = F.greatest(F.coalesce(KNOWN_TS, final_ts), CHANGED_TS)  # passes over the null of what never changed
    matured = F.col("label_status") == LabelStatus.MATURED.value
    return labelled.select(
        *spine.columns,
        F.when(matured, F.col(LABEL)).alias("label"),
        "label_status",
        F.when(F.col("label_status") == LabelStatus.VOID.value, F.col("_why")).alias("void_reason"),
        F.greatest(final_ts, known_ts).alias("label_available_ts"),
        local_date(F.col(label.closes.of), label.closes.timezone).alias("block_date"),
        F.when(matured, known_ts).alias(KNOWN_TS),
        (closed & F.col(CONFLICT)).alias(CONFLICT),
    )

"""Rows of the monitoring tables that the report shows, few of each: of the newest windows and audits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.reporting.drift import FEATURE
from lakeloop.reporting.recorded import MAX_STRIP_WINDOWS, Row
from lakeloop.reporting.slices import NO_SLICES
from lakeloop.statuses import NotificationStatus, Status

MOST_MOVED = 60
"""Columns of slices that are read per model and statistic."""


def rows_of(frame: DataFrame) -> list[Row]:
    """Bring few rows to the driver, with aware instants in UTC (a Row would hold naive ones of the machine's zone).

    Args:
        frame: Ledgers, counts, and metrics of the last turns or windows.

    Returns:
        One mapping per row.

    >>> rows_of(spark.sql("select timestamp'2024-01-01 00:00:00+00:00' as at"))
    [{'at': datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)}]
    """
    table: Any = frame.toArrow()  # bounded: by what is asked for
    return [{name: _in_utc(value) for name, value in row.items()} for row in table.to_pylist()]


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {name: _in_utc(each) for name, each in value.items()}
    return value


def last_windows(metrics: DataFrame) -> DataFrame:
    """Keep each model's last windows over all rows; the evidence only of the few metrics that are not features.

    Args:
        metrics: Rows of `monitoring.drift_metrics`.

    Returns:
        The rows, with the share of missing values as `missing_share`, and the number behind the severity as
        `severity_score`.

    >>> columns = "model string, slice_key string, window struct<end:int>, kind string, evidence string"
    >>> row = ("late", None, (1,), "feature", '{"missing": {"share": 0.5}, "severity": {"score": 0.25}}')
    >>> (found,) = rows_of(last_windows(spark.createDataFrame([row], columns)))
    >>> found["missing_share"], found["severity_score"], found["evidence"]
    (0.5, 0.25, None)
    """
    newest_first = Window.partitionBy("model").orderBy(F.col("window.end").desc())
    ranked = metrics.where("slice_key is null").withColumn("_rank", F.dense_rank().over(newest_first))
    missing = F.get_json_object("evidence", "$.missing.share").cast("double")
    evidence = F.when(F.col("kind") != FEATURE, F.col("evidence"))
    score = F.get_json_object("evidence", "$.severity.score").cast("double")
    kept = ranked.where(F.col("_rank") <= MAX_STRIP_WINDOWS)
    kept = kept.withColumns({"missing_share": missing, "severity_score": score})
    return kept.withColumn("evidence", evidence).drop("_rank")


def last_audits(compared: DataFrame) -> DataFrame:
    """Keep what the last audit of each model's answers found.

    Args:
        compared: Rows of `monitoring.consistency`.

    Returns:
        The rows.

    >>> rows_of(last_audits(spark.createDataFrame([("late", 1), ("late", 2)], "model string, as_of int")))
    [{'model': 'late', 'as_of': 2}]
    """
    return _first(compared, F.col("as_of").desc())


def last_slices(measured: DataFrame) -> DataFrame:
    """Keep the slices of each model's newest window that has any, at its newest evaluation.

    Args:
        measured: Rows of `monitoring.performance`.

    Returns:
        The rows.

    >>> columns = "model string, slice_key string, window struct<end:int>, as_of int"
    >>> rows = [("late", key, (end,), 9) for key, end in (("origin", 1), ("origin", 2), ("score", 3), (None, 3))]
    >>> [(row["slice_key"], row["window"]["end"]) for row in rows_of(last_slices(spark.createDataFrame(rows, columns)))]
    [('origin', 2)]
    """
    return _first(measured.where(_is_slice()), F.col("window.end").desc(), F.col("as_of").desc())


def most_moved(metrics: DataFrame) -> DataFrame:
    """Keep what moved most within the slices of each model's newest window.

    Args:
        metrics: Rows of `monitoring.drift_metrics`.

    Returns:
        The rows, per model and statistic at most `MOST_MOVED`.

    >>> columns = "slice_value string, column_name string, statistic double, status string"
    >>> rows = spark.createDataFrame([("JFK", "hour", 0.5, "OK"), ("JFK", "gust", None, "TOO_FEW_ROWS")], columns)
    >>> same = ["'late' as model", "'origin' as slice_key", "named_struct('end', 1) as window", "9 as as_of"]
    >>> [row["column_name"] for row in rows_of(most_moved(rows.selectExpr("*", *same, "'psi' as test")))]
    ['hour']
    """
    told = metrics.where(_is_slice() & (F.col("status") == Status.OK.value))
    newest = _first(told, F.col("window.end").desc(), F.col("as_of").desc())
    by_size = Window.partitionBy("model", "test").orderBy(
        F.col("statistic").desc(), "slice_key", "slice_value", "column_name"
    )
    return newest.withColumn("_rank", F.row_number().over(by_size)).where(F.col("_rank") <= MOST_MOVED).drop("_rank")


def not_carried(steps: DataFrame) -> DataFrame:
    """Keep what became last of the messages of channels that did not carry all of theirs.

    Args:
        steps: Rows of `ops.notifications`.

    Returns:
        The last step of each message in a channel that has trouble with any of its messages.

    >>> columns = "channel string, notification_id string, status string, attempts int, as_of int"
    >>> steps = [("mail", "a", "FAILED", 1, 1), ("mail", "a", "SENT", 2, 2), ("chat", "a", "FAILED", 1, 1)]
    >>> [row["channel"] for row in rows_of(not_carried(spark.createDataFrame(steps, columns)))]
    ['chat']
    """
    last = Window.partitionBy("channel", "notification_id").orderBy(F.col("attempts").desc(), F.col("as_of").desc())
    newest = steps.withColumn("_rank", F.row_number().over(last)).where("_rank = 1")
    sent = F.col("status").isin(NotificationStatus.SENT.value, NotificationStatus.SKIPPED.value)
    trouble = newest.where(~sent).select("channel").distinct()
    return newest.join(trouble, "channel", "left_semi").select("channel", "notification_id", "status", "attempts")


def _is_slice() -> Column:
    return F.col("slice_key").isNotNull() & ~F.col("slice_key").isin(*NO_SLICES)


def _first(rows: DataFrame, *order: Column) -> DataFrame:
    """Keep, per model, the rows that come first together."""
    ranked = rows.withColumn("_rank", F.dense_rank().over(Window.partitionBy("model").orderBy(*order)))
    return ranked.where("_rank = 1").drop("_rank")

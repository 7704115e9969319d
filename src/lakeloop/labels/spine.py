"""The spine: rows to be trained on or scored, each with its id and its instant."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.grid import PERIOD_TS
from lakeloop.config.predict import Predict


def prediction_id(id_columns: Iterable[str]) -> Column:
    """Hash a spine row's id columns.

    Args:
        id_columns: Id columns; a null is told apart from a text, and one column from the next. Instants are to be
            given as numbers, because their text depends on the session's time zone.

    Returns:
        A text column of 32 hex digits.

    >>> spark.sql("select 7L as order").select(prediction_id(["order"])).first()[0]
    '8bcbace4a85bfd655264d50663d10000'
    """
    parts = F.struct(*id_columns)
    return F.substring(F.sha2(F.to_json(parts, {"ignoreNullFields": "false"}), 256), 1, 32)


def prediction_instant(predict: Predict) -> Column:
    """Give the instant of the prediction of a row.

    Args:
        predict: The declaration.

    Returns:
        A timestamp column. That of a grid is counted from `period_ts`: it depends on no session's time zone.

    >>> rows = spark.sql("select timestamp'2013-05-01 00:00:00Z' as period_ts")
    >>> predict = Predict.model_validate(
    ...     {"from": "shops", "every": "1 day", "id": ["shop", "period_ts"], "at": "period_ts + interval 2 hours"})
    >>> rows.select(prediction_instant(predict).cast("string")).first()[0]
    '2013-05-01 02:00:00'
    """
    if predict.every is None:
        return F.expr(predict.at).cast("timestamp")
    return F.timestamp_micros(F.unix_micros(PERIOD_TS) + F.lit(predict.offset // timedelta(microseconds=1)))


def make_spine(rows: DataFrame, predict: Predict, extra: Iterable[str] = ()) -> DataFrame:
    """Make the spine from the rows of its source, or of a grid.

    Args:
        rows: Bronze rows of the spine's source; of a grid what `lay_grid` gives.
        predict: The declaration.
        extra: Further columns that are needed: those that say when labels close, arguments of on-demand functions.

    Returns:
        `prediction_id`, `prediction_ts`, id columns, known columns and the extra ones; one row per row whose
        `available_ts` is not after its `prediction_ts`.

    >>> predict = Predict.model_validate(
    ...     {"from": "orders", "id": ["order"], "at": "due_ts - interval 2 hours", "known": ["shop"]})
    >>> orders = spark.sql(
    ...     "select 1L as order, 'A' as shop, timestamp'2013-05-01 12:00:00Z' as due_ts,"
    ...     " timestamp'2013-05-01 09:00:00Z' as available_ts"
    ...     " union all select 2L, 'B', timestamp'2013-05-01 12:00:00Z', timestamp'2013-05-01 11:00:00Z'")  # too late
    >>> make_spine(orders, predict).select("order", "shop", "prediction_ts").show()
    +-----+----+-------------------+
    |order|shop|      prediction_ts|
    +-----+----+-------------------+
    |    1|   A|2013-05-01 10:00:00|
    +-----+----+-------------------+
    <BLANKLINE>
    """
    names = dict.fromkeys((*predict.id, *predict.known, *extra))
    names.pop("prediction_ts", None)
    instants = {name for name, kind in rows.dtypes if kind == "timestamp"}
    hashed = rows.select("*", *(F.unix_micros(name).alias(f"_id_{name}") for name in predict.id if name in instants))
    parts = [f"_id_{name}" if name in instants else name for name in predict.id]
    spine = hashed.select(
        prediction_id(parts).alias("prediction_id"),
        prediction_instant(predict).alias("prediction_ts"),
        *names,
        "available_ts",
    )
    return spine.where(F.col("available_ts") <= F.col("prediction_ts")).drop("available_ts")

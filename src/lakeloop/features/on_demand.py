"""On-demand columns on Spark: the same NumPy functions that are the first step of the model's pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import DoubleType, StructField, StructType, TimestampType

from lakeloop.on_demand.calls import apply_calls, parse_call


def as_model_input(frame: DataFrame, name: str) -> Column:
    """Give a column the way models and on-demand functions take it.

    Args:
        frame: The frame.
        name: One of its columns.

    Returns:
        An instant as seconds since the epoch, UTC; a number or boolean as double; a text as it is. So nothing depends
        on a session's time zone, and missing is null in each.

    >>> rows = spark.sql("select timestamp'2013-05-01 00:00:01Z' as at, true as is_late, 'JFK' as origin")
    >>> rows.select(*(as_model_input(rows, name) for name in rows.columns)).first()
    Row(at=1367366401.0, is_late=1.0, origin='JFK')
    """
    kind = frame.schema[name].dataType
    if isinstance(kind, TimestampType):
        return (F.unix_micros(name) / F.lit(1_000_000.0)).alias(name)
    if kind.simpleString() == "string":
        return F.col(name)
    return F.col(name).cast("double").alias(name)


def add_on_demand(frame: DataFrame, calls: Mapping[str, str], timezone: str) -> DataFrame:
    """Add the on-demand columns.

    Args:
        frame: Rows with the columns the calls read.
        calls: Column -> call of a named function.
        timezone: Zone of the calls' wall clock.

    Returns:
        The rows with one double column per call.

    >>> rows = spark.sql("select timestamp'2013-05-01 12:00:00Z' as at")
    >>> add_on_demand(rows, {"hour_of_day": "hour(at)"}, "America/New_York").select("hour_of_day").first()
    Row(hour_of_day=8.0)
    """
    if not calls:
        return frame
    arguments = list(dict.fromkeys(name for call in calls.values() for name in parse_call(call).columns))
    declared = dict(calls)
    result = StructType([StructField(name, DoubleType()) for name in declared])

    def compute(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield apply_calls(declared, batch, timezone)

    udf = pandas_udf(compute, result)  # type: ignore[call-overload]  # an iterator of frames, told by its hints
    made = frame.withColumn("_on_demand", udf(F.struct(*(as_model_input(frame, name) for name in arguments))))
    return made.select(*frame.columns, *(F.col(f"_on_demand.{name}").alias(name) for name in declared))

"""Rows of a database, read by JDBC between two watermarks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lakeloop.config.read import Read
from lakeloop.errors import ConflictError, Failure
from lakeloop.quality.texts import text_of

_NUMBERS = (T.IntegralType, T.DecimalType)
_INSTANTS = (T.TimestampType, T.TimestampNTZType)
_EXACT = "a column of whole numbers or decimals, dates or instants"


def open_database(spark: SparkSession, read: Read) -> DataFrame:
    """Open a table or query; nothing is read yet but its columns.

    Args:
        spark: The session.
        read: What is declared.

    Returns:
        Its rows; names in lower case, as databases do not tell case apart. A timestamp without a zone is one here too.

    >>> import tempfile
    >>> url = f"jdbc:derby:{tempfile.mkdtemp()}/shop;create=true"
    >>> spark.sql("select 1 as ID").write.format("jdbc").options(url=url, dbtable="orders").save()
    >>> open_database(spark, Read(jdbc=url, table="orders", watermark="id")).columns
    ['id']
    """
    given: Mapping[str, str | None] = {
        "url": read.jdbc,
        "dbtable": read.table,
        "query": read.query,
        "user": read.user,
        "password": None if read.password is None else read.password.get_secret_value(),
    }
    options = {"preferTimestampNTZ": "true", **read.option_texts}
    options |= {name: each for name, each in given.items() if each is not None}
    rows = spark.read.format("jdbc").options(**options).load()
    return rows.toDF(*(name.lower() for name in rows.columns))


def cut_rows(rows: DataFrame, read: Read, after: str | None, through: str | None, *, overlap: bool = True) -> DataFrame:
    """Cut a fixed stretch out of the rows; the database does it where it can.

    Args:
        rows: Rows of `open_database`.
        read: What is declared.
        after: Rows with a watermark up to it are left out, less the declared overlap; None for none.
        through: Rows with a greater one are left out; None for none.
        overlap: Whether the overlap is read again.

    Returns:
        The rows between.

    Raises:
        ConflictError: If the watermark is not of a type that can be compared exactly, or the overlap does not fit it.

    >>> read = Read(jdbc="jdbc:derby:shop", table="orders", watermark="id", overlap=2)
    >>> rows = spark.range(10)
    >>> [row["id"] for row in cut_rows(rows, read, "5", "7").collect()]
    [4, 5, 6, 7]
    """
    if after is not None:
        rows = rows.where(_is_above(rows, read, after, overlap=overlap))
    return rows if through is None else rows.where(~_is_above(rows, read, through, overlap=False))


def measure_rows(rows: DataFrame, read: Read, after: str | None) -> DataFrame:
    """Measure what is there to be read, in one query.

    Args:
        rows: Rows of `open_database`.
        read: What is declared.
        after: Rows with a watermark up to it are left out, less the declared overlap; None for none.

    Returns:
        One row: `greatest` watermark as text, null when there is nothing; `rows` with one; `missing`, those without.

    >>> read = Read(jdbc="jdbc:derby:shop", table="orders", watermark="id")
    >>> measure_rows(spark.sql("select * from values (1), (5), (null) as t(id)"), read, "1").first()
    Row(greatest='5', rows=1, missing=1)
    """
    column, kind = _watermark(rows, read), rows.schema[(read.watermark or "").lower()].dataType
    if after is not None:
        rows = rows.where(column.isNull() | _is_above(rows, read, after, overlap=True))
    counts = [F.count(column).alias("rows"), F.count_if(column.isNull()).alias("missing")]
    return rows.agg(text_of(F.max(column), kind).alias("greatest"), *counts)


def _watermark(rows: DataFrame, read: Read) -> Column:
    name = (read.watermark or "").lower()
    if name not in rows.columns:
        raise _unfit(read, "is no column of what is read", "name one that is, or add it to the query")
    kind = rows.schema[name].dataType
    if not isinstance(kind, (*_NUMBERS, *_INSTANTS, T.DateType)):
        found = f"is of type {kind.simpleString()}, which has no exact order"
        raise _unfit(read, found, f"name {_EXACT}")
    if read.overlap is not None and isinstance(read.overlap, int) != isinstance(kind, _NUMBERS):
        found = f"is of type {kind.simpleString()}, which the overlap does not fit"
        raise _unfit(read, found, "write the overlap as a number for numbers, as a duration for dates and instants")
    return F.col(f"`{name}`")


def _is_above(rows: DataFrame, read: Read, text: str, *, overlap: bool) -> Column:
    """Compare with a watermark, which was cut to microseconds where the database compares what is finer."""
    column, bound = _watermark(rows, read), _bound(rows, read, text, overlap=overlap)
    if not isinstance(rows.schema[(read.watermark or "").lower()].dataType, _INSTANTS):
        return column > bound
    return column >= bound + F.expr("interval 1 microsecond")


def _bound(rows: DataFrame, read: Read, text: str, *, overlap: bool) -> Column:
    kind = rows.schema[(read.watermark or "").lower()].dataType
    bound = F.lit(text).cast(kind)
    if not overlap or read.overlap is None:
        return bound
    if isinstance(read.overlap, timedelta):
        if isinstance(kind, T.DateType):  # a part of a day is a day here: more is read again, never less
            return F.date_sub(bound, -(-read.overlap // timedelta(days=1)))
        seconds = F.lit(read.overlap.total_seconds()).cast("decimal(18,6)")
        return bound - F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), seconds)
    return (bound - F.lit(read.overlap)).cast(kind)


def _unfit(read: Read, found: str, remedy: str) -> ConflictError:
    return ConflictError("read.watermark", [Failure(read.watermark or "", found)], remedy)

"""From landed text to typed rows: a cast that fails is a reason, never a lost value or an aborted job."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.source import ColumnType, Source

SQL_TYPES: dict[ColumnType, str] = {
    ColumnType.STRING: "string",
    ColumnType.INTEGER: "int",
    ColumnType.LONG: "bigint",
    ColumnType.DOUBLE: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.LOCAL_TIMESTAMP: "timestamp",
}
"""Spark's name of each declared type, while a row is being judged."""

RAW = "_raw"
"""Struct of the landed text, kept beside the typed columns until the row is judged."""

# A time without a date would be read as today's, and Spark reads a zone only behind seconds.
_DATED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"
_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"
_NO_SECONDS = r"^(.{10}[T ]\d{2}:\d{2})(Z|[+-]\d{2}:?\d{2})$"


def cast_text(text: Column, to: ColumnType) -> Column:
    """Cast landed text to a declared type.

    Args:
        text: Text column.
        to: Declared type. An instant needs an offset or `Z`, whatever the session's time zone. A `local_timestamp`
            must not have one; it becomes the instant at which a clock in UTC shows that reading, which is what
            `to_utc_timestamp(column, zone)` expects, whatever the session's time zone.

    Returns:
        The value; null where the text is null or can't be read.
    """
    match to:
        case ColumnType.STRING:
            return text
        case ColumnType.TIMESTAMP:
            return F.when(text.rlike(_DATED) & text.rlike(_ZONE), _read_instant(text))
        case ColumnType.LOCAL_TIMESTAMP:
            return F.when(text.rlike(_DATED) & ~text.rlike(_ZONE), _read_instant(F.concat(text, F.lit("Z"))))
        case _:
            return F.trim(text).try_cast(SQL_TYPES[to])


def _read_instant(text: Column) -> Column:
    return F.regexp_replace(text, _NO_SECONDS, "$1:00$2").try_cast("timestamp")


def type_rows(staged: DataFrame, source: Source, ingest_as_of: datetime) -> DataFrame:
    """Type the staged rows and derive what is declared.

    Args:
        staged: One row per landed record, declared columns as text.
        source: The source's declaration.
        ingest_as_of: Logical now of the ingest. A row is available at the later of the declared expression and this
            instant, unless the declared instant lies in the trusted history.

    Returns:
        The staged rows with declared columns typed, derived columns, `event_ts`, `available_ts`, and the text in the
        struct `_raw`. What can't be typed or derived is null.
    """
    others = [name for name in staged.columns if name not in source.columns]
    rows = staged.select(
        F.struct(*(F.col(name) for name in source.columns)).alias(RAW),
        *(cast_text(F.col(name), declared.type).alias(name) for name, declared in source.columns.items()),
        *others,
    )
    for name, derived in source.derive.items():
        rows = rows.withColumn(name, F.expr(derived.as_).try_cast(SQL_TYPES[derived.type]))
    rows = rows.withColumn("event_ts", F.expr(source.event_ts).try_cast("timestamp"))
    declared_ts = F.expr(source.available_ts).try_cast("timestamp")
    observed_ts = F.greatest(declared_ts, F.lit(ingest_as_of))
    if source.history is not None:
        trusted = declared_ts <= F.lit(source.history.trusted_until)
        observed_ts = F.when(trusted, declared_ts).otherwise(observed_ts)
    return rows.withColumn("available_ts", F.when(declared_ts.isNotNull(), observed_ts))

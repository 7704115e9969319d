"""Typed columns as text, each value so that the declared type reads the same value again."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from lakeloop.config.source import Source
from lakeloop.quality.rules import UNKNOWN

MALFORMED = "_malformed"
"""Column with the text of a record that could not be taken apart."""

_PLAIN = (T.StringType, T.VarcharType, T.CharType, T.IntegralType, T.DecimalType, T.BooleanType, T.DateType, T.NullType)
_TIMES = (T.TimestampType, T.TimestampNTZType)
_FRACTIONS = (T.FloatType, T.DoubleType)


def list_no_values(rows: DataFrame, names: Sequence[str]) -> list[str]:
    """List the columns whose values are no single value that text can stand for.

    Args:
        rows: Any rows.
        names: Columns of them.

    Returns:
        Name and type of each; empty when all can be written as text.

    >>> list_no_values(spark.sql("select 1 as order, array(1, 2) as items"), ["order", "items"])
    ['items (array<int>)']
    """
    known = (*_PLAIN, *_TIMES, *_FRACTIONS, T.BinaryType)
    fields = [rows.schema[name] for name in names]
    return [f"{each.name} ({each.dataType.simpleString()})" for each in fields if not isinstance(each.dataType, known)]


def write_texts(rows: DataFrame, source: Source, known: Sequence[str], unknown: Sequence[str]) -> DataFrame:
    """Write rows as landed files are staged: declared columns as text, what is not declared beside them.

    Args:
        rows: Rows as they were read.
        source: The source's declaration.
        known: Declared columns they have; the others are null.
        unknown: Columns that are not declared and are kept.

    Returns:
        Declared columns as text: numbers in full, instants in UTC with `Z`, readings without a zone without one, bytes
        as the UTF-8 text they are. `_malformed` has the bytes of a row in which they are none, in base64, or what the
        rows say themselves. `_unknown` is there where columns that are not declared are kept.

    >>> declared = {"source": "orders", "read": {"delta": "/orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> rows = spark.sql("select 7L as order, 'red' as colour")
    >>> write_texts(rows, Source.model_validate(declared), ["order"], []).first()
    Row(order='7', _malformed=None)
    """
    kinds = {name: rows.schema[name].dataType for name in (*known, *unknown)}
    texts = {name: text_of(F.col(f"`{name}`"), kind) for name, kind in kinds.items()}
    no_texts = [F.col(f"`{name}`") for name, kind in kinds.items() if isinstance(kind, T.BinaryType)]
    broken = [F.when(~F.is_valid_utf8(each.cast("string")), F.base64(each)) for each in no_texts]
    said = [F.col(MALFORMED)] if MALFORMED in rows.columns else []
    columns = [texts.get(name, F.lit(None).cast("string")).alias(name) for name in source.columns]
    columns.append(F.coalesce(*said, *broken, F.lit(None).cast("string")).alias(MALFORMED))
    if source.origin.keeps_new_columns:
        pairs = [each for name in unknown for each in (F.lit(name), texts[name])]
        kept = F.create_map(*pairs) if pairs else F.lit(None)
        columns.append(kept.cast("map<string,string>").alias(UNKNOWN))
    return rows.select(*columns)


def text_of(value: Column, kind: T.DataType) -> Column:
    """Write one column as text, whatever the session's time zone.

    Args:
        value: The column.
        kind: Its type, one that `list_no_values` does not list.

    Returns:
        Its text; null where it is null, or bytes that are no UTF-8.

    >>> rows = spark.sql("select timestamp'2024-01-05 10:00:00.5Z' as at, timestamp_ntz'2024-01-05 10:00:00' as clock")
    >>> rows.select(*(text_of(F.col(each.name), each.dataType) for each in rows.schema)).first()[:]
    ('2024-01-05T10:00:00.5Z', '2024-01-05T10:00:00')
    """
    if isinstance(kind, _FRACTIONS):
        return value.cast("double").cast("string")
    if isinstance(kind, T.TimestampType):
        # Through a reading without a zone: the session's zone takes no part in it.
        seconds = (F.unix_micros(value).cast("decimal(20,0)") / F.lit(1_000_000).cast("decimal(7,0)")).cast(
            "decimal(18,6)"
        )
        since = F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), seconds)
        return F.concat(_reading(F.lit("1970-01-01T00:00:00").cast("timestamp_ntz") + since), F.lit("Z"))
    if isinstance(kind, T.TimestampNTZType):
        return _reading(value)
    if isinstance(kind, T.BinaryType):
        text = value.cast("string")
        return F.when(F.is_valid_utf8(text), text)
    return value.cast("string")


def _reading(value: Column) -> Column:
    return F.replace(value.cast("string"), F.lit(" "), F.lit("T"))

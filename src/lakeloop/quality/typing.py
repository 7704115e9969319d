"""From landed text to typed rows: a cast that fails is a reason, never a lost value or an aborted job."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.source import ColumnType, Source
from lakeloop.quality.attempts import attempt
from lakeloop.quality.marks import list_marks

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

_FIRST_US, _END_US = (
    int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000,
    (int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) + 86_400) * 1_000_000,
)

RAW = "_raw"
"""Struct of the landed text, kept beside the typed columns until the row is judged."""

UNCOMPUTED = "_uncomputed"
"""Names of the derived columns, `event_ts` and `available_ts` that can't be computed from the row."""

# A time without a date would be read as today's, and Spark reads a zone only behind seconds. There is no year 0, and
# with an offset the first and the last day of the calendar may lie outside it.
_NO_DAY = r"^(?!0000|(0001-01-01|9999-12-31).*[+-](?!00:?00$)\d{2}:?\d{2}$)"
_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"
_DATED = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"
# One expression each, from the beginning: one that may begin anywhere is tried at every character.
_INSTANT, _READING = rf"{_NO_DAY}{_DATED}.*{_ZONE}", rf"{_NO_DAY}(?!.*{_ZONE}){_DATED}"
# Spark alone would read "2013" as its first of January, and drop whatever stands behind a date.
_DATE = r"^(?!0000)\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?)?$"
# Java alone would read "1.5d" and "0x1p3", and 1e400 as infinity.
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_NO_NUMBER = r"(?i)^([+-]?inf(inity)?|nan)$"
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

    >>> texts = spark.sql("select * from values ('2024-01-05T10:00Z'), ('2024-01-05T10:00') as t(text)")
    >>> [row[0] for row in texts.select(cast_text(F.col("text"), ColumnType.TIMESTAMP).isNotNull()).collect()]
    [True, False]
    """
    match to:
        case ColumnType.STRING:
            return text
        case ColumnType.TIMESTAMP:
            return F.when(text.rlike(_INSTANT), _read_instant(text))
        case ColumnType.LOCAL_TIMESTAMP:
            return F.when(text.rlike(_READING), _read_instant(F.concat(text, F.lit("Z"))))
        case ColumnType.DATE:
            return F.when(F.trim(text).rlike(_DATE), F.substring(F.trim(text), 1, 10).try_cast("date"))
        case ColumnType.DOUBLE:
            number = F.trim(text)
            value = number.try_cast("double")
            is_finite = number.rlike(_NUMBER) & (F.abs(value) < F.lit(float("inf")))
            return F.when(is_finite | number.rlike(_NO_NUMBER), value)
        case _:
            return F.trim(text).try_cast(SQL_TYPES[to])


def _read_instant(text: Column) -> Column:
    has_seconds = F.substring(text, 17, 1) == ":"
    with_seconds = F.when(has_seconds, text).otherwise(F.regexp_replace(text, _NO_SECONDS, "$1:00$2"))
    return with_seconds.try_cast("timestamp")


def _in_calendar(instant: Column) -> Column:
    """Tell an instant of the years 1 to 9999, UTC, from those that can't be read back by Python."""
    micros = F.unix_micros(instant)
    return (micros >= _FIRST_US) & (micros < _END_US)


def attempted(text: str) -> tuple[Column, Column | None]:
    """Compute a declared expression without ending the job on a row for which it can't be computed.

    Args:
        text: Spark SQL over the columns of a row.

    Returns:
        The value, which says nothing where it can't be computed; and whether that is so, never null, or None where it
        is so for no row.

    >>> rows = spark.sql("select * from values (30, 2), (30, 0), (null, 0) as t(delay, items)")
    >>> value, fails = attempted("delay / items")
    >>> [tuple(row) for row in rows.select(F.when(~fails, value), fails).collect()]
    [(15.0, False), (None, True), (None, False)]
    """
    tried = attempt(text)
    return F.expr(tried.value), None if tried.fails is None else F.expr(tried.fails)


def type_rows(staged: DataFrame, source: Source, ingest_as_of: datetime) -> DataFrame:
    """Type the staged rows and derive what is declared.

    Args:
        staged: One row per landed record, declared columns as text.
        source: The source's declaration.
        ingest_as_of: Logical now of the ingest. A row is available at the later of the declared expression and this
            instant, unless the declared instant lies in the trusted history.

    Returns:
        The staged rows with declared columns typed, derived columns, `event_ts`, `available_ts`, the text in the struct
        `_raw`, and `_uncomputed`: which of the derived columns and times can't be computed from the row. What can't be
        typed or computed is null.

    >>> source = context.config.sources["orders"]
    >>> columns = "order string, shop string, items string, due_ts string, _malformed string"
    >>> landed = [("7", "A", "two", "2024-02-01T10:00:00Z", None), ("8", "A", "0", "2024-02-01T11:00:00Z", None)]
    >>> typed = type_rows(spark.createDataFrame(landed, columns), source, context.as_of)
    >>> shown = typed.select("order", "items", "_raw.items", F.date_format("available_ts", "MMM d H:mm"))
    >>> [tuple(row) for row in shown.collect()]  # available a day before it is due
    [(7, None, 'two', 'Jan 31 10:00'), (8, 0, '0', 'Jan 31 11:00')]
    """
    others = [name for name in staged.columns if name not in source.columns]
    rows = staged.select(
        F.struct(*(F.col(name) for name in source.columns)).alias(RAW),
        *(cast_text(F.col(name), declared.type).alias(name) for name, declared in source.columns.items()),
        *others,
    )
    failing: dict[str, Column] = {}
    for name, derived in source.derive.items():
        rows, failing[name] = _compute(rows, name, derived.as_, SQL_TYPES[derived.type])
    rows, failing["event_ts"] = _compute(rows, "event_ts", source.event_ts, "timestamp")
    rows, failing["available_ts"] = _compute(rows, "available_ts", source.available_ts, "timestamp")
    instants = [name for name, derived in source.derive.items() if SQL_TYPES[derived.type] == "timestamp"]
    instants += ["event_ts", "available_ts"]
    uncomputed = []
    for name, fails in failing.items():
        is_beyond = F.col(name).isNotNull() & ~_in_calendar(F.col(name)) if name in instants else F.lit(False)
        uncomputed.append((fails | is_beyond, F.lit(name)))
    declared_ts = F.col("available_ts")
    observed_ts = F.greatest(declared_ts, F.lit(ingest_as_of))
    if source.history is not None:
        trusted = declared_ts <= F.lit(source.history.trusted_until)
        observed_ts = F.when(trusted, declared_ts).otherwise(observed_ts)
    known = {name: F.when(_in_calendar(F.col(name)), F.col(name)) for name in instants}
    known["available_ts"] = F.when(_in_calendar(declared_ts), observed_ts)
    return rows.withColumns({UNCOMPUTED: list_marks(uncomputed, "string"), **known})


def _compute(rows: DataFrame, name: str, text: str, to: str) -> tuple[DataFrame, Column]:
    """Add a declared value; also give whether it can't be computed or is not of its type."""
    value, fails = attempted(text)
    is_lost = value.isNotNull() & F.col(name).isNull()
    return rows.withColumn(name, value.try_cast(to)), is_lost if fails is None else is_lost | fails

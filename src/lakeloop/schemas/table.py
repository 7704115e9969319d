"""What a table of the lake is: columns with their meaning, grain, the column that time is cut by, what is volatile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

TEXT, LONG, INT, DOUBLE, INSTANT = StringType(), LongType(), IntegerType(), DoubleType(), TimestampType()
DATE, TRUTH = DateType(), BooleanType()


def column(name: str, data_type: DataType, meaning: str, *, required: bool = False) -> StructField:
    """Describe a column.

    Args:
        name: Its name.
        data_type: Its Spark type.
        meaning: What it says, with its unit.
        required: Whether null is refused.

    Returns:
        A field whose comment is the meaning.

    >>> field = column("delay_minutes", DOUBLE, "arrival delay, minutes", required=True)
    >>> field.simpleString(), field.nullable, field.metadata
    ('delay_minutes:double', False, {'comment': 'arrival delay, minutes'})
    """
    return StructField(name, data_type, not required, {"comment": meaning})


@dataclass(frozen=True)
class TableSchema:
    """A table of the lake.

    Attributes:
        layer: First part of its address.
        name: Second part.
        grain: What one row is.
        cut_by: Column by which reads are cut at `as_of`.
        columns: Its columns.
        volatile: Columns that may differ between two equal tables.
    """

    layer: str
    name: str
    grain: str
    cut_by: str
    columns: StructType
    volatile: frozenset[str] = frozenset()


def declare_table(
    layer: str, name: str, grain: str, cut_by: str, columns: Sequence[StructField], volatile: Sequence[str] = ()
) -> TableSchema:
    """Declare a table.

    Args:
        layer: First part of its address.
        name: Second part.
        grain: What one row is.
        cut_by: Column by which reads are cut.
        columns: Its columns.
        volatile: Columns that may differ between two equal tables.

    Returns:
        The table.

    >>> declare_table("ops", "notes", "note", "as_of", [column("text", TEXT, "what it says")]).columns.fieldNames()
    ['text']
    """
    return TableSchema(layer, name, grain, cut_by, StructType(list(columns)), frozenset(volatile))


AS_OF = column("as_of", INSTANT, "logical now of the job that wrote the row, UTC", required=True)
ATTEMPT = column("attempt", INT, "1; greater after a failed gate was asked again: the last counts", required=True)
MODEL = column("model", TEXT, "model", required=True)
VERSION = column("model_version", TEXT, "version in the registry")
_STRETCH = StructType([StructField("start", INSTANT, False), StructField("end", INSTANT, False)])
WINDOW = column("window", _STRETCH, "stretch of prediction_ts, start included, end not, UTC", required=True)

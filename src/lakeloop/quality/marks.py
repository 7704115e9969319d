"""Lists of what applies to a row, which for nearly every row is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F


def list_marks(marks: Sequence[tuple[Column, Column]], kind: str) -> Column:
    """List the values whose condition holds.

    Spark generates no code for `array_compact` and what stands in it. So it is evaluated where a condition holds, and
    the conditions, which are looked at in every row, stand before it.

    Args:
        marks: Condition, never null, and its value, never null.
        kind: Spark's name of the values' type.

    Returns:
        An array in the order of the marks; empty where no condition holds.

    >>> rows = spark.sql("select * from values (1), (3), (7) as t(number)")
    >>> small, few = F.col("number") < 2, F.col("number") < 5
    >>> [row[0] for row in rows.select(list_marks([(small, F.lit("small")), (few, F.lit("few"))], "string")).collect()]
    [['small', 'few'], ['few'], []]
    """
    none = F.array().cast(f"array<{kind}>")
    if not marks:
        return none
    is_any = reduce(lambda left, right: left | right, (holds for holds, _ in marks))
    found = F.array_compact(F.array(*(F.when(holds, value) for holds, value in marks)))
    return F.when(is_any, found).otherwise(none)

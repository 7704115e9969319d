"""When two values of a feature are the same, however each was computed."""

from __future__ import annotations

import math

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, FloatType

_RELATIVE = 1e-9
"""Numbers that are closer are the same: sums are taken in another order each time."""


def are_same(one: Column, other: Column, of_type: DataType, *, absolute: float = 1e-12) -> Column:
    """Tell whether two values are the same.

    Only floating-point numbers may differ by a little, and only where both are finite: to Spark NaN is the greatest of
    all numbers, so that a bound on a difference would hold for it too.

    Args:
        one: A value.
        other: Another one.
        of_type: Type of both.
        absolute: Difference below which floating-point numbers are the same, whatever their size.

    Returns:
        True or false, never null. Null equals null, NaN equals NaN, an infinity equals itself.

    >>> rows = spark.sql("select * from values (1d, 1.0000000000001d), (1d, 1.1d), (1d, double('NaN')) as t(a, b)")
    >>> [row[0] for row in rows.select(are_same(F.col("a"), F.col("b"), DoubleType())).collect()]
    [True, False, False]
    """
    same = one.eqNullSafe(other)
    if not isinstance(of_type, DoubleType | FloatType):
        return same
    finite = (F.abs(one) < F.lit(math.inf)) & (F.abs(other) < F.lit(math.inf))
    bound = F.greatest(F.lit(absolute), _RELATIVE * F.greatest(F.abs(one), F.abs(other)))
    return same | F.coalesce(finite & (F.abs(one - other) <= bound), F.lit(False))

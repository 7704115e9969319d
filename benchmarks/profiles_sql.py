"""The shape that lakeloop does not have: daily profiles as two queries of Spark, aggregates and exploded bins."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, ProfilePlan
from lakeloop.drift.sketches import HLL_LOG_K, KLL_K

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_DAY = "day"
_MARKS = ("num_nan", "num_zeros", "num_infinite")


def profile_by_queries(rows: DataFrame, plan: ProfilePlan) -> pa.Table:
    """Profile rows, without slices, by what Spark has of its own.

    Args:
        rows: The rows.
        plan: What is counted.

    Returns:
        A table of `PROFILES_SCHEMA`.
    """
    dated = rows.withColumn(_DAY, F.to_date(plan.time_col))
    aggregates = [each for column in plan.bins for each in _aggregates(column, sketches=plan.sketches)]
    measured = dated.groupBy(_DAY).agg(F.min(plan.time_col).alias("start"), *aggregates).toArrow().to_pylist()
    cells = [
        F.struct(F.lit(place).alias("column"), _bin(column).alias("bin"), _value(column).alias("value"))
        for place, column in enumerate(plan.bins)
    ]
    exploded = dated.select(_DAY, F.explode(F.array(*cells)).alias("cell")).select(_DAY, "cell.*")
    counted = exploded.groupBy(_DAY, "column", "bin").agg(F.count("*").alias("rows"), F.sum("value").alias("total"))
    counts: dict[tuple[Any, int], list[tuple[int, int, float]]] = {}
    for row in counted.toArrow().to_pylist():
        counts.setdefault((row[_DAY], row["column"]), []).append((row["bin"], row["rows"], row["total"] or 0.0))
    found = [_row(column, day, counts[day[_DAY], place]) for day in measured for place, column in enumerate(plan.bins)]
    return pa.Table.from_pylist(found, schema=PROFILES_SCHEMA)


def _is_finite(column: ColumnBins) -> Column:
    value = F.col(column.name)
    return value.isNotNull() & ~F.isnan(value) & (F.abs(value) != float("inf"))


def _value(column: ColumnBins) -> Column:
    return F.when(_is_finite(column), F.col(column.name)) if column.kind == "number" else F.lit(None).cast("double")


def _aggregates(column: ColumnBins, *, sketches: bool) -> list[Column]:
    name, value = column.name, F.col(column.name)
    found = []
    if column.kind == "number":
        clean = _value(column)
        found = [
            F.count_if(F.isnan(value)).alias(f"{name}.num_nan"),
            F.count_if(value == 0).alias(f"{name}.num_zeros"),
            F.count_if(F.abs(value) == float("inf")).alias(f"{name}.num_infinite"),
            F.sum(clean * clean).alias(f"{name}.sum_squares"),
            F.min(clean).alias(f"{name}.min"),
            F.max(clean).alias(f"{name}.max"),
        ]
        if sketches:
            found.append(F.kll_sketch_agg_float(clean.cast("float"), KLL_K).alias(f"{name}.quantile_sketch"))
            whole = F.when(clean.isNotNull(), F.xxhash64(clean))  # the sketch takes no fractions
            found.append(F.hll_sketch_agg(whole, HLL_LOG_K).alias(f"{name}.distinct_sketch"))
    elif sketches:
        found = [F.hll_sketch_agg(value, HLL_LOG_K).alias(f"{name}.distinct_sketch")]
    return found


def _bin(column: ColumnBins) -> Column:
    value = F.col(column.name)
    if column.kind == "number":
        above = reduce(lambda a, b: a + b, [(value > edge).cast("int") for edge in column.edges], F.lit(0))
        return F.when(value.isNull() | F.isnan(value), column.null_bin).otherwise(above)
    place = F.array_position(F.array(*(F.lit(each) for each in column.categories)), value).cast("int")
    known = F.when(place > 0, place - 1).otherwise(len(column.categories))
    return F.when(value.isNull(), column.null_bin).otherwise(known)


def _row(column: ColumnBins, day: dict[str, Any], cells: list[tuple[int, int, float]]) -> dict[str, Any]:
    bins, sums = np.zeros(column.n_bins, dtype=np.int64), np.zeros(column.n_bins)
    for place, rows, total in cells:
        bins[place], sums[place] = rows, total
    is_number = column.kind == "number"

    def of(key: str, otherwise: Any) -> Any:
        found = day.get(f"{column.name}.{key}")
        return otherwise if found is None else found

    return {
        "block": day[_DAY],
        "block_start": day["start"],
        "column_name": column.name,
        "count": int(bins.sum()),
        **{key: of(key, 0) for key in _MARKS},
        "sum_squares": of("sum_squares", 0.0),
        "min": of("min", None),
        "max": of("max", None),
        "bins": bins.tolist(),
        "bin_sums": sums.tolist() if is_number else None,
        "quantile_sketch": of("quantile_sketch", None),
        "distinct_sketch": of("distinct_sketch", None),
        "status": "OK",
    }

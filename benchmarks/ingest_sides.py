"""The sides of checked ingestion; all read landed text and type it."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ingest_data import (
    AS_OF,
    CODE,
    HIGHEST_PRICE,
    KEPT_CHECKS,
    MOST_ITEMS,
    ROW_CHECKS,
    START,
    STATUSES,
    declare_source,
    found_table,
)
from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import compute, open_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


# --- lakeloop ---------------------------------------------------------------------------------------------------------


def check_by_lakeloop(spark: SparkSession, data: Path, *, with_rows: bool) -> pa.Table:
    """Judge every row in one pass, and measure the turn in one query.

    Args:
        spark: The session.
        data: Folder of the landed rows.
        with_rows: Whether accepted and rejected rows, with their reasons, are given too.

    Returns:
        What each check found.
    """
    from pyspark.sql import functions as F

    from lakeloop.config.rules.table_rule import TableRule
    from lakeloop.quality.measures import ROWS, measure_turn, measures_of
    from lakeloop.quality.rules import REASONS, judge_rows
    from lakeloop.quality.typing import type_rows
    from lakeloop.quality.uniqueness import ACCEPTED, CLASS, classify_rows

    source = declare_source()
    typed = type_rows(spark.read.parquet(str(data / "landed.parquet")), source, AS_OF)
    classified = classify_rows(judge_rows(typed, source), None, source)
    broken = classified.select(F.explode(f"{REASONS}.rule").alias("rule")).groupBy("rule").count()
    counts = dict.fromkeys((*ROW_CHECKS, *KEPT_CHECKS), 0.0)
    counts |= {row["rule"]: float(row["count"]) for row in broken.collect()}  # bounded: one row per rule
    rules = [each for each in source.rules if isinstance(each, TableRule)]
    row = measure_turn(typed, typed, rules, {}, after=START, as_of=AS_OF).first()
    assert row is not None
    measured = row.asDict()
    found = counts | {"row_count": float(measured[ROWS])}
    found |= {f"price_{name}": _number(value) for name, value in measures_of(measured, 0).items()}
    found |= {f"{name}_us": _number(value) for name, value in measures_of(measured, 1).items()}
    if with_rows:
        compute(classified.where(F.col(CLASS) == ACCEPTED))
        compute(classified.where(F.col(CLASS) != ACCEPTED))
    return found_table(found)


def _number(value: Any) -> float:
    """Give a measure as a number; one that is missing is a mistake here."""
    return float(value)


# --- Great Expectations alone -----------------------------------------------------------------------------------------


def check_by_great_expectations(spark: SparkSession, data: Path, *, with_counts: bool) -> pa.Table:
    """Run one expectation per check on the typed rows, which it keeps in memory as it does unless told otherwise.

    Args:
        spark: The session.
        data: Folder of the landed rows.
        with_counts: Whether rows that break a rule are counted; else there is a verdict only.

    Returns:
        What each check found, or the verdicts on the rules over rows.
    """
    import great_expectations as gx

    context = _context()
    source = context.data_sources.add_spark("landed")
    batch = source.add_dataframe_asset(name="landed").add_batch_definition_whole_dataframe("landed")
    suite = gx.ExpectationSuite(name="landed")
    for check, expectation in _expectations().items():
        expectation.meta = {"check": check}
        suite.add_expectation(expectation)
    rows = _typed(spark, data)
    result_format = "BASIC" if with_counts else "BOOLEAN_ONLY"
    validated = batch.get_batch({"dataframe": rows}).validate(suite, result_format=result_format)
    context.data_sources.delete("landed")
    spark.catalog.clearCache()  # else the next run would find the rows in memory
    results = {each.expectation_config.meta["check"]: each for each in validated.results}
    if not with_counts:
        checks = [*ROW_CHECKS, *KEPT_CHECKS]
        return pa.table({"check": checks, "is_broken": [not results[check].success for check in checks]})
    found = {check: float(results[check].result["unexpected_count"]) for check in (*ROW_CHECKS, *KEPT_CHECKS)}
    found["unique_key"] /= 2  # it counts both rows of a pair; the first keeps its key
    others = {check: each for check, each in results.items() if check not in found}
    return found_table(found | {check: float(each.result["observed_value"]) for check, each in others.items()})


@cache
def _context() -> Any:
    """Make one context for all runs, as a service would."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def _typed(spark: SparkSession, data: Path) -> DataFrame:
    kinds = {"order": "bigint", "items": "int", "price": "double", "placed_ts": "timestamp", "shipped_ts": "timestamp"}
    landed = spark.read.parquet(str(data / "landed.parquet"))
    typed = landed.withColumns({name: landed[name].cast(kind) for name, kind in kinds.items()})
    return typed.selectExpr("*", "unix_micros(placed_ts) as placed_us")


def _expectations() -> dict[str, Any]:
    import great_expectations.expectations as gxe

    newest = int(AS_OF.timestamp()) * 1_000_000
    return {
        "not_null_shop": gxe.ExpectColumnValuesToNotBeNull(column="shop"),
        "range_items": gxe.ExpectColumnValuesToBeBetween(column="items", min_value=1, max_value=MOST_ITEMS),
        "range_price": gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=HIGHEST_PRICE),
        "allowed_status": gxe.ExpectColumnValuesToBeInSet(column="status", value_set=list(STATUSES)),
        "pattern_code": gxe.ExpectColumnValuesToMatchRegex(column="code", regex=rf"\A(?:{CODE})\z"),
        "shipped_after_placed": gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="shipped_ts", column_B="placed_ts", or_equal=True, ignore_row_if="either_value_is_missing"
        ),
        "unique_key": gxe.ExpectColumnValuesToBeUnique(column="order"),
        "key_order": gxe.ExpectColumnValuesToNotBeNull(column="order"),
        "event_ts": gxe.ExpectColumnValuesToNotBeNull(column="placed_ts"),
        "row_count": gxe.ExpectTableRowCountToBeBetween(min_value=1),
        "price_mean": gxe.ExpectColumnMeanToBeBetween(column="price", min_value=0),
        "price_stddev": gxe.ExpectColumnStdevToBeBetween(column="price", min_value=0),
        "price_min": gxe.ExpectColumnMinToBeBetween(column="price", min_value=-1),
        "price_max": gxe.ExpectColumnMaxToBeBetween(column="price", max_value=HIGHEST_PRICE),
        "newest_us": gxe.ExpectColumnMaxToBeBetween(column="placed_us", max_value=newest),
    }


# --- how they are run -------------------------------------------------------------------------------------------------


def make_work(task: Task) -> Work:
    """Make the work of a task."""
    spark, data = open_spark(task), Path(task.data)

    def check() -> pa.Table:
        match task.side:
            case "lakeloop" | "lakeloop-with-rows":
                return check_by_lakeloop(spark, data, with_rows=task.side == "lakeloop-with-rows")
            case "gx-counts" | "gx-verdicts":
                return check_by_great_expectations(spark, data, with_counts=task.side == "gx-counts")
        raise ValueError(f"no side is called {task.side}")

    versions = {"pyspark": spark.version, "great-expectations": version("great-expectations")}
    return Work(write=lambda path: pq.write_table(check(), path), run=check, versions=versions)


if __name__ == "__main__":
    serve(make_work)

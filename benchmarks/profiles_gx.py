"""Great Expectations' side of profiles: on Spark, an expectation per statistic that it has."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from benchmarks.own_memory import with_own_memory
from benchmarks.profiles_agreement import figures_table
from benchmarks.profiles_data import CURRENT, QUANTILES, ProfilesCell
from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import open_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def validate(spark: SparkSession, data: Path, cell: ProfilesCell) -> dict[str, dict[str, float | None]]:
    """Validate the week, and read off what was observed."""
    import great_expectations as gx

    rows = spark.read.parquet(str(data / CURRENT))
    context = _context()
    batch = (
        context.data_sources.add_spark("week").add_dataframe_asset("week").add_batch_definition_whole_dataframe("all")
    )
    suite = gx.ExpectationSuite(name="week")
    for expectation in _expectations(cell):
        suite.add_expectation(expectation)
    validated = batch.get_batch({"dataframe": rows}).validate(suite, result_format="BASIC")
    context.data_sources.delete("week")
    spark.catalog.clearCache()  # else the next run would find the rows in memory
    found: dict[str, dict[str, float | None]] = {name: {} for name in (*cell.numbers, *cell.texts)}
    for each in validated.results:
        column, statistic = each.expectation_config.meta["column"], each.expectation_config.meta["statistic"]
        result = each.result
        if statistic == "nulls":
            found[column] |= {"count": result["element_count"], "nulls": result["unexpected_count"]}
        elif statistic == "quantiles":
            found[column] |= dict(zip(QUANTILES, result["observed_value"]["values"], strict=True))
        else:
            found[column][statistic] = result["observed_value"]
    return found


@cache
def _context() -> Any:
    """Make one context for all runs, as a service would."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def _expectations(cell: ProfilesCell) -> list[Any]:
    import great_expectations.expectations as gxe

    anything: dict[str, Any] = {"min_value": -1e300, "max_value": 1e300}
    ranges = {"quantiles": list(QUANTILES.values()), "value_ranges": [[-1e300, 1e300] for _ in QUANTILES]}
    found = []
    for name in (*cell.numbers, *cell.texts):
        made = {"nulls": gxe.ExpectColumnValuesToNotBeNull(column=name)}
        if name in cell.numbers:
            made |= {
                "mean": gxe.ExpectColumnMeanToBeBetween(column=name, **anything),
                "stddev": gxe.ExpectColumnStdevToBeBetween(column=name, **anything),
                "min": gxe.ExpectColumnMinToBeBetween(column=name, **anything),
                "max": gxe.ExpectColumnMaxToBeBetween(column=name, **anything),
                "quantiles": gxe.ExpectColumnQuantileValuesToBeBetween(
                    column=name,
                    quantile_ranges=ranges,
                    allow_relative_error=False,  # exact: a number is turned into text, which its own Spark refuses
                ),
            }
        else:
            made["distinct"] = gxe.ExpectColumnUniqueValueCountToBeBetween(column=name, min_value=0)
        for statistic, expectation in made.items():
            expectation.meta = {"column": name, "statistic": statistic}
            found.append(expectation)
    return found


def make_work(task: Task) -> Work:
    """Make the work of a task."""
    spark, data, cell = open_spark(task), Path(task.data), ProfilesCell(**task.cell)

    def write(path: Path) -> None:
        found, memory = with_own_memory(lambda: validate(spark, data, cell))
        pq.write_table(figures_table(found, memory), path)

    versions = {"pyspark": spark.version, "great-expectations": version("great-expectations")}
    return Work(write=write, run=lambda: validate(spark, data, cell), versions=versions)


if __name__ == "__main__":
    serve(make_work)

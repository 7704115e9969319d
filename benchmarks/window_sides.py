"""The sides of the windowed features."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import compute, open_spark
from benchmarks.window_data import (
    KEY,
    MEASURE,
    THROUGH,
    TICK_SECONDS,
    WINDOWS,
    declare_table,
    feature_names,
    log_by_duckdb,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def log_by_lakeloop(spark: SparkSession, data: Path) -> DataFrame:
    """Build the state log by `lakeloop.features.windows`."""
    from pyspark.sql import functions as F

    from lakeloop.features.windows import aggregate_windows

    events = spark.read.parquet(str(data / "events.parquet"))
    log = aggregate_windows(events, declare_table(), None, THROUGH)
    return log.withColumn("tick_us", F.unix_micros("available_ts"))


def log_by_frames(spark: SparkSession, data: Path) -> DataFrame:
    """Build it plainly: ticks laid among the events, `rangeBetween` over the rows of both, ticks kept."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    tick_us = TICK_SECONDS * 1_000_000
    read = spark.read.parquet(str(data / "events.parquet"))
    events = read.select(KEY, F.unix_micros("available_ts").alias("tick_us"), MEASURE, F.lit(False).alias("is_tick"))
    shifts = F.array(*(F.lit(shift * 1_000_000) for shift in (0, *WINDOWS.values())))
    entry = F.ceil(F.col("tick_us") / F.lit(tick_us)) * tick_us
    changes = events.select(KEY, entry.alias("entry_us"), F.explode(shifts).alias("shift_us"))
    ticks = changes.select(KEY, (F.col("entry_us") + F.col("shift_us")).alias("tick_us")).distinct()
    ticks = ticks.where(F.col("tick_us") <= int(THROUGH.timestamp()) * 1_000_000).withColumn("is_tick", F.lit(True))
    ordered = Window.partitionBy(KEY).orderBy("tick_us")
    words = {"mean": "avg"}
    values = {
        name: F.expr(f"{words.get(statistic, statistic)}({MEASURE})").over(
            ordered.rangeBetween(1 - seconds * 1_000_000, Window.currentRow)
        )
        for name, statistic, seconds in feature_names()
    }
    return events.unionByName(ticks, allowMissingColumns=True).withColumns(values).where("is_tick")


ON_SPARK: dict[str, Callable[[SparkSession, Path], DataFrame]] = {
    "lakeloop": log_by_lakeloop,
    "range-frames": log_by_frames,
    "range-frames-tree": log_by_frames,
}


def make_work(task: Task) -> Work:
    """Make the work of a task."""
    data = Path(task.data)
    if task.side in ON_SPARK:
        spark, build = open_spark(task), ON_SPARK[task.side]
        if task.side == "range-frames-tree":
            spark.conf.set("spark.sql.window.segmentTree.enabled", "true")
        return Work(
            write=lambda path: build(spark, data).write.parquet(str(path)),
            run=lambda: compute(build(spark, data)),
            versions={"pyspark": spark.version},
        )
    if task.side == "duckdb":
        return Work(
            write=lambda path: pq.write_table(log_by_duckdb(data, task.cores), path),
            run=lambda: log_by_duckdb(data, task.cores),
            versions={"duckdb": version("duckdb")},
        )
    raise ValueError(f"no side is called {task.side}")


if __name__ == "__main__":
    serve(make_work)

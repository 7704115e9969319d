"""The Spark session of every side that has one: the same settings, whoever uses it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from benchmarks.side import Task


def open_spark(task: Task) -> SparkSession:
    """Start Spark in this process, with the cores and the heap of a task."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.master": f"local[{task.cores}]",
        "spark.driver.memory": task.heap,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(4 * task.cores),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder: SparkSession.Builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def compute(frame: DataFrame) -> None:
    """Compute every row and column of a frame, and drop them."""
    frame.write.format("noop").mode("overwrite").save()

"""The sides of scoring: plain prediction in one process, MLflow's function on Spark, columns of Arrow on Spark."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scoring_data import FILE, MODEL, ROW, SCORE, ScoringCell
from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import compute, open_spark

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

PLAIN, SPARK_UDF, ARROW = "plain", "spark_udf", "arrow"


def predict_plainly(data: Path, columns: list[str], load: Callable[[], Any]) -> pa.Table:
    """Read all rows, and score them by one call."""
    import pandas as pd

    rows = pd.read_parquet(data / FILE)
    return pa.table({ROW: rows[ROW].to_numpy(), SCORE: load().predict_proba(rows[columns])[:, 1]})


def read_rows(spark: SparkSession, data: Path, partitions: int) -> DataFrame:
    """Read the rows in a number of parts."""
    # A part is the file's size and what opening costs, over this number: a rest does not become one more.
    spark.conf.set("spark.sql.files.minPartitionNum", str(partitions))
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(1 << 40))
    spark.conf.set("spark.sql.files.openCostInBytes", str(1 << 16))
    rows = spark.read.parquet(str(data / FILE))
    found = rows.rdd.getNumPartitions()
    if found != partitions:
        raise ValueError(f"{found} partitions, wanted {partitions}")
    return rows


def make_answer(side: str, spark: SparkSession, data: Path, columns: list[str]) -> Callable[[DataFrame], Column]:
    """Make what a side on Spark answers with."""
    from pyspark.sql import functions as F

    from lakeloop.training.preprocessing import TRUSTED_TYPES

    if side == ARROW:
        from lakeloop.registry.stored_pipeline import read_stored_pipeline
        from lakeloop.runs.scoring_engines import arrow_answer

        stored = read_stored_pipeline(data / MODEL, TRUSTED_TYPES)
        if stored is None:
            raise ValueError("the model's files are not those of a skops model")
        return lambda rows: arrow_answer(rows, stored)[1]
    import mlflow.pyfunc

    udf = mlflow.pyfunc.spark_udf(spark, str(data / MODEL), result_type="array<double>", env_manager="local")
    answer: Column = udf(F.struct(*columns))[1]
    return lambda _: answer


def make_work(task: Task) -> Work:
    """Make the work of a task; on one core each, plain prediction and a task of Spark."""
    os.environ["OMP_NUM_THREADS"] = "1"
    data, cell = Path(task.data), ScoringCell(**task.cell)
    if task.side == PLAIN:
        # What is loaded stays, as it does in a worker of Spark; the first run loads it.
        held: list[Any] = []

        def load() -> Any:
            if not held:
                import skops.io

                from lakeloop.training.preprocessing import TRUSTED_TYPES

                held.append(skops.io.load(data / MODEL / "model.skops", trusted=list(TRUSTED_TYPES)))
            return held[0]

        return Work(
            write=lambda path: pq.write_table(predict_plainly(data, cell.columns, load), path),
            run=lambda: predict_plainly(data, cell.columns, load),
            versions={name: version(name) for name in ("scikit-learn", "pandas", "pyarrow")},
        )
    spark = open_spark(task)
    answer = make_answer(task.side, spark, data, cell.columns)

    def scored() -> DataFrame:
        rows = read_rows(spark, data, cell.partitions)
        return rows.select(ROW, answer(rows).alias(SCORE))

    return Work(
        write=lambda path: scored().write.parquet(str(path)),
        run=lambda: compute(scored()),
        versions={"pyspark": spark.version, "mlflow": version("mlflow")},
    )


if __name__ == "__main__":
    serve(make_work)

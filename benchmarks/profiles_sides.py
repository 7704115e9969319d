"""The sides of profiles that are lakeloop's, and the same profiles by queries of Spark."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.own_memory import with_own_memory
from benchmarks.profiles_agreement import DRIFT, figures_table
from benchmarks.profiles_data import AT, CURRENT, QUANTILES, REFERENCE, ProfilesCell
from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import open_spark
from lakeloop.config.metric import Task as LabelTask
from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins, propose_bins
from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
from lakeloop.drift.merged_profiles import QUANTILE_RANKS, WHOLE, describe_profile, merge_profiles, to_counts
from lakeloop.drift.reference import Reference, build_reference
from lakeloop.drift.verdicts import judge_window
from lakeloop.statuses import Verdict

PROCESS, SPARK, SPARK_SQL = "lakeloop-process", "lakeloop-spark", "spark-sql"
BARE = "-bare"
"""Ending of a side that keeps no sketches: neither quantiles nor distinct values."""

_BATCH = 65_536
_ZONE = "UTC"
_STATISTICS = {
    "count": "count",
    "num_nulls": "nulls",
    "avg": "mean",
    "stddev": "stddev",
    "min": "min",
    "max": "max",
    "distinct_count": "distinct",
}


def make_reference(data: Path, cell: ProfilesCell) -> Reference:
    """Freeze the bins of the reference sample, column by column, and count its days."""
    names = [*cell.numbers, *cell.texts]
    monitor = Monitor()
    bins: list[ColumnBins] = []
    for name in names:
        bins += propose_bins(pq.read_table(data / REFERENCE, columns=[name]), [name], monitor.bins)
    counts = to_counts(profile_in_process(data / REFERENCE, ProfilePlan(tuple(bins), _ZONE, AT, sketches=False)))
    last = datetime(2024, 4, 1, tzinfo=UTC)
    return build_reference(counts, bins, model="profiles", task=LabelTask.REGRESSION, trained_through=last)


def profile_in_process(path: Path, plan: ProfilePlan) -> pa.Table:
    """Profile the rows of a Parquet file batch by batch; the in-process engine holds them all, within its budget."""
    profiler = DailyProfiler(plan)
    with pq.ParquetFile(path, pre_buffer=False) as file:  # else it keeps what it has read until the last row
        for batch in file.iter_batches(_BATCH, columns=list(plan.columns)):
            profiler.add(batch)
    return profiler.profiles()


def figures_of(profiles: pa.Table, reference: Reference) -> dict[str, dict[str, float | None]]:
    """Describe the week by the merge of its days, and judge it."""
    described = {row["column_name"]: describe_profile(row) for row in merge_profiles(profiles, WHOLE).to_pylist()}
    names = [each.name for each in reference.bins]
    verdicts = judge_window(reference, to_counts(profiles), names, {}, Monitor(window=timedelta(days=7)), seed=0)
    found: dict[str, dict[str, float | None]] = {}
    for verdict in verdicts:
        told = described[verdict.column]
        figures = {name: told[key] for key, name in _STATISTICS.items()}
        if told["quantiles"]:
            figures |= {name: told["quantiles"][QUANTILE_RANKS.index(rank)] for name, rank in QUANTILES.items()}
        is_drift = float(verdict.verdict is Verdict.DRIFT)
        found[verdict.column] = figures | {"distance": verdict.value, DRIFT: is_drift}
    return found


def make_work(task: Task) -> Work:
    """Make the work of a task; the reference is made beforehand, and what that took is told apart."""
    data, cell = Path(task.data), ProfilesCell(**task.cell)
    started = time.process_time()
    reference = make_reference(data, cell)
    made = {"reference_cpu_seconds": time.process_time() - started}
    plan = ProfilePlan(reference.bins, _ZONE, AT, sketches=not task.side.endswith(BARE))
    profiles, versions = _profiles_of(task, data / CURRENT, plan)

    def judge() -> dict[str, dict[str, float | None]]:
        return figures_of(profiles(), reference)

    def write(path: Path) -> None:
        found, memory = with_own_memory(judge)
        pq.write_table(figures_table(found, made | memory), path)

    return Work(write=write, run=judge, versions=versions)


def _profiles_of(task: Task, path: Path, plan: ProfilePlan) -> tuple[Callable[[], pa.Table], dict[str, str]]:
    versions = {name: version(name) for name in ("pyarrow", "datasketches")}
    kind = task.side.removesuffix(BARE)
    if kind == PROCESS:
        return lambda: profile_in_process(path, plan), versions
    spark = open_spark(task)
    versions["pyspark"] = spark.version
    if kind == SPARK_SQL:
        from benchmarks.profiles_sql import profile_by_queries

        return lambda: profile_by_queries(spark.read.parquet(str(path)), plan), versions
    from lakeloop.runs.daily_profiles import profile_frame

    return lambda: profile_frame(spark.read.parquet(str(path)), plan).toArrow(), versions


if __name__ == "__main__":
    serve(make_work)

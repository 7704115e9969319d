"""The sides of the point-in-time join that need no environment of their own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.join_data import BUILT_THROUGH, KEY, ROW, TS, TTL, JoinCell, features_of
from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import compute, open_spark
from lakeloop.point_in_time.lookup import Lookup

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TTL_US = int(TTL.total_seconds()) * 1_000_000


# --- lakeloop ---------------------------------------------------------------------------------------------------------


def join_by_lakeloop(spark: SparkSession, data: Path, tables: int) -> DataFrame:
    """Join by `lakeloop.point_in_time.spark`, status of each look-up included."""
    from lakeloop.point_in_time.spark import join_as_of

    lookups = [
        Lookup(f"t{table}", _read(spark, data, table), (KEY,), tuple(features_of(table)), BUILT_THROUGH, ttl=TTL)
        for table in range(tables)
    ]
    joined = join_as_of(spark.read.parquet(str(data / "spine.parquet")), lookups, TS)
    return joined.withColumnsRenamed({f"t{table}__{name}": name for table, name in _named(tables)})


def join_in_process(data: Path, tables: int) -> pa.Table:
    """Join by `lakeloop.point_in_time.arrow`, status of each look-up included."""
    from lakeloop.point_in_time.arrow import join_as_of

    lookups = [
        Lookup(
            f"t{table}",
            pq.read_table(data / f"table{table}.parquet"),
            (KEY,),
            tuple(features_of(table)),
            BUILT_THROUGH,
            ttl=TTL,
        )
        for table in range(tables)
    ]
    joined = join_as_of(pq.read_table(data / "spine.parquet"), lookups, TS)
    names = {f"t{table}__{name}": name for table, name in _named(tables)}
    return joined.rename_columns([names.get(name, name) for name in joined.column_names])


def _named(tables: int) -> list[tuple[int, str]]:
    return [(table, name) for table in range(tables) for name in features_of(table)]


def _read(spark: SparkSession, data: Path, table: int) -> DataFrame:
    return spark.read.parquet(str(data / f"table{table}.parquet"))


# --- as it is usually written -----------------------------------------------------------------------------------------


def join_by_windows(spark: SparkSession, data: Path, tables: int) -> DataFrame:
    """Lay spine and one table into one frame, take the last row by a window, and so on with the next table."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    joined = spark.read.parquet(str(data / "spine.parquet"))
    for table in range(tables):
        features = _read(spark, data, table)
        state = F.struct("available_ts", *features_of(table)).alias("state")
        states = features.select(KEY, F.col("available_ts").alias(TS), F.lit(0).alias("kind"), state)
        spine = joined.withColumn("kind", F.lit(1))
        until_now = Window.partitionBy(KEY).orderBy(TS, "kind").rowsBetween(Window.unboundedPreceding, 0)
        newest = F.last("state", ignorenulls=True).over(until_now)
        rows = spine.unionByName(states, allowMissingColumns=True).withColumn("state", newest).where("kind = 1")
        age = F.unix_micros(TS) - F.unix_micros("state.available_ts")
        values = {name: F.when(age <= _TTL_US, F.col(f"state.{name}")) for name in features_of(table)}
        joined = rows.withColumns(values).drop("kind", "state")
    return joined


def join_by_row_numbers(spark: SparkSession, data: Path, tables: int) -> DataFrame:
    """Join every spine row with all rows of its entity within the ttl, and keep the newest, table by table."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    spine = spark.read.parquet(str(data / "spine.parquet"))
    joined = spine
    for table in range(tables):
        features = _read(spark, data, table).withColumnRenamed(KEY, "key")
        known = F.col("available_ts") <= F.col(TS)
        fresh = F.unix_micros("available_ts") >= F.unix_micros(TS) - _TTL_US
        pairs = spine.join(features, (F.col("key") == F.col(KEY)) & known & fresh)
        newest_first = Window.partitionBy(ROW).orderBy(F.col("available_ts").desc())
        newest = pairs.withColumn("rank", F.row_number().over(newest_first)).where("rank = 1")
        joined = joined.join(newest.select(ROW, *features_of(table)), ROW, "left")
    return joined


# --- the bound of one process -----------------------------------------------------------------------------------------


def join_by_duckdb(data: Path, tables: int, cores: int) -> pa.Table:
    """Join by the ASOF join of DuckDB."""
    import duckdb

    columns = [
        f"case when epoch_us(s.{TS}) - epoch_us(t{table}.available_ts) <= {_TTL_US} then t{table}.{name} end as {name}"
        for table, name in _named(tables)
    ]
    joins = [
        f"asof left join '{data}/table{table}.parquet' t{table}"
        f" on s.{KEY} = t{table}.{KEY} and s.{TS} >= t{table}.available_ts"
        for table in range(tables)
    ]
    query = f"select s.{ROW}, s.{KEY}, s.{TS}, {', '.join(columns)} from '{data}/spine.parquet' s {' '.join(joins)}"
    with duckdb.connect(config={"threads": cores}) as connection:
        return connection.sql(query).to_arrow_table()


# --- how they are run -------------------------------------------------------------------------------------------------

ON_SPARK: dict[str, Callable[[SparkSession, Path, int], DataFrame]] = {
    "lakeloop-spark": join_by_lakeloop,
    "window-per-table": join_by_windows,
    "row-number-per-table": join_by_row_numbers,
}


def make_work(task: Task) -> Work:
    """Make the work of a task."""
    data, tables = Path(task.data), JoinCell(**task.cell).tables
    if task.side in ON_SPARK:
        spark, join = open_spark(task), ON_SPARK[task.side]
        return Work(
            write=lambda path: join(spark, data, tables).write.parquet(str(path)),
            run=lambda: compute(join(spark, data, tables)),
            versions={"pyspark": spark.version},
        )
    if task.side == "duckdb":
        return _in_memory(lambda: join_by_duckdb(data, tables, task.cores), {"duckdb": version("duckdb")})
    if task.side == "lakeloop-process":
        return _in_memory(lambda: join_in_process(data, tables), {"polars": version("polars")})
    raise ValueError(f"no side is called {task.side}")


def _in_memory(join: Callable[[], pa.Table], versions: dict[str, str]) -> Work:
    return Work(write=lambda path: pq.write_table(join(), path), run=join, versions=versions)


if __name__ == "__main__":
    serve(make_work)

"""Feast's side of the point-in-time join: its Spark offline store, in an environment of its own.

It reads the same Parquet files with the same Spark settings. Rows of a table are unique by entity and instant, so no
column of creation is named, and Feast need not look for corrections.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.side import Task, Work, serve
from benchmarks.spark_session import compute, open_spark

os.environ.setdefault("FEAST_USAGE", "False")

_STORE = """\
project: benchmark
provider: local
registry: {folder}/registry.db
entity_key_serialization_version: 3
offline_store: {{type: spark}}
online_store: {{type: sqlite, path: {folder}/online.db}}
"""
_TTL = timedelta(days=7)


def make_work(task: Task) -> Work:
    """Make the work of a task: declare the tables once, then ask for features as training does."""
    spark = open_spark(task)
    import feast

    data, tables = Path(task.data), int(task.cell["tables"])
    names = {f"table{table}": [f"f{table}_{number}" for number in range(5)] for table in range(tables)}
    store = _declare(data, names)
    wanted = [f"{table}:{name}" for table, features in names.items() for name in features]

    def join() -> Any:
        spine = spark.read.parquet(str(data / "spine.parquet")).withColumnRenamed("prediction_ts", "event_timestamp")
        return store.get_historical_features(entity_df=spine, features=wanted).to_spark_df()

    return Work(
        write=lambda path: join().write.parquet(str(path)),
        run=lambda: compute(join()),
        versions={"feast": feast.__version__, "pyspark": spark.version},
    )


def _declare(data: Path, names: dict[str, list[str]]) -> Any:
    from feast import Entity, FeatureStore, FeatureView, Field, ValueType
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
    from feast.types import Float64

    folder = Path(tempfile.mkdtemp(prefix="feast-"))
    (folder / "feature_store.yaml").write_text(_STORE.format(folder=folder), encoding="utf-8")
    store = FeatureStore(repo_path=str(folder))
    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=table,
            entities=[entity],
            ttl=_TTL,
            schema=[Field(name=name, dtype=Float64) for name in features],
            source=SparkSource(
                name=f"{table}_source",
                path=str(data / f"{table}.parquet"),
                file_format="parquet",
                timestamp_field="available_ts",
            ),
        )
        for table, features in names.items()
    ]
    store.apply([entity, *views])
    return store


if __name__ == "__main__":
    serve(make_work)

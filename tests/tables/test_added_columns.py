"""A table of an earlier lakeloop gets the columns that it lacks with the next rows."""

from __future__ import annotations

from datetime import UTC, datetime

from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakeloop.distances.count_test import Significance
from lakeloop.schemas import DRIFT_METRICS
from lakeloop.tables import TableAddress, WriteIdentity
from lakeloop.tables.commits import write_metadata
from lakeloop.tables.in_process import append_rows, create_table, read_columns, read_rows
from lakeloop.tables.integrity import Head, find_damage
from lakeloop.tables.new_columns import add_missing_columns

NOW = datetime(2013, 4, 8, tzinfo=UTC)
ROW = {
    "model": "late",
    "window": (NOW, NOW),
    "granularity": "7 days",
    "drift_type": "BASELINE",
    "column_name": "seats",
    "kind": "feature",
    "role": "contract",
    "test": "psi",
    "count": 10,
    "status": "OK",
    "verdict": "STABLE",
    "evidence": "{}",
    "as_of": NOW,
}

NEW = ("js_distance", "ks_test", "wasserstein_distance", "chi_squared_test", "l_infinity_distance", "count_delta",
       "avg_delta", "percent_null_delta", "other_fraction", "vanished_categories", "severity")  # fmt: skip


def without_spark() -> SparkSession:
    raise AssertionError("a table on a path needs none")


def test_old_rows_stay_and_new_ones_have_more_columns(tmp_path):
    path, columns = str(tmp_path / "monitoring" / "drift_metrics"), DRIFT_METRICS.columns
    before = StructType([each for each in columns.fields if each.name not in NEW])
    create_table(path, before, "One row per column.", {"delta.appendOnly": "true"})
    identity = WriteIdentity("monitor", "late 2013-04-08")
    append_rows(path, before, [ROW], "first", write_metadata("first", identity, None))
    test = Significance(0.5, 0.25)
    new = {**ROW, "column_name": "origin", "ks_test": test, "vanished_categories": ["JFK"], "count_delta": -2.0}
    address = TableAddress("monitoring", "drift_metrics", str(tmp_path))
    assert add_missing_columns(address, columns, without_spark) == tuple(NEW)
    assert add_missing_columns(address, columns, without_spark) == ()
    assert find_damage(path, Head(1, "first")) is None  # a job that was killed here has done no harm
    for _ in range(2):  # the second is the same write
        append_rows(path, columns, [new], "second", write_metadata("second", identity, None))
    old, now = sorted(read_rows(path, "as_of", None), key=lambda row: row["column_name"], reverse=True)
    assert {name for name, value in old.items() if value is not None} == set(ROW)
    assert now["ks_test"] == {"statistic": 0.5, "pvalue": 0.25}
    assert (now["vanished_categories"], now["count_delta"], now["js_distance"]) == (["JFK"], -2.0, None)
    assert {each.name: each for each in read_columns(path).fields} == {each.name: each for each in columns.fields}
    assert DeltaTable(path).version() == 3
    assert find_damage(path, Head(1, "first")) is None

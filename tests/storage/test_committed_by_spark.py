"""Where several jobs write to S3 every commit is Spark's; shown on a folder, where only the log store is another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakeloop.schemas import FEATURE_BUILDS, INSTANT, TEXT, TableSchema, column
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, Store, WriteIdentity, rewrite_words

pytestmark = pytest.mark.slow

NOON = datetime(2024, 1, 25, 12, tzinfo=UTC)
BUILD = {"feature_table": "shops", "built_through": NOON, "rows": 3, "spec_hash": "a", "gold_version": 1, "as_of": NOON}
SHOP = column("shop", TEXT, "the shop")
AT = column("available_ts", INSTANT, "when it became known")


class SeveralWriters(Store):
    """A folder that is committed to as S3 is where several jobs write."""

    @property
    def by_spark(self) -> bool:
        return True


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path, retention=timedelta(days=30), store=SeveralWriters(str(tmp_path)))


def engines(path: str) -> set[str]:
    """Who made the commits of a table."""
    return {str(each.get("engineInfo", "")).partition("/")[0].partition(":")[0] for each in DeltaTable(path).history()}


def test_control_rows_are_spark_s_and_count_once(lake: Lake) -> None:
    write = WriteIdentity("features", "shops")
    with lake.writing():
        outcomes = [lake.append_own(FEATURE_BUILDS, [BUILD], write).outcome for _ in range(2)]
    assert outcomes == [Outcome.WRITTEN, Outcome.SKIPPED]
    assert [row["rows"] for row in lake.own_rows(FEATURE_BUILDS, NOON)] == [3]
    address = lake.own(FEATURE_BUILDS)
    assert engines(address.path) == {"Apache-Spark"}
    assert lake.damage(address, lake.read_head(address)) is None


def test_rows_of_this_process_words_and_columns_are_spark_s(lake: Lake) -> None:
    address = lake.address("gold", "shops")
    lake.create(address, StructType([SHOP, AT]), "A shop.", {"owner": "ops"})
    rows = pa.table({"shop": ["A"], "available_ts": pa.array([NOON], pa.timestamp("us", "UTC"))})
    written = lake.append(rows, address, WriteIdentity("build", "first"), expect_rows=1)
    assert (written.outcome, written.rows) == (Outcome.WRITTEN, 1)
    named = StructType([column("shop", TEXT, "its name"), AT])
    assert rewrite_words(lake, address, named, "A shop's name.", {"owner": "shops"})
    assert lake.columns(address)["shop"].metadata == {"comment": "its name"}
    assert engines(address.path) == {"Apache-Spark"}
    assert lake.damage(address, lake.read_head(address)) is None


def test_an_own_table_of_an_earlier_lakeloop_gets_its_columns_by_spark(lake: Lake, spark: SparkSession) -> None:
    columns = StructType([SHOP, AT, column("town", TEXT, "where it is")])
    grown = TableSchema("ops", "shops", "shop", "available_ts", columns)
    address = lake.own(grown)
    spark.sql(f"CREATE TABLE {address.sql} (shop STRING, available_ts TIMESTAMP) USING DELTA")
    lake.create_own(grown)
    assert lake.columns(address).fieldNames() == ["shop", "available_ts", "town"]
    assert DeltaTable(address.path).metadata().configuration["lakeloop.format"] == "1"
    assert engines(address.path) == {"Apache-Spark"}
    assert lake.damage(address, None) is None

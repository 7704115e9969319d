"""Tables keep their versions for the retention that is declared now, whenever they were created."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop.schemas import FLAGS
from lakeloop.tables import Lake, TableAddress, WriteIdentity, listed_versions
from lakeloop.tables.settings import retention_settings
from tests.factories import instant

KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")


def open_lake(folder: Path, days: int) -> Lake:
    """A lake on a path that starts no Spark."""
    return Lake(lambda: pytest.fail("Spark was started"), folder, retention=timedelta(days=days))


def kept(address: TableAddress) -> list[str]:
    said = DeltaTable(address.path).metadata().configuration
    return [said[each] for each in KEPT]


def append(lake: Lake, unit: str) -> int:
    """Append a flag; gives the version that holds it."""
    at = instant("2013-05-01 10:00")
    row = {"flag_id": unit, "event": "raised", "kind": "bias", "model": "late", "subject": unit}
    return lake.append_own(
        FLAGS, [row | {"window_end": at, "evidence": "{}", "as_of": at}], WriteIdentity("test", unit)
    ).version


@pytest.mark.parametrize(
    ("retention", "days"),
    [
        (timedelta(hours=1), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, microseconds=1), 2),
        (timedelta(hours=36), 2),
        (timedelta(days=400), 400),
    ],
)
def test_a_part_of_a_day_is_kept_as_a_day(retention: timedelta, days: int) -> None:
    said = retention_settings(retention)
    assert {each: said[each] for each in KEPT} == dict.fromkeys(KEPT, f"interval {days} days")


@pytest.mark.parametrize("days", [60, 10])
def test_a_table_that_is_there_follows_the_retention_at_the_next_write(tmp_path: Path, days: int) -> None:
    before, after = open_lake(tmp_path, 30), open_lake(tmp_path, days)
    assert append(before, "one") == 1
    head = before.read_head(before.own(FLAGS))
    assert append(after, "two") == 3  # behind the one that says the retention
    assert kept(after.own(FLAGS)) == [f"interval {days} days"] * 2
    assert after.damage(after.own(FLAGS), head) is None


def test_the_same_retention_makes_no_version(tmp_path: Path) -> None:
    assert [append(open_lake(tmp_path, 30), unit) for unit in ("one", "two", "two", "three")] == [1, 2, 2, 3]


def test_other_properties_stay(tmp_path: Path) -> None:
    lake = open_lake(tmp_path, 30)
    append(lake, "one")
    before = dict(DeltaTable(lake.own(FLAGS).path).metadata().configuration)
    open_lake(tmp_path, 60).create_own(FLAGS)
    after = dict(DeltaTable(lake.own(FLAGS).path).metadata().configuration)
    assert after == before | dict.fromkeys(KEPT, "interval 60 days")


def test_a_clean_up_of_the_log_takes_no_version_inside_the_retention(tmp_path: Path) -> None:
    lake = open_lake(tmp_path, 30)
    versions = [append(lake, unit) for unit in ("one", "two", "three")]
    table = DeltaTable(lake.own(FLAGS).path)
    table.create_checkpoint()
    table.cleanup_metadata()
    assert listed_versions(lake, lake.own(FLAGS), versions) == {1, 2, 3}


@pytest.fixture
def database(spark: SparkSession) -> Iterator[str]:
    """A schema of the session's catalog."""
    spark.sql("CREATE DATABASE ops")
    yield "ops"
    spark.sql("DROP DATABASE ops CASCADE")


def test_a_catalog_is_told_the_same(spark: SparkSession, tmp_path: Path, database: str) -> None:
    for days in (30, 60, 60):
        Lake(spark, tmp_path, retention=timedelta(days=days), catalog="spark_catalog").create_own(FLAGS)
    lake = Lake(spark, tmp_path, retention=timedelta(days=60), catalog="spark_catalog")
    (row,) = spark.sql(f"DESCRIBE DETAIL {lake.own(FLAGS).sql}").select("properties").collect()
    assert [row["properties"][each] for each in KEPT] == ["interval 60 days"] * 2
    assert (lake.own(FLAGS).layer, lake.version(lake.own(FLAGS))) == (database, 1)

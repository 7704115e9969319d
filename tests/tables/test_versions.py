from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.tables import Lake, TableAddress, WriteIdentity, holds_version, listed_versions

FILES = schemas.FLAGS


@pytest.fixture
def table(lake: Lake) -> TableAddress:
    """A table of three versions: made, and appended to twice."""
    for unit in ("one", "two"):
        lake.append_own(FILES, [_row(unit)], WriteIdentity("test", unit))
    return lake.own(FILES)


def _row(subject: str) -> dict[str, object]:
    from tests.factories import instant

    at = instant("2013-05-01 10:00")
    row = {"flag_id": subject, "event": "raised", "kind": "bias", "model": "late", "subject": subject}
    return row | {"window_end": at, "evidence": "{}", "as_of": at}


def test_every_version_of_a_table_that_is_only_appended_to_is_held(lake: Lake, table: TableAddress) -> None:
    assert [holds_version(lake, table, version) for version in (0, 1, 2)] == [True] * 3


def test_versions_of_a_path_are_listed_while_their_files_are_there(lake: Lake, table: TableAddress) -> None:
    assert listed_versions(lake, table, [0, 1, 2, 3]) == {0, 1, 2}
    for data in Path(table.path).glob("*.parquet"):
        data.unlink()
    assert listed_versions(lake, table, [0, 1, 2, 3]) == {0}
    assert listed_versions(lake, lake.address("gold", "weather"), [0]) == frozenset()


def test_a_version_that_never_was_is_not_held(lake: Lake, table: TableAddress) -> None:
    assert not holds_version(lake, table, 3)


def test_a_table_that_is_not_there_holds_nothing(lake: Lake) -> None:
    assert not holds_version(lake, lake.address("gold", "weather"), 0)


def test_a_version_whose_files_were_vacuumed_is_not_held(lake: Lake, table: TableAddress) -> None:
    delta = DeltaTable(table.path)
    delta.optimize.compact()  # version 3 holds the rows in one new file
    delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert [holds_version(lake, table, version) for version in (0, 1, 2, 3)] == [True, False, False, True]


def test_a_version_whose_log_was_cleaned_up_is_not_held(lake: Lake, table: TableAddress) -> None:
    delta = DeltaTable(table.path)
    delta.create_checkpoint()
    for version in (0, 1):
        (Path(table.path) / "_delta_log" / f"{version:020}.json").unlink()
    assert [holds_version(lake, table, version) for version in (1, 2)] == [False, True]


@pytest.fixture
def catalogued(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    """A lake in the session's catalog."""
    spark.sql(f"CREATE DATABASE ops LOCATION '{tmp_path / 'ops'}'")
    yield Lake(spark, tmp_path, retention=timedelta(days=30), catalog="spark_catalog")
    spark.sql("DROP DATABASE ops CASCADE")


def test_in_a_catalog_a_version_is_held_while_its_rows_can_be_read(catalogued: Lake, tmp_path: Path) -> None:
    catalogued.append_own(FILES, [_row("one")], WriteIdentity("test", "one"))
    address = catalogued.own(FILES)
    assert [holds_version(catalogued, address, version) for version in (0, 1, 2)] == [True, True, False]
    (data,) = (tmp_path / "ops" / "flags").glob("*.parquet")
    data.unlink()
    assert not holds_version(catalogued, address, 1)
    assert listed_versions(catalogued, address, [0, 1, 2]) == {0, 1}  # the history alone is asked

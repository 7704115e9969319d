"""The log of a table: writers leave it alone, and a clean-up takes what was told before."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from lakeloop.tables import TableAddress
from lakeloop.tables.in_process import holds_version
from lakeloop.tables.log_files import OldLog, clean_log, old_log
from lakeloop.tables.settings import retention_settings

KEPT = timedelta(days=10)


def write(address: TableAddress, version: int) -> None:
    settings = retention_settings(KEPT) | {"delta.checkpointInterval": "5"} if version == 0 else None
    write_deltalake(address.path, pa.table({"shop": [version]}), mode="append", configuration=settings)


def age(address: TableAddress, through: int) -> None:
    """Let what the log has of versions up to one be a month old."""
    then = time.time() - timedelta(days=30).total_seconds()
    for file in Path(address.path, "_delta_log").glob("0*"):
        if int(file.name[:20]) <= through:
            os.utime(file, (then, then))


def held(address: TableAddress) -> list[int]:
    return [each for each in range(DeltaTable(address.path).version() + 1) if holds_version(address.path, each)]


@pytest.mark.parametrize(("old_through", "first_kept", "files"), [(-1, 0, 0), (2, 0, 0), (3, 4, 5), (12, 9, 11)])
def test_what_goes_is_what_was_told(tmp_path: Path, old_through: int, first_kept: int, files: int) -> None:
    address = TableAddress("gold", "shops", str(tmp_path))
    for version in range(13):
        write(address, version)
    age(address, old_through)
    for version in range(13, 18):  # with a checkpoint, at which a writer would clean up by itself
        write(address, version)
    log = Path(address.path, "_delta_log")
    (log / f"{2:020}.crc").touch()  # as Spark writes
    age(address, old_through)
    before = set(log.iterdir())
    assert held(address) == list(range(18))
    assert old_log(address, KEPT, datetime.now(UTC)) == OldLog(first_kept, files)
    clean_log(address)
    assert len(before - set(log.iterdir())) == files
    assert held(address) == list(range(first_kept, 18))
    assert old_log(address, KEPT, datetime.now(UTC)) == OldLog(first_kept, 0)


def test_spark_leaves_the_log_alone(spark: SparkSession, tmp_path: Path) -> None:
    address = TableAddress("gold", "shops", str(tmp_path))
    for version in range(13):
        write(address, version)
    age(address, 12)
    for _ in range(3):  # the last one is of version 15, with a checkpoint
        spark.createDataFrame([(1,)], "shop long").write.format("delta").mode("append").save(address.path)
    assert Path(address.path, "_delta_log", f"{15:020}.checkpoint.parquet").exists()
    assert held(address) == list(range(16))

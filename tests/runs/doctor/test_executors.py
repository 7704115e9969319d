"""What the doctor says of executors, Connect servers and catalogs; the session of the tests stands in for theirs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.doctor.catalog import check_catalog
from lakeloop.runs.doctor.cluster import check_executors, judge_answers, within
from lakeloop.runs.doctor.connect import check_server, judge_server
from lakeloop.runs.doctor.shared_tables import check_shared
from lakeloop.statuses import CheckStatus
from tests.config.small_project import edited, write_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeloop.config.tree import Config


ANSWER = {"host": "one", "python": "3.11", "lakeloop": "0.1.0"}


def config_in(root: Path, catalog: str) -> Config:
    """A project whose tables are in a catalog."""
    changes = edited("conf/base/project.yml", "project: flights\n", f"project: flights\ncatalog: {catalog}\n")
    return load_config(write_project(root, changes))


@pytest.mark.parametrize(
    ("others", "status", "found"),
    [
        ([], CheckStatus.OK, "yarn: 1 host answers, Python 3.11, lakeloop 0.1.0"),
        ([{"host": "two"}], CheckStatus.OK, "yarn: 2 hosts answer, Python 3.11, lakeloop 0.1.0"),
        ([{"host": "two", "python": "3.9"}], CheckStatus.FAIL, "yarn: Python 3.9 on two, 3.11 here"),
        ([{"host": "two", "lakeloop": "0.2.0"}], CheckStatus.FAIL, "yarn: lakeloop 0.2.0 on two, 0.1.0 here"),
        ([{"host": "two", "lakeloop": "absent"}], CheckStatus.FAIL, "yarn: lakeloop cannot be imported on two"),
    ],
)
def test_answers_of_executors_are_compared(others: list[dict[str, str]], status: CheckStatus, found: str) -> None:
    finding = judge_answers([ANSWER, *(ANSWER | each for each in others)], "yarn", "3.11", "0.1.0")
    assert (finding.status, finding.found, bool(finding.remedy)) == (status, found, status is CheckStatus.FAIL)


@pytest.mark.parametrize(
    ("version", "extensions", "status"),
    [
        ("4.2.0", "io.delta.sql.DeltaSparkSessionExtension", CheckStatus.OK),
        ("4.1.0+build.7", "io.delta.sql.DeltaSparkSessionExtension", CheckStatus.OK),
        ("4.2.0", "", CheckStatus.WARN),
        ("3.5.1", "io.delta.sql.DeltaSparkSessionExtension", CheckStatus.FAIL),
        ("5.0.0", "io.delta.sql.DeltaSparkSessionExtension", CheckStatus.FAIL),
    ],
)
def test_a_server_is_a_spark_that_is_taken_with_delta(version: str, extensions: str, status: CheckStatus) -> None:
    finding = judge_server(version, extensions, "host:15002 takes connections")
    assert finding.status is status
    assert finding.found.startswith(f"host:15002 takes connections; Spark {version}")


def test_what_does_not_end_is_left_behind_and_what_fails_is_raised() -> None:
    with pytest.raises(TimeoutError):
        within(lambda: time.sleep(5), 0.05)
    with pytest.raises(ZeroDivisionError):
        within(lambda: 1 // 0, 30)


def test_a_small_job_is_answered_by_the_same_python_and_lakeloop(spark: SparkSession) -> None:
    finding = check_executors(spark, "spark://master:7077")
    assert (finding.check, finding.status) == ("cluster", CheckStatus.OK)


def test_the_session_of_the_tests_is_a_server_that_is_taken(spark: SparkSession) -> None:
    assert check_server(spark, "host:15002 takes connections").status is CheckStatus.OK


def test_tables_are_shared_and_the_trial_is_removed(spark: SparkSession, tmp_path: Path) -> None:
    finding = check_shared(spark, str(tmp_path))
    assert finding.status is CheckStatus.OK, finding
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_spark_has_no_file_system_for_is_told(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeloop.tables.make_trial", lambda _: None)
    monkeypatch.setattr("lakeloop.tables.remove_table", lambda _: None)
    finding = check_shared(spark, "s3a://lake/flights")
    assert finding.status is CheckStatus.FAIL
    assert finding.remedy.startswith("Spark lacks the store's file system: add its jars")
    assert "\n" not in finding.found


def test_a_catalog_lacks_schemas_then_takes_tables(spark: SparkSession, tmp_path: Path) -> None:
    file = "conf/base/project.yml"
    config = load_config(
        write_project(tmp_path, edited(file, "project: flights\n", "project: flights\ncatalog: spark_catalog\n"))
    )
    finding = check_catalog(spark, config)
    assert (finding.check, finding.status) == ("catalog", CheckStatus.FAIL)
    assert finding.found.startswith("spark_catalog: without bronze, ")
    layers = re.findall(r"`spark_catalog`\.`(\w+)`", finding.remedy)
    for layer in layers:
        spark.sql(f"CREATE SCHEMA {layer} LOCATION '{tmp_path / layer}'")
    try:
        found = check_catalog(spark, config)
        assert (found.status, found.found) == (
            CheckStatus.OK,
            "spark_catalog: tables can be made in its schemas; 0 tables in a format that is read",
        )
        assert not spark.sql("SHOW TABLES IN bronze").collect()
        spark.sql("CREATE TABLE ops.runs (n BIGINT) USING DELTA TBLPROPERTIES ('lakeloop.format' = '7')")
        assert check_catalog(spark, config).found == (
            "spark_catalog.ops.runs: format: it is 7; this release reads formats up to 1"
        )
    finally:
        for layer in layers:
            spark.sql(f"DROP SCHEMA {layer} CASCADE")


def test_a_catalog_that_is_not_there_is_told(spark: SparkSession, tmp_path: Path) -> None:
    file = "conf/base/project.yml"
    config = load_config(
        write_project(tmp_path, edited(file, "project: flights\n", "project: flights\ncatalog: nowhere\n"))
    )
    finding = check_catalog(spark, config)
    assert (finding.status, "\n" in finding.found) == (CheckStatus.FAIL, False)
    assert finding.remedy.startswith("check catalog in project.yml")

"""What the doctor says of the store the tables lie in, of writers on S3, and of the tables' formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from lakeloop.runs.doctor.finding import ok
from lakeloop.runs.doctor.storage import check_storage, check_tables, judge_declared, judge_probe
from lakeloop.schemas import TEXT, column
from lakeloop.statuses import CheckStatus
from lakeloop.tables import LOG_STORE, SAFE_LOG_STORE, Probe
from lakeloop.tables.in_process import create_table
from tests.config.small_project import edited, write_project

FILE = "conf/base/project.yml"
ROOT = "s3a://lake/flights"


def config_with(root: Path, lines: str) -> Config:
    return load_config(write_project(root, edited(FILE, "project: flights\n", f"project: flights\n{lines}")))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path))


def test_a_folder_that_is_not_there_yet_is_not_made(config: Config) -> None:
    assert (check_storage(config).status, config.workspace.exists()) == (CheckStatus.NOT_CHECKED, False)


def test_a_folder_keeps_commits_and_is_left_as_it_was(config: Config) -> None:
    config.workspace.mkdir()
    said = f"{config.workspace}: of two commits of one version the first stays; its clock is this machine's"
    assert check_storage(config) == ok("storage", said)
    assert list(config.workspace.iterdir()) == []


@pytest.mark.parametrize(
    ("probe", "status", "found"),
    [
        (Probe("no answer within 60 s"), CheckStatus.FAIL, f"{ROOT}: no answer within 60 s"),
        (Probe(), CheckStatus.FAIL, f"{ROOT}: of two commits of one version the second replaced the first"),
        (
            Probe(keeps_commits=True),
            CheckStatus.OK,
            f"{ROOT}: of two commits of one version the first stays; it tells no time",
        ),
        (
            Probe(keeps_commits=True, ahead_seconds=5.0),
            CheckStatus.OK,
            f"{ROOT}: of two commits of one version the first stays; its clock is this machine's",
        ),
        (
            Probe(keeps_commits=True, ahead_seconds=75.2),
            CheckStatus.WARN,
            f"{ROOT}: its clock is 75 s ahead of this machine's",
        ),
        (
            Probe(keeps_commits=True, ahead_seconds=-5.1),
            CheckStatus.WARN,
            f"{ROOT}: its clock is 5 s behind this machine's",
        ),
    ],
)
def test_what_a_trial_found_is_judged(probe: Probe, status: CheckStatus, found: str) -> None:
    finding = judge_probe(ROOT, probe)
    assert (finding.status, finding.found, bool(finding.remedy)) == (status, found, status is not CheckStatus.OK)


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        ("", CheckStatus.FAIL, "s3_writers: it is not declared"),
        ("s3_writers: one\n", None, ""),
        ("s3_writers: several\n", CheckStatus.WARN, "is left to spark-submit or the server"),
        (f"s3_writers: several\nspark: {{{LOG_STORE}: {SAFE_LOG_STORE}}}\n", None, ""),
        (f"s3_writers: several\nspark: {{{LOG_STORE}: org.example.Other}}\n", CheckStatus.FAIL, "org.example.Other"),
    ],
)
def test_what_is_declared_of_writers_on_s3_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, status: CheckStatus | None, words: str
) -> None:
    monkeypatch.delenv("AWS_S3_LOCKING_PROVIDER", raising=False)
    finding = judge_declared(config_with(tmp_path, f"workspace: {ROOT}\nlocal: here\n{lines}"))
    assert (None if finding is None else finding.status) is status
    assert finding is None or words in finding.found


def test_a_lock_that_delta_rs_has_given_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_S3_LOCKING_PROVIDER", "dynamodb")
    finding = judge_declared(config_with(tmp_path, f"workspace: {ROOT}\nlocal: here\ns3_writers: one\n"))
    assert finding is not None
    assert (finding.status, finding.remedy) == (CheckStatus.WARN, "unset AWS_S3_LOCKING_PROVIDER")


def test_tables_are_counted_by_their_format(config: Config) -> None:
    assert check_tables(config).found == "there are none yet"
    columns = StructType([column("shop", TEXT, "the shop")])
    for name, properties in (("a", {"lakeloop.format": "1"}), ("b", {}), ("c", {})):
        create_table(f"{config.workspace}/gold/{name}", columns, "A shop.", properties)
    found = "1 table in format 1, the newest; 2 in older ones, which the next write brings to it"
    assert check_tables(config) == ok("tables", found)


def test_a_table_of_a_newer_lakeloop_fails(config: Config) -> None:
    path = f"{config.workspace}/gold/a"
    create_table(path, StructType([column("shop", TEXT, "the shop")]), "A shop.", {"lakeloop.format": "7"})
    finding = check_tables(config)
    assert (finding.status, finding.found) == (
        CheckStatus.FAIL,
        "gold.a: format: it is 7; this release reads formats up to 1",
    )
    assert DeltaTable(path).version() == 0


def test_tables_of_a_catalog_are_left_to_spark(tmp_path: Path) -> None:
    config = config_with(tmp_path, "catalog: main\n")
    assert [each(config).status for each in (check_storage, check_tables)] == [CheckStatus.NOT_CHECKED] * 2

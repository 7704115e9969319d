from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.errors import AccountingError, BusyError, ConflictError, NotReadyError
from lakeloop.schemas import OWN_TABLES, column
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, TableAddress, WriteIdentity, WriteResult, identity_hash
from tests.factories import frame, instant, rows_of

COLUMNS = StructType(
    [
        column("carrier", schemas.TEXT, "the carrier's code: a \\ is no end", required=True),
        column("wind", schemas.DOUBLE, "wind [mph]"),
        column("available_ts", schemas.INSTANT, "instant of knowledge, UTC"),
        column("reasons", schemas.QUARANTINE_COLUMNS[0].dataType, "why"),
    ]
)
DDL = "carrier string, wind double, available_ts timestamp"
IDENTITY = WriteIdentity("features", "turn 1", "spec a")
TEN = instant("2013-05-01 10:00")


def make_rows(spark: SparkSession, *carriers: str) -> DataFrame:
    return frame(spark, DDL, [{"carrier": carrier, "wind": 1.0, "available_ts": TEN} for carrier in carriers])


@pytest.fixture
def table(lake: Lake) -> TableAddress:
    address = lake.address("gold", "weather")
    lake.create(address, COLUMNS, "A carrier's wind.", {"entity": "carrier", "owner": "the station's keeper"})
    return address


def test_a_creation_that_was_stopped_before_its_first_version_is_done_again(lake: Lake) -> None:
    address = lake.address("gold", "weather")
    (lake.workspace / "gold" / "weather" / "_delta_log").mkdir(parents=True)
    assert (lake.exists(address), lake.damage(address, None)) == (False, None)
    lake.create(address, COLUMNS, "A carrier's wind.", {})
    assert lake.exists(address)


def reopened(lake: Lake) -> Lake:
    """The same workspace as another process sees it."""
    return Lake(lake.spark, lake.workspace, retention=timedelta(days=30))


# --- creation --------------------------------------------------------------------------------------------------------


def test_create_makes_a_described_table_that_every_reader_reads(lake: Lake, table: TableAddress) -> None:
    lake.append(make_rows(lake.spark, "UA", "AA"), table, IDENTITY)
    lake.create(table, COLUMNS, "Another description.")  # the table is there: nothing changes

    delta = DeltaTable(table.path)
    assert delta.version() == 1
    assert {field.name: field.metadata["comment"] for field in delta.schema().fields} == {
        "carrier": "the carrier's code: a \\ is no end",
        "wind": "wind [mph]",
        "available_ts": "instant of knowledge, UTC",
        "reasons": "why",
    }
    assert [field.name for field in delta.schema().fields if not field.nullable] == ["carrier"]
    assert delta.metadata().description == "A carrier's wind."
    assert delta.metadata().configuration == {
        "delta.enableDeletionVectors": "false",
        "delta.columnMapping.mode": "none",
        "delta.checkpointPolicy": "classic",
        "delta.logRetentionDuration": "interval 30 days",
        "delta.deletedFileRetentionDuration": "interval 30 days",
        "delta.enableExpiredLogCleanup": "false",
        "lakeloop.format": "1",
        "lakeloop.entity": "carrier",
        "lakeloop.owner": "the station's keeper",
    }
    protocol = delta.protocol()
    assert (protocol.min_reader_version, protocol.reader_features) == (1, None)
    assert sorted(delta.to_pyarrow_table().select(["carrier", "wind"]).to_pylist(), key=lambda row: row["carrier"]) == [
        {"carrier": "AA", "wind": 1.0},
        {"carrier": "UA", "wind": 1.0},
    ]


@pytest.mark.parametrize("own", [schemas.INGESTED_BATCHES, schemas.FLAGS], ids=lambda own: own.name)
def test_create_own_takes_columns_and_their_meaning_from_the_schemas(lake: Lake, own: schemas.TableSchema) -> None:
    address = lake.create_own(own)
    found = lake.read_uncut(address).schema
    assert [(f.name, f.dataType.simpleString()) for f in found] == [
        (f.name, f.dataType.simpleString()) for f in own.columns
    ]
    assert [f.metadata["comment"] for f in found] == [f.metadata["comment"] for f in own.columns]
    delta = DeltaTable(address.path)
    assert delta.metadata().configuration["delta.appendOnly"] == "true"
    assert (delta.protocol().min_reader_version, delta.protocol().min_writer_version) == (1, 2)


@pytest.mark.parametrize("own", OWN_TABLES, ids=lambda own: own.name)
def test_own_tables_are_cut_by_a_column_they_have_and_name_what_is_volatile(own: schemas.TableSchema) -> None:
    assert own.columns[own.cut_by].dataType == schemas.INSTANT
    assert own.volatile <= set(own.columns.fieldNames())
    assert all(field.metadata["comment"] for field in own.columns)


def test_exists_only_after_creation(lake: Lake, table: TableAddress) -> None:
    assert lake.exists(table)
    assert not lake.exists(lake.address("gold", "nothing"))


# --- reading ---------------------------------------------------------------------------------------------------------


def test_read_cuts_at_both_ends_of_the_stretch(zoned: SparkSession, tmp_path: Path) -> None:
    lake = Lake(zoned, tmp_path, retention=timedelta(days=30))
    address = lake.address("gold", "weather")
    lake.create(address, COLUMNS, "")
    clocks = ["09:00", "09:00:00.000001", "10:00", "10:00:00.000001"]
    rows = [{"carrier": clock, "available_ts": instant(f"2013-05-01 {clock}")} for clock in clocks]
    lake.append(frame(zoned, DDL, [*rows, {"carrier": "never"}]), address, IDENTITY)
    lake.append(frame(zoned, DDL, [{"carrier": "later", "available_ts": TEN}]), address, WriteIdentity("f", "2"))

    def carriers(rows: DataFrame) -> list[str]:
        return [row["carrier"] for row in rows_of(rows, "carrier")]

    nine = instant("2013-05-01 09:00")
    assert carriers(lake.read(address, TEN)) == ["09:00", "09:00:00.000001", "10:00", "later"]
    assert carriers(lake.read(address, TEN, after=nine)) == ["09:00:00.000001", "10:00", "later"]
    assert carriers(lake.read(address, TEN, after=nine, version=1)) == ["09:00:00.000001", "10:00"]
    assert carriers(lake.read(address, instant("2013-05-01 08:59"))) == []
    assert carriers(lake.read_uncut(address, version=1)) == [*clocks, "never"]
    assert lake.version(address) == 2


def test_read_of_a_missing_table_says_what_to_run(lake: Lake) -> None:
    with pytest.raises(NotReadyError, match=r"gold\.nothing: not ready") as raised:
        lake.read(lake.address("gold", "nothing"), TEN)
    assert (raised.value.exit_code, raised.value.retryable) == (5, True)


def test_read_own_is_empty_before_the_first_write_and_cut_afterwards(lake: Lake) -> None:
    assert rows_of(lake.read_own(schemas.PROMOTIONS, TEN)) == []
    row = {"flag_id": "a", "event": "raised", "kind": "bias", "model": "m", "subject": "s", "evidence": "{}"}
    lake.append_own(schemas.FLAGS, [row | {"as_of": TEN}], WriteIdentity("monitor", "1"))
    expected = frame(
        lake.spark, "flag_id string, model_version string, as_of timestamp", [{"flag_id": "a", "as_of": TEN}]
    )
    found = lake.read_own(schemas.FLAGS, TEN).select("flag_id", "model_version", "as_of")
    assert_df_equality(found, expected, ignore_nullable=True, ignore_metadata=True)
    assert rows_of(lake.read_own(schemas.FLAGS, TEN - timedelta(microseconds=1))) == []


# --- writing ---------------------------------------------------------------------------------------------------------


def test_append_writes_once_and_says_so(lake: Lake, table: TableAddress) -> None:
    rows = make_rows(lake.spark, "UA", "AA")
    notes = {"built_through": "2013-05-01T10:00:00+00:00", "days": ["1"]}

    first = lake.append(rows, table, IDENTITY, notes=notes, expect_rows=2)
    again = lake.append(rows, table, IDENTITY)
    elsewhere = reopened(lake).append(rows, table, IDENTITY, expect_rows=2)

    assert first == WriteResult(Outcome.WRITTEN, 2, 1, notes)
    assert again == elsewhere == WriteResult(Outcome.SKIPPED, 2, 1, notes)
    assert lake.read_uncut(table).count() == 2
    assert lake.version(table) == 1


def test_append_of_what_another_process_wrote_meanwhile_adds_nothing(lake: Lake, table: TableAddress) -> None:
    other = reopened(lake)
    assert other.commits(table) == []  # it has looked before
    lake.append(make_rows(lake.spark, "UA"), table, IDENTITY)
    found = other.append(make_rows(lake.spark, "UA"), table, IDENTITY, expect_rows=1)
    assert (found.rows, found.version) == (1, 1)
    assert lake.read_uncut(table).count() == 1


def test_append_own_of_what_another_process_wrote_meanwhile_adds_nothing(tmp_path: Path) -> None:
    lake, other = unstarted_lake(tmp_path), unstarted_lake(tmp_path)
    flag = {"flag_id": "a", "event": "raised", "kind": "bias", "model": "m", "subject": "s", "evidence": "{}"}
    identity = WriteIdentity("monitor", "1")
    other.create_own(schemas.FLAGS)
    assert other.commits(other.own(schemas.FLAGS)) == []  # it has looked before
    lake.append_own(schemas.FLAGS, [flag | {"as_of": TEN}], identity)
    found = other.append_own(schemas.FLAGS, [flag | {"as_of": TEN}], identity)
    assert (found.rows, found.version) == (1, 1)
    assert len(lake.own_rows(schemas.FLAGS, TEN)) == 1


def test_writing_looks_again_at_what_other_processes_wrote(lake: Lake, table: TableAddress) -> None:
    other = reopened(lake)
    assert other.commits(table) == []  # it has looked before
    lake.append(make_rows(lake.spark, "UA"), table, IDENTITY)
    with other.writing():
        assert other.append(make_rows(lake.spark, "UA"), table, IDENTITY).outcome is Outcome.SKIPPED
        with pytest.raises(ConflictError), other.writing():
            other.append(make_rows(lake.spark, "AA"), table, WriteIdentity("features", "turn 1", "spec b"))


def test_append_of_no_rows_is_a_commit_too(lake: Lake, table: TableAddress) -> None:
    empty = make_rows(lake.spark)
    assert lake.append(empty, table, IDENTITY, expect_rows=0) == WriteResult(Outcome.WRITTEN, 0, 1)
    assert reopened(lake).append(empty, table, IDENTITY).outcome is Outcome.SKIPPED


def test_append_refuses_the_same_unit_from_other_inputs(lake: Lake, table: TableAddress) -> None:
    lake.append(make_rows(lake.spark, "UA"), table, IDENTITY)
    with pytest.raises(ConflictError) as raised:
        lake.append(make_rows(lake.spark, "AA"), table, WriteIdentity("features", "turn 1", "spec b"))
    assert raised.value.exit_code == 6
    assert [str(each) for each in raised.value.failures] == [
        "features turn 1: was written from inputs spec a, now they are spec b"
    ]
    assert [row["carrier"] for row in rows_of(lake.read_uncut(table))] == ["UA"]


def test_append_takes_other_units_and_other_jobs(lake: Lake, table: TableAddress) -> None:
    rows = make_rows(lake.spark, "UA")
    others = [WriteIdentity("features", "turn 2", "spec b"), WriteIdentity("score", "turn 1", "spec b")]
    results = [lake.append(rows, table, identity) for identity in (IDENTITY, *others)]
    assert [result.outcome for result in results] == [Outcome.WRITTEN] * 3
    assert [(each.version, each.job, each.unit, each.rows) for each in reopened(lake).commits(table)] == [
        (1, "features", "turn 1", 1),
        (2, "features", "turn 2", 1),
        (3, "score", "turn 1", 1),
    ]


def test_commits_leave_out_those_of_others(lake: Lake, table: TableAddress) -> None:
    lake.append(make_rows(lake.spark, "UA"), table, IDENTITY)
    for metadata in (None, "nightly load", json.dumps({"lakeloop": "by hand"})):
        writer = make_rows(lake.spark, "AA").write.format("delta").mode("append")
        (writer if metadata is None else writer.option("userMetadata", metadata)).save(table.path)
    assert [each.version for each in reopened(lake).commits(table)] == [1]


def test_append_with_another_number_of_rows_is_an_error_each_time(lake: Lake, table: TableAddress) -> None:
    for each in (lake, reopened(lake)):
        with pytest.raises(AccountingError, match="3 were to be written, the commit has 2"):
            each.append(make_rows(lake.spark, "UA", "AA"), table, IDENTITY, expect_rows=3)


class ForgetfulLake(Lake):
    """A lake whose writes never arrive."""

    def _commit(self, *_: Any) -> None:
        return


def test_append_whose_commit_is_absent_is_an_error(lake: Lake, table: TableAddress) -> None:
    forgetful = ForgetfulLake(lake.spark, lake.workspace, retention=timedelta(days=30))
    with pytest.raises(AccountingError, match="is absent from the table's history"):
        forgetful.append(make_rows(lake.spark, "UA"), table, IDENTITY)


def test_append_own_makes_the_table_and_fills_what_is_not_given(lake: Lake) -> None:
    row = {"source": "weather", "batch_id": 0, "files": 1, "rows_read": 2, "as_of": TEN} | dict.fromkeys(
        ("rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded", "rows_warned"), 0
    )
    identity = WriteIdentity("ingest", "batch weather a")
    assert lake.append_own(schemas.INGESTED_BATCHES, [row], identity).outcome is Outcome.WRITTEN
    assert reopened(lake).append_own(schemas.INGESTED_BATCHES, [row], identity).outcome is Outcome.SKIPPED
    assert rows_of(lake.read_own(schemas.INGESTED_BATCHES, TEN)) == [row]


# --- identities ------------------------------------------------------------------------------------------------------


def test_identity_hash_tells_parts_and_their_order_apart() -> None:
    hashes = [
        identity_hash("ab", "c"),
        identity_hash("a", "bc"),
        identity_hash("c", "ab"),
        identity_hash("ab", "c", ""),
    ]
    assert len(set(hashes)) == 4
    assert identity_hash("ab", "c") == "5d3417e0b6f7f76895f8e167d4904489"


def test_app_id_is_of_the_table_wherever_the_workspace_is() -> None:
    here, there = TableAddress("gold", "weather", "/here"), TableAddress("gold", "weather", "main", in_catalog=True)
    assert IDENTITY.app_id(here) == IDENTITY.app_id(there)
    assert IDENTITY.app_id(here) != IDENTITY.app_id(TableAddress("gold", "other", "/here"))


# --- the lock --------------------------------------------------------------------------------------------------------

HOLD_OR_SAY_WHY = """
    import sys
    from datetime import timedelta
    from pathlib import Path
    from lakeloop.errors import BusyError
    from lakeloop.tables import Lake
    try:
        with Lake(None, Path(sys.argv[1]), retention=timedelta(days=30)).writing(wait_seconds=0.2):
            print("held", flush=True)
            sys.stdin.read()
    except BusyError as busy:
        print(busy.exit_code, busy)
"""


@contextmanager
def other_process(workspace: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the workspace until its input ends, or says why it can't."""
    command = [sys.executable, "-c", textwrap.dedent(HOLD_OR_SAY_WHY), str(workspace)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=30)


def unstarted_lake(workspace: Path) -> Lake:
    """A lake without a session: the lock needs none."""
    return Lake(None, workspace, retention=timedelta(days=30))  # type: ignore[arg-type]  # never used


def test_writing_keeps_other_processes_out(tmp_path: Path) -> None:
    with unstarted_lake(tmp_path).writing(), other_process(tmp_path) as process:
        said, _ = process.communicate(timeout=30)
    assert said.startswith(f"6 {tmp_path}: busy\n  - lock: another job has held it for 0.2 seconds")


def test_writing_waits_a_bounded_time_and_is_free_once_the_other_process_ends(tmp_path: Path) -> None:
    lake = unstarted_lake(tmp_path)
    with other_process(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as raised, lake.writing(wait_seconds=0.1):
            pass
        assert raised.value.retryable
        process.kill()
    with lake.writing(wait_seconds=5):
        pass


def test_the_holder_may_enter_again_however_long_it_would_wait(tmp_path: Path) -> None:
    lake = unstarted_lake(tmp_path)
    with lake.writing(), lake.writing(wait_seconds=1), unstarted_lake(tmp_path).writing(wait_seconds=2):
        pass
    with lake.writing(wait_seconds=0.1), other_process(tmp_path) as process:
        said, _ = process.communicate(timeout=30)
    assert said.startswith("6 ")  # leaving the inner ones did not let go of it


def test_control_rows_are_the_same_whichever_way_they_are_written(lake: Lake) -> None:
    row = {"flag_id": "a", "event": "raised", "kind": "bias", "model": "m", "subject": "s", "evidence": "{}"}
    row |= {"window_end": TEN, "as_of": TEN}
    in_process = lake.append_own(schemas.FLAGS, [row], WriteIdentity("flags", "in process"))
    address = lake.own(schemas.FLAGS)
    names = schemas.FLAGS.columns.fieldNames()
    frame = lake.spark.createDataFrame([tuple(row.get(name) for name in names)], schemas.FLAGS.columns)
    by_spark = lake.append(frame, address, WriteIdentity("flags", "by spark"))
    assert (in_process.outcome, in_process.rows) == (by_spark.outcome, by_spark.rows)
    first, second = lake.own_rows(schemas.FLAGS, None)
    assert first == second
    assert rows_of(lake.read_own(schemas.FLAGS, TEN)) == [first, second]
    assert [commit.unit for commit in reopened(lake).commits(address)] == ["in process", "by spark"]

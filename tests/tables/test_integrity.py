"""What was done to a table by something else: found, named, and mended by what the message says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.schema import Field, PrimitiveType
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.schemas import column
from lakeloop.tables import WriteIdentity, in_process
from lakeloop.tables.address import TableAddress
from lakeloop.tables.commits import write_metadata
from lakeloop.tables.integrity import Damage, Head, find_damage

COLUMNS = StructType([column("shop", schemas.TEXT, "shop"), column("items", schemas.LONG, "items")])


def write(path: Path, number: int) -> str:
    """Append a row as lakeloop does; gives the identity of the write."""
    identity = WriteIdentity("job", f"unit {number}")
    app_id = identity.app_id(TableAddress("gold", "shops", str(path)))
    row = {"shop": "A", "items": number}
    in_process.append_rows(str(path), COLUMNS, [row], app_id, write_metadata(app_id, identity, None))
    return app_id


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with two writes of lakeloop."""
    path = tmp_path / "shops"
    in_process.create_table(str(path), COLUMNS, "shops", {})
    write(path, 1)
    write(path, 2)
    return path


@pytest.fixture
def head(table: Path) -> Head:
    (newest,) = in_process.read_commits(str(table), 1)
    return Head(newest.version, newest.app_id)


def append_by_hand(path: Path) -> None:
    write_deltalake(path, pa.table({"shop": ["B"], "items": pa.array([9], pa.int64())}), mode="append")


def found(damage: Damage | None) -> str:
    assert damage is not None
    return str(damage.failure)


def count(path: Path) -> int:
    return int(DeltaTable(path).to_pyarrow_table().num_rows)


def test_what_lakeloop_wrote_is_whole(table: Path, head: Head) -> None:
    assert (head.version, find_damage(str(table), head), find_damage(str(table), None)) == (2, None, None)
    write(table, 3)  # a job that was ended before it noted its writes
    assert find_damage(str(table), head) is None


def test_a_table_that_never_was_is_not_missed(tmp_path: Path) -> None:
    assert find_damage(str(tmp_path / "nothing"), None) is None


def test_a_table_nothing_was_written_to_is_missed_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    in_process.create_table(str(path), COLUMNS, "shops", {})
    assert find_damage(str(path), Head(0, "")) is None
    shutil.rmtree(path)
    assert found(find_damage(str(path), Head(0, ""))) == "table: it is gone; it was at version 0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (append_by_hand, "version 3: WRITE by something else than lakeloop"),
        (lambda path: DeltaTable(path).delete("items = 1"), "version 3: DELETE by something else than lakeloop"),
        (
            lambda path: DeltaTable(path).update(updates={"items": "0"}, predicate="items = 1"),
            "version 3: UPDATE by something else than lakeloop",
        ),
        (
            lambda path: DeltaTable(path).alter.add_columns([Field("note", PrimitiveType("string"))]),
            "version 3: ADD COLUMN by something else than lakeloop",
        ),
        (lambda path: DeltaTable(path).restore(1), "version 3: RESTORE by something else than lakeloop"),
        (
            lambda path: write_deltalake(path, pa.table({"items": [1.5]}), mode="overwrite", schema_mode="overwrite"),
            "version 3: WRITE by something else than lakeloop",
        ),
    ],
    ids=["rows appended", "rows deleted", "rows updated", "column added", "older version restored", "overwritten"],
)
@pytest.mark.parametrize("knows_head", [True, False])
def test_a_change_by_hand_is_named_and_the_remedy_undoes_it(
    table: Path, head: Head, change: Callable[[Path], Any], said: str, knows_head: bool
) -> None:
    noted = head if knows_head else None
    before = DeltaTable(table).to_pyarrow_table().sort_by("items")
    change(table)
    damage = find_damage(str(table), noted)
    assert found(damage) == said
    assert damage is not None
    restored = re.search(
        r"python -c 'from deltalake import DeltaTable; (DeltaTable\(.*\)\.restore\(2\))'", damage.remedy
    )
    assert restored is not None, damage.remedy
    eval(restored[1], {"DeltaTable": DeltaTable})
    assert find_damage(str(table), noted) is None
    assert DeltaTable(table).to_pyarrow_table().sort_by("items").equals(before)
    write(table, 3)
    assert find_damage(str(table), noted) is None


def test_a_change_that_a_person_answers_for_is_let_through(table: Path, head: Head) -> None:
    DeltaTable(table).delete("items = 1")
    damage = find_damage(str(table), head)
    assert damage is not None
    assert damage.remedy.endswith("set its table property lakeloop.accepted_through to 3")
    DeltaTable(table).alter.set_table_properties({"lakeloop.accepted_through": "3"}, raise_if_not_exists=False)
    assert find_damage(str(table), head) is None
    append_by_hand(table)
    assert found(find_damage(str(table), head)) == "version 5: WRITE by something else than lakeloop"


def test_a_change_under_later_writes_cannot_be_undone_alone(table: Path, head: Head) -> None:
    append_by_hand(table)
    write(table, 3)
    damage = find_damage(str(table), head)
    assert found(damage) == "version 3: WRITE by something else than lakeloop"
    assert damage is not None
    assert damage.remedy.startswith("writes of lakeloop stand on the change: put the table's folder back from a backup")


def test_maintenance_is_no_change(table: Path, head: Head) -> None:
    delta = DeltaTable(table)
    delta.optimize.compact()
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    delta.alter.set_table_properties({"delta.appendOnly": "false"}, raise_if_not_exists=False)
    assert find_damage(str(table), head) is None
    assert count(table) == 2


def newest_log(path: Path) -> Path:
    return max((path / "_delta_log").glob("*.json"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shutil.rmtree, r"table: it is gone; it was at version 2"),
        (lambda path: shutil.rmtree(path / "_delta_log"), r"table: it is gone; it was at version 2"),
        (lambda path: newest_log(path).unlink(), r"log: its log ends at version 1 or was replaced; version 2 was .*"),
        (lambda path: newest_log(path).write_text(newest_log(path).read_text()[:40]), r"log: _delta_log cannot .*"),
        (lambda path: newest_log(path).write_text(""), r"log: .*"),
        (lambda path: min((path / "_delta_log").glob("*.json")).unlink(), r"log: _delta_log cannot be read: .*"),
        (lambda path: next(path.glob("*.parquet")).unlink(), r"files: 1 of its files are gone, the first is .*parquet"),
        (
            lambda path: next(path.glob("*.parquet")).write_bytes(b"PAR1"),
            r"files: 1 of its files are not as long as they were written, the first is .*parquet",
        ),
    ],
    ids=[
        "folder deleted",
        "log deleted",
        "newest commit deleted",
        "newest commit cut",
        "newest commit emptied",
        "first commit deleted",
        "file deleted",
        "file cut",
    ],
)
def test_what_is_gone_is_named_and_a_backup_mends_it(
    table: Path, head: Head, tmp_path: Path, change: Callable[[Path], Any], said: str
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(table, backup)
    change(table)
    damage = find_damage(str(table), head)
    assert re.fullmatch(said, found(damage)), found(damage)
    assert damage is not None
    assert damage.remedy.startswith("put the table's folder back from a backup")
    shutil.rmtree(table, ignore_errors=True)
    shutil.copytree(backup, table)
    assert find_damage(str(table), head) is None


def test_a_table_that_was_replaced_by_another_is_told(table: Path, head: Head, tmp_path: Path) -> None:
    shutil.rmtree(table)
    in_process.create_table(str(table), COLUMNS, "shops", {})
    for number in (4, 5, 6):
        write(table, number)
    assert found(find_damage(str(table), head)) == (
        "log: its log ends at version 3 or was replaced; version 2 was recorded"
    )

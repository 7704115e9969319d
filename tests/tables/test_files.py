"""The data files of a table are found wherever its folder lies; no Spark."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakeloop.tables import TableAddress
from lakeloop.tables.files import bytes_of, files_of, removable_files, remove_files
from lakeloop.tables.in_process import holds_version

NONE = timedelta(0)
PLACES = ["plain", "a place with spaces", "a link"]


@pytest.fixture(params=PLACES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace at a plain path, at one that an address has to encode, and behind a symbolic link."""
    place = tmp_path / "workspace" if request.param == "a link" else tmp_path / str(request.param)
    place.mkdir()
    if request.param == "a link":
        link = tmp_path / "link"
        link.symlink_to(place, target_is_directory=True)
        return link
    return place


def write_twice(workspace: Path) -> TableAddress:
    """Make a table of two versions; the second needs no file of the first."""
    address = TableAddress("gold", "shops", str(workspace))
    for shop in ("A", "B"):
        write_deltalake(address.path, pa.table({"shop": [shop]}), mode="overwrite")
    return address


def test_a_version_is_held_while_its_files_are_there(workspace: Path) -> None:
    address = write_twice(workspace)
    assert [holds_version(address.path, version) for version in (0, 1, 2)] == [True, True, False]
    assert remove_files(address, NONE) == 1
    assert [holds_version(address.path, version) for version in (0, 1)] == [False, True]
    assert removable_files(address, NONE) == frozenset()  # the log names the file still
    assert remove_files(address, NONE) == 0


def test_a_version_that_is_kept_keeps_its_files(workspace: Path) -> None:
    address = write_twice(workspace)
    assert remove_files(address, NONE, keep={0}) == 0
    assert holds_version(address.path, 0)


def test_files_are_named_as_the_disk_and_the_vacuum_name_them(workspace: Path) -> None:
    address = write_twice(workspace)
    first, second = files_of(address, 0), files_of(address)
    assert first is not None
    assert second is not None
    assert first | second == {path.name for path in Path(address.path).glob("*.parquet")}
    assert removable_files(address, NONE) == first
    assert bytes_of(address, first) > 0


def test_a_file_below_a_folder_with_an_encoded_name_is_found(workspace: Path) -> None:
    path = str(workspace / "gold" / "towns")
    write_deltalake(path, pa.table({"town": ["St Ives", "100%"], "shops": [1, 2]}), partition_by=["town"])
    assert DeltaTable(path).version() == 0
    assert holds_version(path, 0)
    found = files_of(TableAddress("gold", "towns", str(workspace)))
    assert found == {str(each.relative_to(path)) for each in Path(path).glob("*/*.parquet")}


DAY = timedelta(days=1)


def grow_old(address: TableAddress) -> None:
    """Let all data files of a table be a month old; what its log says of them stays."""
    then = time.time() - timedelta(days=30).total_seconds()
    for file in Path(address.path).rglob("*.parquet"):
        os.utime(file, (then, then))


def forget(address: TableAddress) -> None:
    """Write the checkpoint that forgets the files which were given up, as one beyond the retention does."""
    at_once = {"delta.deletedFileRetentionDuration": "interval 0 seconds"}
    DeltaTable(address.path).alter.set_table_properties(at_once)
    DeltaTable(address.path).create_checkpoint()


def test_files_are_found_that_a_checkpoint_has_forgotten(workspace: Path) -> None:
    address = write_twice(workspace)
    first = files_of(address, 0)
    grow_old(address)
    forget(address)
    assert DeltaTable(address.path).vacuum(0, enforce_retention_duration=False) == []  # by the log alone
    assert removable_files(address, DAY) == first
    assert remove_files(address, DAY, keep={0}) == 0
    assert holds_version(address.path, 0)
    assert remove_files(address, DAY) == 1
    assert [holds_version(address.path, version) for version in (0, 1)] == [False, True]


def test_an_old_file_that_was_given_up_just_now_stays(workspace: Path) -> None:
    address = write_twice(workspace)
    grow_old(address)
    DeltaTable(address.path).create_checkpoint()
    assert removable_files(address, DAY) == frozenset()
    assert remove_files(address, DAY) == 0


def test_of_files_that_no_version_names_only_old_ones_go(workspace: Path) -> None:
    """A write that has not ended yet has no version; one that never ended left its files behind."""
    address = write_twice(workspace)
    written, left_behind = (Path(address.path, name) for name in ("part-new.parquet", "part-old.parquet"))
    left_behind.touch()
    grow_old(address)
    written.touch()
    assert removable_files(address, DAY) == {"part-old.parquet"}
    assert remove_files(address, DAY) == 1
    assert (written.exists(), left_behind.exists()) == (True, False)


def test_files_of_use_stay_below_folders_with_encoded_names(workspace: Path) -> None:
    address = TableAddress("gold", "towns", str(workspace))
    for shops in (1, 2):
        towns = pa.table({"town": ["St Ives", "100%"], "shops": [shops, shops]})
        write_deltalake(address.path, towns, partition_by=["town"], mode="overwrite")
    grow_old(address)
    forget(address)
    assert remove_files(address, DAY) == 2
    assert [holds_version(address.path, version) for version in (0, 1)] == [False, True]

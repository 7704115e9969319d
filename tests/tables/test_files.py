"""The data files of a table are found wherever its folder lies; no Spark."""

from __future__ import annotations

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

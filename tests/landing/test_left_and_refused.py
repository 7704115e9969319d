from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lakeloop.landing import (
    FileStatus,
    admission,
    admit_files,
    drop_unrecorded,
)
from tests.landing.port import ADMITTED, REFUSED, SOUND, SOURCE, TEN, Port, hash_of


@pytest.fixture
def port(tmp_path: Path) -> Port:
    return Port(tmp_path / "port")


def test_set_aside_moves_what_a_killed_job_left_lying_and_nothing_else(port: Port) -> None:
    port.land("a.csv", b"")
    port.land("b.csv", b"origin\n")
    port.land("c.csv", SOUND)
    seen = admit_files(SOURCE, port.landing, port.staging, [])
    assert [each.status for each in seen] == [REFUSED, REFUSED, ADMITTED]
    assert len(list(port.landing.iterdir())) == 3  # recorded first, moved then
    port.land("b.csv", SOUND + b"\n")  # another file by now

    assert [(each.file, each.status) for each in port.admit(seen)] == [("b.csv", ADMITTED)]

    assert sorted(path.name for path in port.landing.iterdir()) == ["b.csv", "c.csv"]
    assert [path.name for path in port.refused.iterdir()] == [f"{hash_of(b'')[:12]}-a.csv"]


def test_a_refused_file_that_is_put_back_as_it_is_is_judged_again(port: Port) -> None:
    port.land("a.csv", b"")
    first = port.admit([])
    (refused,) = port.refused.iterdir()
    refused.rename(port.landing / "a.csv")  # keeps its size and its time of modification, as mv does
    assert [(each.file, each.status) for each in port.admit(first)] == [("a.csv", REFUSED)]


@pytest.mark.parametrize("is_sound", [True, False])
def test_admit_files_leaves_a_file_that_is_still_written_and_takes_it_when_it_is_done(
    port: Port, monkeypatch: pytest.MonkeyPatch, is_sound: bool
) -> None:
    path = port.land("a.csv", SOUND if is_sound else SOUND + b'"JFK,')
    hash_file = admission.hash_file

    def hash_then_grow(file: Path) -> str:
        found = hash_file(file)
        file.write_bytes(SOUND + f"JFK,{TEN},1\n".encode())
        return found

    with monkeypatch.context() as patch:
        patch.setattr(admission, "hash_file", hash_then_grow)
        (left,) = port.admit()
    assert (left.file, left.status, left.content_hash, left.raw_rows) == ("a.csv", FileStatus.UNSETTLED, "", 0)
    assert (
        left.reason == "it changed while it was read: let it land under a name that begins with a dot, then rename it"
    )
    assert path.exists()
    assert list(port.staging.iterdir()) == []
    assert [(each.file, each.status, each.raw_rows) for each in port.admit([left])] == [("a.csv", ADMITTED, 2)]


def test_admit_files_names_a_file_that_may_not_be_read_and_goes_on(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    port.land("a.csv", SOUND)
    port.land("b.csv", SOUND + b"\n")
    open_path = Path.open

    def refuse(path: Path, *options: Any, **more: Any) -> Any:
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return open_path(path, *options, **more)

    monkeypatch.setattr(Path, "open", refuse)
    assert [(each.file, each.status, each.reason) for each in port.admit()] == [
        ("a.csv", FileStatus.UNSETTLED, "it can't be read: Permission denied"),
        ("b.csv", ADMITTED, None),
    ]


def test_admit_files_names_a_file_whose_name_is_no_text(port: Port) -> None:
    (port.landing / os.fsdecode(b"a\xff.csv")).write_bytes(SOUND)
    (left,) = port.admit()
    assert (left.file, left.status, left.reason) == (
        "a\\xff.csv",
        FileStatus.UNSETTLED,
        "its name is not UTF-8: rename it",
    )


def test_set_aside_moves_a_link_and_not_what_it_points_to(port: Port) -> None:
    elsewhere = port.land("delivered/elsewhere.csv", b"")
    (port.landing / "a.csv").symlink_to("delivered/elsewhere.csv")
    port.admit()
    (moved,) = port.refused.iterdir()
    assert (moved.is_symlink(), moved.resolve()) == (True, elsewhere.resolve())
    assert list(port.landing.iterdir()) == [elsewhere.parent]
    assert elsewhere.exists()


@pytest.mark.parametrize("target", ["../elsewhere.csv", "delivered/../../elsewhere.csv", "folder/elsewhere.csv"])
def test_admit_files_reads_no_file_that_a_link_brings_in_from_elsewhere(port: Port, target: str) -> None:
    (port.root / "elsewhere.csv").write_bytes(SOUND)
    (port.landing / "delivered").mkdir()
    (port.landing / "folder").symlink_to(port.root, target_is_directory=True)
    (port.landing / "a.csv").symlink_to(target)
    (left,) = port.admit()
    assert (left.file, left.status, left.content_hash) == ("a.csv", FileStatus.UNSETTLED, "")
    assert left.reason == "it is a link out of the landing folder: put the file itself there"
    assert not port.staging.exists()


def test_set_aside_leaves_a_file_it_can_not_move_and_it_is_not_read_again(port: Port) -> None:
    port.land("a.csv", b"")
    port.refused.write_bytes(b"")  # a file where the folder should be
    seen = port.admit()
    assert [each.status for each in seen] == [REFUSED]
    assert (port.landing / "a.csv").exists()
    assert port.admit(seen) == []


def test_what_was_staged_and_never_recorded_is_dropped(tmp_path: Path) -> None:
    """An attempt stopped before its record, and the file was mended meanwhile."""
    port = Port(tmp_path)
    port.land("a.csv", SOUND)
    port.admit()  # never recorded
    (port.staging / ".half.part").write_bytes(b"")
    port.land("a.csv", SOUND.replace(b"5.5", b"6.5"))
    recorded = port.admit()
    drop_unrecorded(port.staging, recorded)
    assert [path.name for path in port.staging.iterdir()] == [f"{recorded[0].content_hash}.parquet"]

"""A store of SQLite where nothing can be written: a folder without the right to, as a volume that is mounted read only."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.sqlite import SqliteStore
from lakeloop.online_store.store import Key
from tests.online_store.publishing import publish, state, table

YORK: Key = ("York",)
ASKED = {"shops": [YORK]}
_VERSION = 0x20080522
_ANY_FILE = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them permissions bind nobody."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Rights(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Take from this thread what root has over permissions."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        yield
        return
    system, header, rights = ctypes.CDLL(None, use_errno=True), _Header(_VERSION, 0), (_Rights * 2)()
    assert system.capget(ctypes.byref(header), rights) == 0
    before = rights[0].effective
    rights[0].effective = before & ~_ANY_FILE
    assert system.capset(ctypes.byref(header), rights) == 0
    try:
        yield
    finally:
        rights[0].effective = before
        assert system.capset(ctypes.byref(header), rights) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose permissions bind, of root too."""
    place = tmp_path / "store"
    place.mkdir()
    with bound_by_permissions():
        yield place
        place.chmod(0o755)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written in a folder."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    for path in modes:
        path.chmod(0o555 if path == folder else 0o444)
    with pytest.raises(PermissionError):
        (folder / "anything").touch()
    yield
    for path, mode in modes.items():
        path.chmod(mode)


def fill(folder: Path, *, through: int = 10) -> None:
    store = SqliteStore(folder / "online.db", "demo")
    before = store.manifest()
    served = 10 if before else None
    publish(store, {"York": [5] if through == 10 else [5, 15]}, through, served)
    store.close()


def open_reader(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "online.db", "demo", read_only=True)


def test_a_store_is_read_where_nothing_can_be_written(folder):
    fill(folder)
    with sqlite3.connect(folder / "online.db") as stands:
        assert stands.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    stands.close()
    with read_only(folder):
        plain = sqlite3.connect(f"{(folder / 'online.db').as_uri()}?mode=ro", uri=True)
        with pytest.raises(sqlite3.OperationalError, match="unable to open|readonly"):  # what is mended here
            plain.execute("SELECT * FROM manifest")
        plain.close()
        reader = open_reader(folder)
        assert reader.manifest() == {"shops": table(10)}
        assert reader.look_up(ASKED).states == {"shops": (state(5),)}
        many: list[Key] = [YORK, *((f"shop {i}",) for i in range(1000))]
        assert reader.look_up({"shops": many}).states["shops"][:2] == (state(5), None)
        reader.close()
        assert [path.name for path in folder.iterdir()] == ["online.db"]


def test_what_others_publish_into_the_folder_is_seen(folder):
    """As where a container mounts a folder read only, into which the host publishes."""
    fill(folder)
    with read_only(folder):
        reader = open_reader(folder)
        assert reader.look_up(ASKED).states == {"shops": (state(5),)}
    publishing = SqliteStore(folder / "online.db", "demo")
    publish(publishing, {"York": [5, 15]}, 20, 10)
    assert [path.name for path in sorted(folder.iterdir())] == ["online.db", "online.db-shm", "online.db-wal"]
    with read_only(folder):  # the log is there
        assert reader.look_up(ASKED).states == {"shops": (state(15),)}
    reader.close()
    publishing.close()
    assert [path.name for path in folder.iterdir()] == ["online.db"]
    with read_only(folder):
        reader = open_reader(folder)
        assert reader.look_up(ASKED).states == {"shops": (state(15),)}
        reader.close()


def test_a_publish_that_came_and_went_is_seen_by_a_reader_that_holds_no_lock(folder):
    fill(folder)
    with read_only(folder):
        reader = open_reader(folder)
        assert reader.look_up(ASKED).tables == {"shops": table(10)}
    fill(folder, through=20)
    with read_only(folder):
        assert reader.look_up(ASKED).states == {"shops": (state(15),)}
        assert reader.manifest() == {"shops": table(20)}
        reader.close()


def test_a_log_that_cannot_be_read_is_told_and_not_passed_over(folder, tmp_path):
    """A copy of the file and its log, without what SQLite keeps beside them: the file alone lacks the last publish."""
    publishing = SqliteStore(folder / "online.db", "demo")
    publish(publishing, {"York": [5]}, 10)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("online.db", "online.db-wal"):
        shutil.copy(folder / name, copy / name)
    publishing.close()
    with read_only(copy):
        reader = open_reader(copy)
        with pytest.raises(EnvironmentProblemError, match=r"where a log \(-wal\) stands beside it"):
            reader.look_up(ASKED)
        reader.close()


def test_nothing_is_there_yet(folder):
    with read_only(folder):
        reader = open_reader(folder)
        assert reader.manifest() == {}
    fill(folder)
    with read_only(folder):
        assert reader.look_up(ASKED).states == {"shops": (state(5),)}
        reader.close()

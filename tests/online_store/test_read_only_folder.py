"""A store of SQLite where nothing can be written: a folder without the right to, as a volume mounted read only."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.sqlite import SqliteStore
from lakeloop.online_store.store import Key
from tests.online_store.publishing import publish, state, table
from tests.permissions import bound_by_permissions

YORK: Key = ("York",)
ASKED = {"shops": [YORK]}


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
        with pytest.raises(sqlite3.OperationalError, match=r"unable to open|readonly"):  # what is mended here
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

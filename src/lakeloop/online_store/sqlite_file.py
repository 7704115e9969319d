"""How the file of an embedded store is opened, also where nothing can be written beside it.

SQLite reads a file in WAL mode with the help of two others, `-wal` and `-shm`, and makes them where they are not there.
In a folder that cannot be written to it can't, and refuses the file. Without a log the file alone holds everything, so
that it may be read as one that nobody changes, as long as nobody does: that is looked at after every read.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_NO_ROOM = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_PRIMARY = 0xFF
"""The kind of a problem; the bits above tell more of it."""


class FileState(NamedTuple):
    """What tells whether a file, or the log beside it, is still what it was.

    Attributes:
        inode: Number of the file.
        modified_ns: When it was written to.
        size_bytes: Its size.
        log_bytes: Size of the log; None without one.
    """

    inode: int
    modified_ns: int
    size_bytes: int
    log_bytes: int | None


def look_at(path: Path) -> FileState:
    """Look at a file and its log.

    Args:
        path: The file.

    Returns:
        How they stand.

    Raises:
        OSError: If the file is not there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "online.db"
    ...     _ = file.write_bytes(b"rows")
    ...     look_at(file)[2:]
    (4, None)
    """
    log_bytes = None
    with suppress(FileNotFoundError):
        log_bytes = os.stat(f"{path}-wal").st_size  # noqa: PTH116 - at every look-up: a Path costs more than the call
    found = os.stat(path)  # noqa: PTH116 - as above
    return FileState(found.st_ino, found.st_mtime_ns, found.st_size, log_bytes)


class Connection(sqlite3.Connection):
    """A connection that may be held weakly: it goes with its thread.

    Attributes:
        path: The file.
        taken_as: How the file stood when it was opened as one that nobody changes; None where SQLite's locks hold.

    >>> sqlite3.connect(":memory:", factory=Connection).is_true()
    True
    """

    path: Path
    taken_as: FileState | None = None

    def is_true(self) -> bool:
        """Tell whether what was read is what the file says."""
        if self.taken_as is None:
            return True
        try:
            return look_at(self.path) == self.taken_as
        except OSError:
            return False


def open_to_write(path: Path, timeout_seconds: float) -> Connection:
    """Open a file to publish into; it is made where it is not there.

    Args:
        path: The file.
        timeout_seconds: Longest wait for another process that writes.

    Returns:
        The connection, in WAL mode.

    Raises:
        sqlite3.Error: If it cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     connection = open_to_write(Path(folder) / "online.db", 1.0)
    ...     connection.execute("PRAGMA journal_mode").fetchone()
    ...     connection.close()
    ('wal',)
    """
    opened = _open(path, timeout_seconds, "mode=rwc")
    opened.execute("PRAGMA journal_mode = WAL").fetchall()
    opened.execute("PRAGMA synchronous = FULL")
    return opened


def open_to_read(path: Path, timeout_seconds: float) -> Connection:
    """Open a file to look up in.

    Args:
        path: The file.
        timeout_seconds: Longest wait for another process that writes.

    Returns:
        The connection. Where `taken_as` is set, what was read counts only if `is_true` holds afterwards.

    Raises:
        sqlite3.Error: If it is not there, or cannot be read: also where it stands with a log, and nothing can be
            written beside it, so that what the log holds cannot be read.
        OSError: If it goes away meanwhile.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_to_write(Path(folder) / "online.db", 1.0).close()
    ...     connection = open_to_read(Path(folder) / "online.db", 1.0)
    ...     connection.taken_as is None  # there is room for the files beside it
    ...     connection.close()
    True
    """
    opened = _open(path, timeout_seconds, "mode=ro")
    try:
        opened.execute("PRAGMA query_only = 1")
        opened.execute("PRAGMA schema_version").fetchone()  # the first read is what needs the files beside it
    except sqlite3.Error as refused:
        opened.close()
        if refused.sqlite_errorcode & _PRIMARY not in _NO_ROOM or not _is_whole(state := look_at(path), path):
            raise
        opened = _open(path, timeout_seconds, "mode=ro&immutable=1")
        opened.execute("PRAGMA query_only = 1")
        opened.taken_as = state
    return opened


def _is_whole(state: FileState, path: Path) -> bool:
    """Tell whether the file alone holds everything: no log does, and nothing was half written into it."""
    return not state.log_bytes and not Path(f"{path}-journal").exists()


def _open(path: Path, timeout_seconds: float, how: str) -> Connection:
    opened = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        timeout=timeout_seconds,
        isolation_level=None,  # transactions begin and end where it is written
        check_same_thread=False,  # only `close` comes from another thread
        factory=Connection,
        uri=True,
    )
    opened.path = path
    return opened

"""The log of a table on a path: what of it is older than a retention, and its clean-up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from lakeloop.tables.address import TableAddress

_CHECKPOINT, _CHECKSUM = "checkpoint.parquet", "crc"
_FILE = re.compile(rf"(\d{{20}})\.(json|{_CHECKPOINT}|{_CHECKSUM})")
"""What a clean-up takes of a version: the commit, the checkpoint, and the checksum that Spark writes beside it."""


@dataclass(frozen=True)
class OldLog:
    """What a clean-up would take from a table's log.

    Attributes:
        first_kept: Versions before this one can be read no more afterwards; 0 where none is lost.
        files: Files that go: commits, and checkpoints before the one that versions from `first_kept` on are read by.
    """

    first_kept: int
    files: int


def old_log(address: TableAddress, retention: timedelta, now: datetime) -> OldLog:
    """Tell what of a table's log is older than the retention and not needed for any version that is younger.

    A version is read by the newest checkpoint up to it and the commits from there on. So what goes is before the newest
    checkpoint up to the oldest commit that is young, and without a checkpoint nothing goes.

    Args:
        address: A table on a path.
        retention: How long versions stay readable.
        now: Wall-clock time; a file of the log is as old as the disk says.

    Returns:
        The first version that stays, and what goes.

    >>> from datetime import UTC
    >>> old_log(context.lake.address("ops", "decisions"), timedelta(0), datetime.now(UTC))  # no checkpoint yet
    OldLog(first_kept=0, files=0)
    """
    cutoff = (now - retention).timestamp()
    files = [(version, kind, path.stat().st_mtime < cutoff) for version, kind, path in _list(address)]
    commits = [(version, is_old) for version, kind, is_old in files if kind == "json"]
    young = min((version for version, is_old in commits if not is_old), default=max(commits, default=(0, False))[0])
    first = max((version for version, kind, _ in files if kind == _CHECKPOINT and version <= young), default=0)
    return OldLog(first, sum(is_old and version < first for version, _, is_old in files))


def clean_log(address: TableAddress) -> None:
    """Remove what of a table's log is older than the retention that its properties declare.

    Writers are told by its properties to leave the log alone: they know nothing of training sets.

    Args:
        address: A table on a path.

    >>> clean_log(context.lake.address("ops", "decisions"))
    """
    DeltaTable(address.path).cleanup_metadata()
    left = _list(address)
    first = min(version for version, kind, _ in left if kind != _CHECKSUM)
    for version, kind, path in left:
        if kind == _CHECKSUM and version < first:
            path.unlink()


def _list(address: TableAddress) -> list[tuple[int, str, Path]]:
    """List what a clean-up may take, by version and kind."""
    log = Path(address.path, "_delta_log")
    return [(int(of[1]), of[2], each) for each in log.iterdir() if (of := _FILE.fullmatch(each.name))]

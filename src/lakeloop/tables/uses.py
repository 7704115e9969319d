"""Which tables a piece of work read and wrote: noted where it happens, for the run ledger and lineage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeloop.tables.address import TableAddress
from lakeloop.tables.commits import Commit


@dataclass
class TableUse:
    """What was done with a table.

    Attributes:
        is_read: Whether it was read, by Spark or in this process.
        rows_read: Rows that were brought into this process; what Spark reads for itself is not counted.
        commits: Commits that were made to it.
        rows_written: Rows of these commits.
        bytes_written: Bytes of the files they added; None where the log does not tell.
        version: Delta version of the last of them.
    """

    is_read: bool = False
    rows_read: int = 0
    commits: int = 0
    rows_written: int = 0
    bytes_written: int | None = 0
    version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give what there is to tell; a table that is only read has no word about writes.

        >>> TableUse(is_read=True, rows_read=7).as_dict()
        {'is_read': True, 'rows_read': 7}
        """
        told: dict[str, Any] = {"is_read": self.is_read} | ({"rows_read": self.rows_read} if self.rows_read else {})
        if self.commits:
            told |= {"commits": self.commits, "rows_written": self.rows_written, "bytes_written": self.bytes_written}
            told["version"] = self.version
        return told


class TableUses:
    """Notes of what is done with the tables of a lake, while somebody wants to know.

    >>> uses, shops = TableUses(), TableAddress("gold", "shops", "/ws")
    >>> with uses.noting() as noted:
    ...     uses.read(shops, rows=7)
    >>> uses.read(shops, rows=7)  # nobody asks any more
    >>> {str(address): use.as_dict() for address, use in noted.items()}
    {'gold.shops': {'is_read': True, 'rows_read': 7}}
    """

    def __init__(self) -> None:
        self._noted: list[dict[TableAddress, TableUse]] = []
        self._lock = threading.Lock()  # pieces of a step work side by side

    @contextmanager
    def noting(self) -> Iterator[dict[TableAddress, TableUse]]:
        """Note what is done inside.

        Yields:
            Address -> what was done with the table, filled meanwhile.
        """
        noted: dict[TableAddress, TableUse] = {}
        self._noted.append(noted)
        try:
            yield noted
        finally:
            self._noted = [each for each in self._noted if each is not noted]

    def read(self, address: TableAddress, rows: int = 0) -> None:
        """Note that a table is read.

        Args:
            address: The table.
            rows: Rows that came into this process.
        """
        with self._lock:
            for noted in self._noted:
                use = noted.setdefault(address, TableUse())
                use.is_read, use.rows_read = True, use.rows_read + rows

    def wrote(self, address: TableAddress, commit: Commit) -> None:
        """Note a commit.

        Args:
            address: The table.
            commit: The commit, as it was read back.
        """
        if not self._noted:
            return
        size = commit.bytes if commit.bytes is not None else _added_bytes(address, commit.version)
        with self._lock:
            for noted in self._noted:
                use = noted.setdefault(address, TableUse())
                use.commits, use.rows_written = use.commits + 1, use.rows_written + commit.rows
                use.bytes_written = None if size is None or use.bytes_written is None else use.bytes_written + size
                use.version = commit.version


def _added_bytes(address: TableAddress, version: int) -> int | None:
    """Read from the log of a table on a path how large the files are that a commit added."""
    entry = Path(address.path, "_delta_log", f"{version:020d}.json") if not address.in_catalog else None
    if entry is None or not entry.is_file():
        return None
    actions = map(json.loads, entry.read_text(encoding="utf-8").splitlines())
    return sum(int(action["add"]["size"]) for action in actions if "add" in action)

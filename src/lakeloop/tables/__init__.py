"""The only package that reads or writes Delta tables, and the one place that cuts time."""

from __future__ import annotations

from lakeloop.tables.address import TableAddress, WriteIdentity, identity_hash
from lakeloop.tables.arrow import count_logged_rows, read_arrow
from lakeloop.tables.commits import Commit, WriteResult
from lakeloop.tables.integrity import BACKUP, Damage, Head
from lakeloop.tables.lake import Lake
from lakeloop.tables.versions import holds_version

__all__ = [
    "BACKUP",
    "Commit",
    "Damage",
    "Head",
    "Lake",
    "TableAddress",
    "WriteIdentity",
    "WriteResult",
    "count_logged_rows",
    "holds_version",
    "identity_hash",
    "read_arrow",
]

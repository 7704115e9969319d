"""The only package that reads or writes Delta tables, and the one place that cuts time."""

from __future__ import annotations

from lakeloop.tables.address import TableAddress, WriteIdentity, identity_hash
from lakeloop.tables.arrow import count_logged_rows, count_rows_by, read_arrow, read_arrow_batches
from lakeloop.tables.commits import Commit, WriteResult
from lakeloop.tables.foreign import (
    CHANGE,
    FEED_COLUMNS,
    ChangedRowsError,
    ForeignTable,
    LostVersionsError,
    NoFeedError,
    open_foreign,
    read_changes,
    read_version,
    stream_appended,
)
from lakeloop.tables.integrity import BACKUP, Damage, Head
from lakeloop.tables.lake import Lake
from lakeloop.tables.profiles import (
    ColumnProfile,
    TableProfile,
    has_table,
    profile_frame,
    profile_path,
    read_known,
)
from lakeloop.tables.ranges import range_condition, replace_range
from lakeloop.tables.remembered import RememberedLake
from lakeloop.tables.uses import TableUse
from lakeloop.tables.versions import holds_version, listed_versions
from lakeloop.tables.words import read_properties, rewrite_words

__all__ = [
    "BACKUP",
    "CHANGE",
    "FEED_COLUMNS",
    "ChangedRowsError",
    "ColumnProfile",
    "Commit",
    "Damage",
    "ForeignTable",
    "Head",
    "Lake",
    "LostVersionsError",
    "NoFeedError",
    "RememberedLake",
    "TableAddress",
    "TableProfile",
    "TableUse",
    "WriteIdentity",
    "WriteResult",
    "count_logged_rows",
    "count_rows_by",
    "has_table",
    "holds_version",
    "identity_hash",
    "listed_versions",
    "open_foreign",
    "profile_frame",
    "profile_path",
    "range_condition",
    "read_arrow",
    "read_arrow_batches",
    "read_changes",
    "read_known",
    "read_properties",
    "read_version",
    "replace_range",
    "rewrite_words",
    "stream_appended",
]

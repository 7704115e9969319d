"""The only package that reads or writes Delta tables, and the one place that cuts time."""

from __future__ import annotations

from lakeloop.tables.address import TableAddress, WriteIdentity, identity_hash
from lakeloop.tables.arrow import count_logged_rows, count_rows_by, read_arrow, read_arrow_batches
from lakeloop.tables.commits import Commit, WriteResult
from lakeloop.tables.files import count_formats
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
from lakeloop.tables.objects import remove_table
from lakeloop.tables.probe import PREFIX, Probe, make_trial, probe_store, read_trial
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
from lakeloop.tables.settings import FORMAT
from lakeloop.tables.store import LOG_STORE, SAFE_LOG_STORE, Store, find_problem
from lakeloop.tables.uses import TableUse
from lakeloop.tables.versions import holds_version, listed_versions
from lakeloop.tables.words import read_properties, rewrite_words

__all__ = [
    "BACKUP",
    "CHANGE",
    "FEED_COLUMNS",
    "FORMAT",
    "LOG_STORE",
    "PREFIX",
    "SAFE_LOG_STORE",
    "ChangedRowsError",
    "ColumnProfile",
    "Commit",
    "Damage",
    "ForeignTable",
    "Head",
    "Lake",
    "LostVersionsError",
    "NoFeedError",
    "Probe",
    "RememberedLake",
    "Store",
    "TableAddress",
    "TableProfile",
    "TableUse",
    "WriteIdentity",
    "WriteResult",
    "count_formats",
    "count_logged_rows",
    "count_rows_by",
    "find_problem",
    "has_table",
    "holds_version",
    "identity_hash",
    "listed_versions",
    "make_trial",
    "open_foreign",
    "probe_store",
    "profile_frame",
    "profile_path",
    "range_condition",
    "read_arrow",
    "read_arrow_batches",
    "read_changes",
    "read_known",
    "read_properties",
    "read_trial",
    "read_version",
    "remove_table",
    "replace_range",
    "rewrite_words",
    "stream_appended",
]

"""The record of landed files and of the batches they went through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.errors import AccountingError, Failure
from lakeloop.landing import FileStatus, LandedFile
from lakeloop.tables import Lake


def seen_files(lake: Lake) -> dict[str, list[LandedFile]]:
    """Read which files were seen before, by source.

    Args:
        lake: The tables.

    Returns:
        Source -> every file that was admitted, refused or repeated, in no order.

    >>> sorted((each.file, each.raw_rows) for each in seen_files(context.lake)["orders"])
    [('until_20240125.csv', 650), ('until_20240204.csv', 260)]
    """
    seen: dict[str, list[LandedFile]] = {}
    for row in lake.own_rows(schemas.INGESTED_FILES, None):
        file = LandedFile(
            row["file"],
            row["content_hash"],
            row["size_bytes"],
            row["modified_ns"],
            FileStatus(row["status"]),
            row["reason"],
            row["raw_rows"],
            row.get("stretch"),
        )
        seen.setdefault(row["source"], []).append(file)
    return seen


def file_row(found: LandedFile, source: str, as_of: datetime) -> dict[str, Any]:
    """Give the row of `ops.ingested_files` that says what became of a file.

    Args:
        found: The file, and what admission said of it.
        source: Its source.
        as_of: Logical now of the ingest, UTC.

    Returns:
        Column -> value; the table has one row per file that landed.

    >>> from datetime import UTC
    >>> found = LandedFile("may.csv", "9f2b", 120, 0, FileStatus.REFUSED, "its header lacks order")
    >>> row = file_row(found, "orders", datetime(2024, 2, 4, tzinfo=UTC))
    >>> row["file"], row["status"], row["reason"], row["raw_rows"]
    ('may.csv', 'REFUSED', 'its header lacks order', 0)
    """
    return {
        "source": source,
        "file": found.file,
        "content_hash": found.content_hash,
        "size_bytes": found.size_bytes,
        "modified_ns": found.modified_ns,
        "status": found.status.value,
        "reason": found.reason,
        "raw_rows": found.raw_rows,
        "stretch": found.stretch,
        "as_of": as_of,
    }


def read_batches(lake: Lake, source: str) -> list[dict[str, Any]]:
    """Read the accounting of a source, one row per batch.

    Args:
        lake: The tables.
        source: The source.

    Returns:
        Column of `ops.ingested_batches` -> value, in no order.

    >>> counts = ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate")
    >>> sorted(tuple(row[each] for each in counts) for row in read_batches(context.lake, "orders"))
    [(260, 240, 10, 10), (650, 600, 25, 25)]
    """
    return [row for row in lake.own_rows(schemas.INGESTED_BATCHES, None) if row["source"] == source]


def assert_all_files_read(source: str, admitted: Sequence[LandedFile], batches: Sequence[dict[str, Any]]) -> None:
    """Check that every admitted file, with every record of it, went through a batch.

    Args:
        source: The source.
        admitted: All files ever admitted that hold a record.
        batches: The accounting of all its batches.

    Raises:
        AccountingError: If it is not so.

    >>> admitted = [LandedFile("may.csv", "9f2b", 120, 0, FileStatus.ADMITTED, None, 7)]
    >>> assert_all_files_read("orders", admitted, [{"rows_read": 7, "files": 1}])
    >>> assert_all_files_read("orders", admitted, [])
    Traceback (most recent call last):
        ...
    lakeloop.errors.AccountingError: ...
    """
    rows, read = sum(each.raw_rows for each in admitted), sum(row["rows_read"] for row in batches)
    files, files_read = len(admitted), sum(row["files"] for row in batches)
    if (rows, files) != (read, files_read):
        raise AccountingError(
            f"source {source}",
            [Failure("files", f"{files} files with {rows} rows admitted, {files_read} with {read} rows ingested")],
            "report this: an admitted file was not read; its staged copy is under admitted/",
        )

"""Commits that lakeloop made, read back from a table's history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lakeloop.errors import AccountingError, ConflictError, Failure
from lakeloop.statuses import Outcome
from lakeloop.tables.address import TableAddress, WriteIdentity

VERSION_GONE = (
    "DELTA_VERSION_NOT_FOUND",
    "DELTA_VERSIONS_NOT_CONTIGUOUS",
    "DELTA_LOG_FILE_NOT_FOUND",
    "FILE_NOT_EXIST",
)
"""Conditions by which Spark says that a version of a table, or a file of it, is there no more."""


@dataclass(frozen=True)
class Commit:
    """A commit that lakeloop made, read back from the table's history.

    Attributes:
        version: Delta version.
        app_id: Identity of the write.
        job: Job that wrote.
        unit: Unit of work.
        fingerprint: Fingerprint of its inputs.
        rows: Rows written; not those that only moved to another file.
        notes: What the job recorded with the commit.
        committed_ts: Wall-clock time of the commit, UTC; None where the history does not tell.
        bytes: Bytes of the files it added; None where the history does not tell.
    """

    version: int
    app_id: str
    job: str
    unit: str
    fingerprint: str
    rows: int
    notes: Mapping[str, Any] = field(default_factory=dict)
    committed_ts: datetime | None = None
    bytes: int | None = None

    def assert_rows(self, address: TableAddress, expected: int | None) -> None:
        """Check that the commit has the rows that were to be written.

        Args:
            address: The table.
            expected: Number of rows; None where it is not known.

        Raises:
            AccountingError: If it has another number.

        >>> commit = Commit(version=1, app_id="a1", job="score", unit="late 2013-05-01", fingerprint="", rows=3)
        >>> commit.assert_rows(TableAddress("predictions", "late", "/ws"), 4)
        Traceback (most recent call last):
        ...
        lakeloop.errors.AccountingError: predictions.late: rows are missing from the accounting
          - rows: 4 were to be written, the commit has 3
          remedy: report this: the table and its commit disagree
        """
        if expected is not None and self.rows != expected:
            raise AccountingError(
                str(address),
                [Failure("rows", f"{expected} were to be written, the commit has {self.rows}")],
                "report this: the table and its commit disagree",
            )


@dataclass(frozen=True)
class WriteResult:
    """How an append ended.

    Attributes:
        outcome: WRITTEN, or SKIPPED when the same write was there already.
        rows: Rows of the commit, whichever call made it.
        version: Its Delta version.
        notes: What was recorded with the commit.
        attempts: How many there were; after more than one, what was counted on the way is not the commit's.
    """

    outcome: Outcome
    rows: int
    version: int
    notes: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1


_KEY = "lakeloop"


def write_metadata(app_id: str, identity: WriteIdentity, notes: Mapping[str, Any] | None) -> str:
    """Write what a commit says of itself.

    Args:
        app_id: Identity of the write.
        identity: Its parts.
        notes: What the job records with the commit.

    Returns:
        JSON for the commit's user metadata.

    >>> write_metadata("a1", WriteIdentity("score", "late 2013-05-01"), {"rows": 3})
    '{"lakeloop": {"fingerprint": "", "id": "a1", "job": "score", "notes": {"rows": 3}, "unit": "late 2013-05-01"}}'
    """
    said = {
        "id": app_id,
        "job": identity.job,
        "unit": identity.unit,
        "fingerprint": identity.fingerprint,
        "notes": dict(notes or {}),
    }
    return json.dumps({_KEY: said}, sort_keys=True, default=str)


def read_history(history: Iterable[Mapping[str, Any]]) -> list[Commit]:
    """Find lakeloop's commits in a table's history.

    Args:
        history: Entries with `version`, `userMetadata`, `operationMetrics` and, where it is told, `timestamp`.

    Returns:
        Commits, oldest first; those of others are left out.

    >>> ours = write_metadata("a1", WriteIdentity("score", "late 2013-05-01"), {})
    >>> history = [{"version": 2, "userMetadata": None}, {"version": 1, "userMetadata": ours, "operationMetrics": {}}]
    >>> [(commit.version, commit.job) for commit in read_history(history)]
    [(1, 'score')]
    """
    commits = []
    for entry in sorted(history, key=lambda each: int(each["version"])):
        metrics = entry.get("operationMetrics") or {}
        written = int(metrics.get("numOutputRows") or metrics.get("num_added_rows") or 0)
        written -= int(metrics.get("numCopiedRows") or 0)  # they lay in a file of which other rows were replaced
        try:
            said = json.loads(entry["userMetadata"])[_KEY]
            commit = Commit(
                int(entry["version"]),
                said["id"],
                said["job"],
                said["unit"],
                said["fingerprint"],
                written,
                said["notes"],
                _instant(entry.get("timestamp")),
                int(metrics["numOutputBytes"]) if "numOutputBytes" in metrics else None,
            )
        except (ValueError, KeyError, TypeError):
            continue
        commits.append(commit)
    return commits


def _instant(stamp: Any) -> datetime | None:
    """Read a history's time: milliseconds in delta-rs, a naive local instant in Spark."""
    if isinstance(stamp, datetime):
        return stamp.astimezone(UTC)
    return None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC)


def find_write(commits: Iterable[Commit], address: TableAddress, identity: WriteIdentity) -> Commit | None:
    """Find the commit of a write among those of its table.

    Args:
        commits: Commits that lakeloop made to the table.
        address: The table.
        identity: The write.

    Returns:
        Its commit, or None when it was not made.

    Raises:
        ConflictError: If the same unit was written from other inputs.

    >>> table, write = TableAddress("predictions", "late", "/ws"), WriteIdentity("score", "late 2013-05-01", "ab12")
    >>> commits = [Commit(1, write.app_id(table), write.job, write.unit, write.fingerprint, rows=3)]
    >>> find_write(commits, table, write).rows
    3
    >>> find_write(commits, table, WriteIdentity("score", "late 2013-05-01", "cd34"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lakeloop.errors.ConflictError: predictions.late: ...
      - score late 2013-05-01: was written from inputs ab12, now they are cd34
      remedy: nothing recorded is overwritten: undo the change (declaration or seed), or name a later as_of
    """
    app_id = identity.app_id(address)
    for commit in commits:
        if commit.app_id == app_id:
            return commit
        if commit.job == identity.job and commit.unit == identity.unit:
            raise ConflictError(
                str(address),
                [
                    Failure(
                        f"{identity.job} {identity.unit}",
                        f"was written from inputs {commit.fingerprint[:12] or '-'},"
                        f" now they are {identity.fingerprint[:12] or '-'}",
                    )
                ],
                "nothing recorded is overwritten: undo the change (declaration or seed), or name a later as_of",
            )
    return None

"""Commits that lakeloop made, read back from a table's history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeloop.statuses import Outcome
from lakeloop.tables.address import WriteIdentity


@dataclass(frozen=True)
class Commit:
    """A commit that lakeloop made, read back from the table's history.

    Attributes:
        version: Delta version.
        app_id: Identity of the write.
        job: Job that wrote.
        unit: Unit of work.
        fingerprint: Fingerprint of its inputs.
        rows: Rows written.
        notes: What the job recorded with the commit.
    """

    version: int
    app_id: str
    job: str
    unit: str
    fingerprint: str
    rows: int
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WriteResult:
    """How an append ended.

    Attributes:
        outcome: WRITTEN, or SKIPPED when the same write was there already.
        rows: Rows of the commit, whichever call made it.
        version: Its Delta version.
        notes: What was recorded with the commit.
    """

    outcome: Outcome
    rows: int
    version: int
    notes: Mapping[str, Any] = field(default_factory=dict)


_KEY = "lakeloop"


def write_metadata(app_id: str, identity: WriteIdentity, notes: Mapping[str, Any] | None) -> str:
    """Write what a commit says of itself.

    Args:
        app_id: Identity of the write.
        identity: Its parts.
        notes: What the job records with the commit.

    Returns:
        JSON for the commit's user metadata.
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
        history: Entries with `version`, `userMetadata` and `operationMetrics`.

    Returns:
        Commits, oldest first; those of others are left out.
    """
    commits = []
    for entry in sorted(history, key=lambda each: int(each["version"])):
        metrics = entry.get("operationMetrics") or {}
        written = int(metrics.get("numOutputRows") or metrics.get("num_added_rows") or 0)
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
            )
        except (ValueError, KeyError, TypeError):
            continue
        commits.append(commit)
    return commits

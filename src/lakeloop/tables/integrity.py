"""Whether a table on a path still is what lakeloop wrote: there, whole, and changed by nobody else.

A head is the newest write of a table that was known when a job ended. What stands after it is looked through at the
beginning of the next job.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lakeloop.config.workspace import is_address
from lakeloop.errors import Failure
from lakeloop.tables.commits import read_history
from lakeloop.tables.objects import has_log, list_files
from lakeloop.transient import call_again

ACCEPTED_THROUGH = "lakeloop.accepted_through"
"""Table property: changes by hand up to this version are meant, and answered for by who set it."""

ADDED_COLUMNS = "lakeloop: columns declared since"
"""What a commit says that gave a table of an earlier lakeloop its new columns; a job may be killed right after it."""

NEW_WORDS = "lakeloop: words of the declaration"
"""What a commit says that gave a table or a column another description."""

_OF_OURS = {"ADD COLUMN": ADDED_COLUMNS, "ADD COLUMNS": ADDED_COLUMNS, "CHANGE COLUMN": NEW_WORDS}
"""Operations that are harmless where lakeloop made them -> what it says then. Spark has other names for them."""

_HARMLESS = frozenset(
    {
        "CREATE TABLE",
        "OPTIMIZE",
        "VACUUM START",
        "VACUUM END",
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "UPDATE FIELD METADATA",
        "UPDATE TABLE METADATA",
        "ADD CONSTRAINT",
        "DROP CONSTRAINT",
        "COMPUTE STATS",
        "UPGRADE PROTOCOL",
    }
)
"""Operations that change neither rows nor columns."""


_COMMIT, _CHECKPOINT = re.compile(r"\d{20}\.json"), re.compile(r"\d{20}\.checkpoint\.")


@dataclass(frozen=True)
class Head:
    """The newest write of lakeloop to a table.

    Attributes:
        version: Its Delta version; 0 for a table nothing was written to.
        app_id: Identity of the write; empty for a table nothing was written to.
    """

    version: int
    app_id: str


@dataclass(frozen=True)
class Damage:
    """What is wrong with a table.

    Attributes:
        failure: What was found.
        remedy: How to mend it.
    """

    failure: Failure
    remedy: str


BACKUP = (
    "put the table's folder back from a backup; without one, name a new workspace in project.yml, land the files"
    " again and run the turns in order, which gives the same tables"
)


def find_damage(path: str, head: Head | None) -> Damage | None:
    """Look for what nobody but lakeloop may have done to a table.

    Args:
        path: The table's folder or address.
        head: Its newest write when the last job ended; None when that is not known.

    Returns:
        The first damage found; None when the table is what lakeloop wrote, or was never there.

    >>> print(find_damage("/no/table", Head(version=3, app_id="a1")).failure)
    table: it is gone; it was at version 3
    """
    if not has_log(path):
        if head is None:
            return None
        return Damage(Failure("table", f"it is gone; it was at version {head.version}"), BACKUP)
    try:
        table = call_again(lambda: DeltaTable(path), path)  # no answer is no damage
        version = int(table.version())
        history = table.history(None if head is None else max(1, version - head.version + 1))
        missing, damaged = _compare_files(table, path)
        accepted = int(table.metadata().configuration.get(ACCEPTED_THROUGH, -1))
    except (DeltaError, OSError, ValueError) as problem:
        first = str(problem).strip().splitlines()[:1]
        return Damage(Failure("log", f"_delta_log cannot be read: {''.join(first)[:200]}"), BACKUP)
    lost = _lost_commit(path, version)
    if lost is not None:
        return Damage(Failure("log", f"_delta_log cannot be read: commit {lost} is missing"), BACKUP)
    if head is not None and not _holds(history, version, head):
        found = f"its log ends at version {version} or was replaced; version {head.version} was recorded"
        return Damage(Failure("log", found), BACKUP)
    changed = _find_change(path, history, head, accepted)
    if changed is not None:
        return changed
    if missing:
        found = f"{len(missing)} of its files are gone, the first is {missing[0]}"
        return Damage(Failure("files", found), BACKUP)
    if damaged:
        found = f"{len(damaged)} of its files are not as long as they were written, the first is {damaged[0]}"
        return Damage(Failure("files", found), BACKUP)
    return None


def _lost_commit(path: str, newest: int) -> int | None:
    """Name the first commit that is missing since the newest checkpoint; Spark refuses what delta-rs passes over."""
    names = [each.rpartition("/")[2] for each in list_files(path) if each.startswith("_delta_log/")]
    commits = {int(name[:20]) for name in names if _COMMIT.fullmatch(name)}
    checkpoints = [int(name[:20]) for name in names if _CHECKPOINT.match(name)]
    return next((each for each in range(max(checkpoints, default=-1) + 1, newest + 1) if each not in commits), None)


def _compare_files(table: DeltaTable, path: str) -> tuple[list[str], list[str]]:
    """Name the files that are gone, and those whose size is not what the log says; a store is asked for names alone."""
    sizes: dict[str, int | None]
    if is_address(path):
        sizes = {each.rsplit("/", 1)[-1]: None for each in list_files(path)}
    else:
        with os.scandir(path) as found:
            sizes = {each.name: each.stat().st_size for each in found}
    actions = pa.table(table.get_add_actions())
    logged = zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True)
    noted = {unquote(name).rpartition("/")[2]: size for name, size in logged}
    gone = sorted(name for name in noted if name not in sizes)
    return gone, sorted(name for name, size in noted.items() if sizes.get(name) not in (None, size))


def _holds(history: Sequence[Mapping[str, Any]], version: int, head: Head) -> bool:
    if version < head.version:
        return False
    if not head.app_id:
        return True
    return any(commit.version == head.version and commit.app_id == head.app_id for commit in read_history(history))


def _find_change(path: str, history: Sequence[Mapping[str, Any]], head: Head | None, accepted: int) -> Damage | None:
    """Go through the commits in order: what each left in force, and whether only lakeloop made it.

    A table put back to a version at which all writes of lakeloop were in force is whole again.
    """
    ours = {commit.version: commit.app_id for commit in read_history(history)}
    in_force: dict[int, tuple[frozenset[str], bool]] = {}
    state: tuple[frozenset[str], bool] = (frozenset(), True)
    first: tuple[int, str] | None = None
    for entry in sorted(history, key=lambda each: int(each["version"])):
        version, operation = int(entry["version"]), str(entry.get("operation", "?"))
        if version in ours:
            state = (state[0] | {ours[version]}, state[1])
        elif operation == "RESTORE":
            state = in_force.get(_restored(entry), (frozenset(), False))
        elif not _is_harmless(entry, operation) and not (head is not None and version <= head.version):
            state = (state[0], False)
        if version <= accepted:
            state = (frozenset(each for at, each in ours.items() if at <= version), True)
        elif first is None and state != (frozenset(each for at, each in ours.items() if at <= version), True):
            first = (version, operation)
        in_force[version] = state
    wanted = (frozenset(ours.values()), True)
    if state == wanted or first is None:
        return None
    whole = max((version for version, each in in_force.items() if each == wanted), default=None)
    found = Failure(f"version {first[0]}", f"{first[1]} by something else than lakeloop")
    newest = max(in_force)
    keep = f"to keep the change and answer for it, set its table property {ACCEPTED_THROUGH} to {newest}"
    if whole is None:
        return Damage(found, f"writes of lakeloop stand on the change: {BACKUP}; {keep}")
    command = f"python -c 'from deltalake import DeltaTable; DeltaTable({json.dumps(path)}).restore({whole})'"
    return Damage(found, f"undo it: {command}; {keep}")


def _is_harmless(entry: Mapping[str, Any], operation: str) -> bool:
    is_ours = operation in _OF_OURS and entry.get("userMetadata") == _OF_OURS[operation]
    return is_ours or operation in _HARMLESS


def _restored(entry: Mapping[str, Any]) -> int:
    said = (entry.get("operationParameters") or {}).get("version")
    return int(str(said)) if str(said).isdigit() else -1

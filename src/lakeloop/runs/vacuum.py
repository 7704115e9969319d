"""Removing data files that no version in use needs, and never one that a training set still holds back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest, find_beyond, read_manifests, retired_ids
from lakeloop.tables import TableAddress
from lakeloop.tables.files import bytes_of, files_of, list_tables, removable_files, remove_files


@dataclass(frozen=True)
class HeldBack:
    """What a training set holds back: files that the newest version of a table needs no more and the set does.

    Attributes:
        training_set_id: The set.
        model: Its model.
        table: The table.
        version: The version that is pinned.
        bytes: Their size.
        would_break: Whether the vacuum that is asked for would remove one of them.
    """

    training_set_id: str
    model: str
    table: str
    version: int
    bytes: int
    would_break: bool


@dataclass(frozen=True)
class TableVacuum:
    """What a vacuum finds in one table.

    Attributes:
        table: The table.
        files: Files it would remove, or removed.
        bytes: Their size.
    """

    table: str
    files: int
    bytes: int


@dataclass(frozen=True)
class VacuumResult:
    """What a vacuum would do, or did.

    Attributes:
        older_than: Least age of a file since it was given up.
        tables: Tables in which there is something to remove.
        held_back: What live training sets hold back, the pinned tables that differ from the newest version.
        is_done: Whether the files were removed.
    """

    older_than: timedelta
    tables: tuple[TableVacuum, ...]
    held_back: tuple[HeldBack, ...]
    is_done: bool


def vacuum(context: Context, now: datetime, *, older_than: timedelta | None = None, plan: bool = False) -> VacuumResult:
    """Remove the files that no version in use needs.

    Args:
        context: Project and lake.
        now: Wall-clock time: files and versions age by it, not by a logical now.
        older_than: Least age of a file since it was given up; the project's `retention` without it.
        plan: Whether only to tell.

    Returns:
        What would be removed, or was.

    Raises:
        ConflictError: If a file would be removed that a live training set inside the horizon needs; nothing is removed.
        EnvironmentProblemError: If the tables are in a catalog, which has its own vacuum.

    >>> from datetime import UTC
    >>> found = vacuum(context, datetime.now(UTC), plan=True)
    >>> found.tables, found.held_back, found.older_than.days
    ((), (), 400)
    """
    lake, retention = context.lake, context.config.project.retention
    if context.config.project.catalog is not None:
        raise EnvironmentProblemError(
            f"catalog {context.config.project.catalog}",
            [Failure("vacuum", "works on tables that lie on paths")],
            "use the catalog's own vacuum: the tables' retention properties hold back what pins need",
        )
    age = retention if older_than is None else older_than
    with lake.writing():
        removable = {address: removable_files(address, age) for address in list_tables(context.config.workspace)}
        held = _held_back(context, now - retention, removable)
        broken = [each for each in held if each.would_break]
        if broken and not plan:
            raise ConflictError(
                "vacuum",
                [
                    Failure(
                        each.table, f"version {each.version} is pinned by set {each.training_set_id} of {each.model}"
                    )
                    for each in broken
                ],
                "name a longer --older-than, or release a set: `lakeloop training-set retire ID`",
            )
        tables = tuple(
            TableVacuum(str(address), len(files), bytes_of(address, files))
            for address, files in removable.items()
            if files
        )
        if not plan:
            for address, files in removable.items():
                if files:
                    context.progress(f"vacuum {address}")
                    remove_files(address, age, {each.version for each in held if each.table == str(address)})
        return VacuumResult(age, tables, held, is_done=not plan)


def _held_back(
    context: Context, horizon: datetime, removable: dict[TableAddress, frozenset[str]]
) -> tuple[HeldBack, ...]:
    found = []
    read = cache(files_of)  # sets share versions
    for manifest in _live_sets(context, horizon):
        for each in manifest.inputs:
            address = each.address(context)
            if address not in removable:
                continue
            pinned = read(address, each.version) or frozenset()
            only_pinned = pinned - (read(address, None) or frozenset())
            if only_pinned:
                found.append(
                    HeldBack(
                        manifest.training_set_id,
                        manifest.model,
                        each.table,
                        each.version,
                        bytes_of(address, only_pinned),
                        bool(only_pinned & removable[address]),
                    )
                )
    return tuple(found)


def _live_sets(context: Context, horizon: datetime) -> list[Manifest]:
    """List the sets that are not retired and were pinned after an instant of the wall clock, or nobody knows when."""
    manifests, retired = read_manifests(context), retired_ids(context)
    beyond = find_beyond(context, manifests, horizon)
    return [each for each in manifests if each.training_set_id not in retired | beyond]

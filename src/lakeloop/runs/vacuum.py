"""Removing data files that no version in use needs, and never one that a training set still holds back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from lakeloop.config.durations import write_duration
from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest, find_beyond, read_manifests, retired_ids
from lakeloop.tables import TableAddress
from lakeloop.tables.files import bytes_of, files_of, list_tables, removable_files, remove_files
from lakeloop.tables.log_files import clean_log, old_log
from lakeloop.tables.retention import Retention


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
        files: Data files it would remove, or removed.
        bytes: Their size.
        log_files: Files of the log it would remove, or removed.
        log_kept_for: Training sets that pin a version which the log would lose; it is left as it is for them.
    """

    table: str
    files: int
    bytes: int
    log_files: int
    log_kept_for: tuple[str, ...]


@dataclass(frozen=True)
class VacuumResult:
    """What a vacuum would do, or did.

    Attributes:
        older_than: Least age of a data file since it was given up, as a duration of project.yml.
        tables: Tables in which there is something to remove, or whose log is kept for a training set.
        held_back: What live training sets hold back, the pinned tables that differ from the newest version.
        is_done: Whether the files were removed.
    """

    older_than: str
    tables: tuple[TableVacuum, ...]
    held_back: tuple[HeldBack, ...]
    is_done: bool


def vacuum(context: Context, now: datetime, *, older_than: timedelta | None = None, plan: bool = False) -> VacuumResult:
    """Remove the files that no version in use needs, and what of the tables' logs is older than the retention.

    Args:
        context: Project and lake.
        now: Wall-clock time: files and versions age by it, not by a logical now.
        older_than: Least age of a data file since it was given up; the project's `retention` without it.
        plan: Whether only to tell.

    Returns:
        What would be removed, or was.

    Raises:
        ConflictError: If a data file would be removed that a live training set inside the horizon needs; nothing goes.
        EnvironmentProblemError: If the tables are in a catalog, which has its own vacuum, or at an address.

    >>> from datetime import UTC
    >>> found = vacuum(context, datetime.now(UTC), plan=True)
    >>> found.tables, found.held_back, found.older_than
    ((), (), '400 days')
    """
    lake, retention = context.lake, context.config.project.retention
    if context.config.project.catalog is not None:
        raise EnvironmentProblemError(
            f"catalog {context.config.project.catalog}",
            [Failure("vacuum", "works on tables that lie on paths")],
            "use the catalog's own vacuum: the tables' retention properties hold back what pins need",
        )
    if lake.store.is_address:
        raise EnvironmentProblemError(
            f"workspace {lake.store.root}",
            [Failure("vacuum", "works on tables in folders; it cannot look at single files of an object store")],
            "keep the files, or use Spark's VACUUM on tables no training set pins: docs/storage.md",
        )
    age = retention if older_than is None else older_than
    with lake.writing():
        removable = {address: removable_files(address, age) for address in list_tables(context.config.workspace)}
        live = _live_sets(context, now - retention)
        held = _held_back(context, live, removable)
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
        pins = _pins(context, live)
        kept = Retention(retention)
        tables = []
        for address, files in removable.items():
            size = bytes_of(address, files)
            if not plan:
                context.progress(f"vacuum {address}")
                kept.settle(address, lambda: context.spark)  # the log is cleaned up by what the table itself declares
                if files:
                    remove_files(address, age, {each.version for each in held if each.table == str(address)})
            log = old_log(address, retention, now)  # as it stands now: what was done above is written there too
            kept_for = tuple(pin.training_set_id for pin in pins.get(address, ()) if pin.version < log.first_kept)
            if log.files and not kept_for and not plan:
                clean_log(address)
            if files or log.files:
                log_files = 0 if kept_for else log.files
                tables.append(TableVacuum(str(address), len(files), size, log_files, kept_for))
        return VacuumResult(write_duration(age), tuple(tables), held, is_done=not plan)


class _Pin(NamedTuple):
    training_set_id: str
    version: int


def _pins(context: Context, live: Sequence[Manifest]) -> dict[TableAddress, list[_Pin]]:
    """List the versions that live sets pin, by table."""
    found: dict[TableAddress, list[_Pin]] = {}
    for manifest in live:
        for each in manifest.inputs:
            found.setdefault(each.address(context), []).append(_Pin(manifest.training_set_id, each.version))
    return found


def _held_back(
    context: Context, live: Sequence[Manifest], removable: dict[TableAddress, frozenset[str]]
) -> tuple[HeldBack, ...]:
    found = []
    read = cache(files_of)  # sets share versions
    for manifest in live:
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

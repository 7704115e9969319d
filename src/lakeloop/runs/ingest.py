"""Landed files and what is read -> bronze and quarantine: admission, typing, rules, the accounting of every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lakeloop import schemas
from lakeloop.config.source import Source
from lakeloop.discovery.text import count_of
from lakeloop.errors import MAX_SHOWN
from lakeloop.landing import FileStatus, LandedFile, admit_files, drop_unrecorded, set_aside
from lakeloop.runs.bronze import create_tables, describe_tables
from lakeloop.runs.context import Context
from lakeloop.runs.declared import assert_same_source
from lakeloop.runs.ingest_batch import JOB, drain_staged, drain_stretches
from lakeloop.runs.landed_files import assert_all_files_read, file_row, read_batches, seen_files
from lakeloop.runs.late_rows import refuse_built_instant
from lakeloop.runs.read_sources import read_new
from lakeloop.runs.readings import list_stretches
from lakeloop.runs.side_by_side import do_side_by_side
from lakeloop.runs.stopped_sources import STOPPING, FileNote, SourceError, raise_stopped
from lakeloop.tables import Lake, WriteIdentity, identity_hash


@dataclass(frozen=True)
class SourceIngest:
    """What an ingest did for one source.

    Attributes:
        source: The source.
        files_admitted: New files admitted; stretches, where a source is read.
        files_refused: New files refused and moved aside.
        files_repeated: New files whose content was seen before.
        files_left: Files that could not be judged now and stay where they are.
        rows_read: Records of the batches of this run.
        rows_accepted: Of these, accepted.
        rows_quarantined: Of these, quarantined.
        rows_duplicate: Of these, exact duplicates.
        rows_superseded: Of these, older versions of a key than the newest one accepted.
    """

    source: str
    files_admitted: int
    files_refused: int
    files_repeated: int
    files_left: int
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int
    rows_superseded: int = 0


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did.

    Attributes:
        sources: Counts per source.
        files_not_admitted: The first files that were refused or left; `sources` counts all of them.
    """

    sources: tuple[SourceIngest, ...]
    files_not_admitted: tuple[FileNote, ...] = ()

    @property
    def summary(self) -> str:
        """Rows read and where they went, over all sources."""
        refused = sum(each.files_refused for each in self.sources)
        parts = [count_of(sum(each.rows_read for each in self.sources), "row") + " read"]
        for name in ("accepted", "quarantined", "duplicate", "superseded"):
            rows = sum(getattr(each, f"rows_{name}") for each in self.sources)
            parts += [f"{rows:,} {name}"] if rows else []
        parts += [f"{count_of(refused, 'file')} refused"] if refused else []
        left = sum(each.files_left for each in self.sources)
        parts += [f"{count_of(left, 'file')} left"] if left else []
        return ", ".join(parts)


def ingest(context: Context) -> IngestResult:
    """Ingest what has landed, and what is new where sources are read, source by source.

    Args:
        context: Project, lake and logical now.

    Returns:
        Counts per source.

    Raises:
        DataContractError: If a row breaks a rule of severity fail, or an expression can't be computed; nothing of that
            source's batch is written, the other sources are ingested.
        NotReadyError: If a source has no landing folder or table; the other sources are ingested.
        EnvironmentProblemError: If a database or stream does not answer; the other sources are ingested.
        AccountingError: If a row is lost.
        ConflictError: If new rows would become available at an instant up to which gold is built already, or a
            source's columns, key or mode were changed after rows were accepted.

    >>> ingest(context).summary  # every landed file is in bronze already
    '0 rows read'
    """
    lake, sources = context.lake, context.config.sources
    with lake.writing():
        lake.create_own(schemas.RUNS)  # before all others, see runs.integrity
        for source in sources.values():
            assert_same_source(lake, source)
        seen = seen_files(lake)
        found, stopped = _admit_all(context, seen)
        known = {name: [*seen.get(name, []), *found[name]] for name in found}
        _refuse_built_instant(context, {name for name in found if _is_pending(lake, name, known[name])})
        new = [(name, each) for name in found for each in found[name] if each.status is not FileStatus.UNSETTLED]
        if new:
            unit = identity_hash(*((name, each.file, each.content_hash, each.modified_ns) for name, each in new))
            rows = [file_row(each, name, context.as_of) for name, each in new]
            lake.append_own(schemas.INGESTED_FILES, rows, WriteIdentity(JOB, f"files {unit}"))
        for name in found:
            source = sources[name]
            if source.landing is None:
                continue
            set_aside(context.config.landing_path(source), lake.workspace / "refused" / name, known[name])
            drop_unrecorded(_staging(context, source), known[name])
        lake.create_own(schemas.INGESTED_BATCHES)

        def drain(name: str) -> SourceIngest | SourceError:
            if name in stopped:
                return stopped[name]
            try:
                return _ingest_source(context, sources[name], found[name], known[name])
            except STOPPING as broken:
                return broken

        ended = do_side_by_side(drain, sources)
        notes = tuple(_notes(found))[:MAX_SHOWN]
        raise_stopped([each for each in ended if not isinstance(each, SourceIngest)], notes, len(sources))
        return IngestResult(tuple(each for each in ended if isinstance(each, SourceIngest)), notes)


def _admit_all(
    context: Context, seen: Mapping[str, Sequence[LandedFile]]
) -> tuple[dict[str, list[LandedFile]], dict[str, SourceError]]:
    """Admit what is new of every source; also give what stops those that can't be read."""
    found: dict[str, list[LandedFile]] = {}
    stopped: dict[str, SourceError] = {}
    for name, source in context.config.sources.items():
        try:
            found[name] = _admit(context, source, seen.get(name, []))
        except STOPPING as problem:
            stopped[name] = problem
    return found, stopped


def _notes(found: Mapping[str, Sequence[LandedFile]]) -> Iterator[FileNote]:
    for status in (FileStatus.REFUSED, FileStatus.UNSETTLED):
        for name, files in found.items():
            for each in files:
                if each.status is status:
                    yield FileNote(name, each.file, status, each.reason or "")


def _with_rows(files: Iterable[LandedFile]) -> list[LandedFile]:
    """Keep the admitted files a batch can show: one with only a header has no row that could say it was read."""
    return [each for each in files if each.status is FileStatus.ADMITTED and each.raw_rows]


def _is_pending(lake: Lake, source: str, known: Sequence[LandedFile]) -> bool:
    return bool(sum(row["files"] for row in read_batches(lake, source)) < len(_with_rows(known)))


def _refuse_built_instant(context: Context, names: set[str]) -> None:
    """Refuse new files of sources whose rows count from the ingest on, where something is built already."""
    sources = context.config.sources
    observed = [name for name in names if not _is_trusted(sources[name], context.as_of)]
    remedy = "new files have landed since: ingest them as of a later instant, at which the platform could know them"
    refuse_built_instant(context, observed, JOB, remedy)


def _is_trusted(source: Source, as_of: datetime) -> bool:
    return source.history is not None and source.history.trusted_until >= as_of


def _staging(context: Context, source: Source) -> Path:
    return context.lake.workspace / "admitted" / source.source


def _admit(context: Context, source: Source, seen: Sequence[LandedFile]) -> list[LandedFile]:
    staging = _staging(context, source)
    if source.read is not None:
        return read_new(context, source, staging, seen)
    return admit_files(source, context.config.landing_path(source), staging, seen)


def _ingest_source(
    context: Context, source: Source, found: Sequence[LandedFile], known: Sequence[LandedFile]
) -> SourceIngest:
    lake, name = context.lake, source.source
    before = read_batches(lake, name)
    describe_tables(lake, source)
    if _is_pending(lake, name, known):
        context.progress(f"ingest {name}")
        create_tables(lake, source)
        raw_rows = {each.content_hash: each.raw_rows for each in _with_rows(known)}
        if source.read is not None:
            drain_stretches(context, source, _staging(context, source), list_stretches(known))
        else:
            drain_staged(context, source, _staging(context, source), raw_rows)
    batches = read_batches(lake, name)
    assert_all_files_read(name, _with_rows(known), batches)
    statuses = (FileStatus.ADMITTED, FileStatus.REFUSED, FileStatus.DUPLICATE_CONTENT, FileStatus.UNSETTLED)
    keys = ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
    return SourceIngest(
        name,
        *(sum(each.status is status for each in found) for status in statuses),
        *(sum(row[key] for row in batches) - sum(row[key] for row in before) for key in keys),
    )

"""Which landed files are admitted, refused or left lying, and where they go.

A file is admitted when it is readable to its end, it has the columns that are declared, matched by name, and its bytes
were not seen before. What is admitted is staged as Parquet of text, so that the stream behind it depends neither on the
order of columns nor on a dialect, and so that no value is lost by a type before a rule can speak of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lakeloop.config.source import Source
from lakeloop.errors import Failure, NotReadyError
from lakeloop.landing.opened import MALFORMED, UNKNOWN, RefusedError, UnsettledError, hash_file
from lakeloop.landing.records import read_records

_WRITTEN = "it changed while it was read: let it land under a name that begins with a dot, then rename it"


class FileStatus(StrEnum):
    """What became of a landed file."""

    ADMITTED = "ADMITTED"
    REFUSED = "REFUSED"
    DUPLICATE_CONTENT = "DUPLICATE_CONTENT"
    UNSETTLED = "UNSETTLED"
    """It can't be judged now and stays where it is; the next call looks at it again."""


@dataclass(frozen=True)
class LandedFile:
    """A landed file and what became of it.

    Attributes:
        file: Path below the landing folder.
        content_hash: SHA-256 of its bytes; empty while it is unsettled.
        size_bytes: Its size.
        modified_ns: Its modification time.
        status: What became of it.
        reason: Why it was refused or left lying, or which file it repeats.
        raw_rows: Records counted on reading it to its end.
        stretch: What is said of a stretch that was read where it is, as JSON; None for a file.
    """

    file: str
    content_hash: str
    size_bytes: int
    modified_ns: int
    status: FileStatus
    reason: str | None = None
    raw_rows: int = 0
    stretch: str | None = None


def staged_schema(source: Source) -> pa.Schema:
    """Give the schema of staged files: declared columns as text, and where each record came from.

    Args:
        source: The source's declaration.

    Returns:
        An Arrow schema; with `_unknown` where columns that are not declared are kept.

    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> staged_schema(source).names
    ['order', '_malformed', '_source_file', '_content_hash', '_source_row']
    """
    texts = [pa.field(name, pa.string()) for name in source.columns]
    kept = [pa.field(UNKNOWN, pa.map_(pa.string(), pa.string()))] if source.origin.keeps_new_columns else []
    return pa.schema(
        [
            *texts,
            pa.field(MALFORMED, pa.string()),
            pa.field("_source_file", pa.string()),
            pa.field("_content_hash", pa.string()),
            pa.field("_source_row", pa.int64()),
            *kept,
        ]
    )


def admit_files(source: Source, landing: Path, staging: Path, seen: Sequence[LandedFile]) -> list[LandedFile]:
    r"""Admit what landed since the last time; each new file is read once, in bounded memory.

    Nothing is moved here: a refused file is to be recorded first, then moved by `set_aside`.

    Args:
        source: The source's declaration.
        landing: Its landing folder.
        staging: Where admitted files are staged.
        seen: Files of earlier calls.

    Returns:
        The new files, sorted by name. Every ADMITTED one is staged under its content hash.

    Raises:
        NotReadyError: If the landing folder does not exist.

    >>> import tempfile
    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     landing, staging = Path(folder) / "landing", Path(folder) / "staging"
    ...     landing.mkdir()
    ...     for name, text in (("a", "order\n1\n2\n"), ("b", "order\n1\n2\n"), ("c", "oder\n3\n")):
    ...         _ = (landing / f"{name}.csv").write_text(text)
    ...     files = admit_files(source, landing, staging, [])
    ...     later = admit_files(source, landing, staging, files)
    >>> for file in files:
    ...     print(file.file, file.status, file.raw_rows, file.reason)
    a.csv ADMITTED 2 None
    b.csv DUPLICATE_CONTENT 0 same content as a.csv
    c.csv REFUSED 0 columns missing: order; columns not declared: oder; did you mean 'order' by 'oder'?
    >>> later  # nothing has landed since
    []
    """
    if not landing.is_dir() or not os.access(landing, os.R_OK | os.X_OK):
        problem = "can't be read" if landing.is_dir() else "does not exist"
        raise NotReadyError(
            f"source {source.source}",
            [Failure("landing", f"{landing} {problem}")],
            "create the folder and put files in it, or correct landing.path in the source's file",
        )
    unchanged = {(f.file, f.size_bytes, f.modified_ns) for f in seen}
    by_content = {f.content_hash: f.file for f in seen if f.status is FileStatus.ADMITTED}
    found: list[LandedFile] = []
    for path in sorted(landing.glob(source.files.files)):
        if path.name.startswith(".") or path.is_dir():
            continue
        name = path.relative_to(landing).as_posix()
        try:
            stat = _stat_file(path, name)
            _assert_inside(path, landing)
            if (name, stat.st_size, stat.st_mtime_ns) in unchanged:
                continue
            file = _judge(source, path, name, stat, staging, by_content)
        except UnsettledError as reason:
            shown = os.fsencode(name).decode(errors="backslashreplace")
            file = LandedFile(shown, "", 0, 0, FileStatus.UNSETTLED, str(reason))
        if file is not None:
            found.append(file)
            if file.status is FileStatus.ADMITTED:
                by_content[file.content_hash] = name
    return found


def _stat_file(path: Path, name: str) -> os.stat_result:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnsettledError("its name is not UTF-8: rename it") from None
    try:
        stat = path.stat()
    except OSError as problem:
        what = "it is a link to nothing" if path.is_symlink() else f"it is gone ({problem.strerror})"
        raise UnsettledError(what) from None
    if not path.is_file():
        raise UnsettledError("it is no regular file")
    return stat


def _assert_inside(path: Path, landing: Path) -> None:
    """Read nothing that a link brings in from elsewhere: who may land files may not choose among those of this user."""
    if not path.resolve().is_relative_to(landing.resolve()):
        raise UnsettledError("it is a link out of the landing folder: put the file itself there")


def _judge(
    source: Source, path: Path, name: str, stat: os.stat_result, staging: Path, by_content: dict[str, str]
) -> LandedFile | None:
    """Admit or refuse one file; None where only its time changed."""
    content_hash = hash_file(path)

    def became(status: FileStatus, reason: str | None = None, rows: int = 0) -> LandedFile:
        return LandedFile(name, content_hash, stat.st_size, stat.st_mtime_ns, status, reason, rows)

    same = by_content.get(content_hash)
    if same is not None:
        return None if same == name else became(FileStatus.DUPLICATE_CONTENT, f"same content as {same}")
    try:
        rows = _stage(source, path, name, content_hash, staging)
    except RefusedError as reason:
        if _has_changed(path, stat):  # what was refused is not what lies there
            raise UnsettledError(_WRITTEN) from reason
        return became(FileStatus.REFUSED, str(reason))
    if _has_changed(path, stat):
        raise UnsettledError(_WRITTEN)
    return became(FileStatus.ADMITTED, None, rows)


def _has_changed(path: Path, before: os.stat_result) -> bool:
    try:
        now = path.stat()
    except OSError:
        return True
    return (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


def set_aside(landing: Path, refused: Path, files: Sequence[LandedFile]) -> None:
    """Move refused files out of the landing folder, once their refusal is recorded.

    Args:
        landing: The source's landing folder.
        refused: Where refused files are moved; the name there begins with the content's hash.
        files: Files of this and earlier calls of `admit_files`; what a killed job left lying is moved too.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     landing, refused = Path(folder) / "landing", Path(folder) / "refused"
    ...     landing.mkdir()
    ...     _ = (landing / "a.csv").write_text("no header")
    ...     at = (landing / "a.csv").stat()
    ...     file = LandedFile("a.csv", "5c1d" * 16, at.st_size, at.st_mtime_ns, FileStatus.REFUSED, "why")
    ...     set_aside(landing, refused, [file])
    ...     [path.name for path in landing.iterdir()], [path.name for path in refused.iterdir()]
    ([], ['5c1d5c1d5c1d-a.csv'])
    """
    for file in files:
        if file.status is not FileStatus.REFUSED:
            continue
        path = landing / file.file
        # A folder that can't be written keeps the file; its refusal is recorded, and it is not read again.
        with suppress(OSError):
            stat = path.stat()
            if (stat.st_size, stat.st_mtime_ns) == (file.size_bytes, file.modified_ns):
                refused.mkdir(parents=True, exist_ok=True)
                target = refused / f"{file.content_hash[:12]}-{path.name}"
                _move(path, target)
                os.utime(target, follow_symlinks=False)  # put back as it is, it is a new arrival, to be judged again


def drop_unrecorded(staging: Path, files: Sequence[LandedFile]) -> None:
    """Remove staged files that no record speaks of: an attempt staged them and stopped, and they have changed since.

    Args:
        staging: Where admitted files are staged.
        files: Every file of the source that is recorded.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("5c1d.parquet", "77aa.parquet", ".77aa.part"):
    ...         (Path(folder) / name).touch()
    ...     drop_unrecorded(Path(folder), [LandedFile("a.csv", "5c1d", 9, 1, FileStatus.ADMITTED)])
    ...     [path.name for path in Path(folder).iterdir()]
    ['5c1d.parquet']
    """
    recorded = {f"{each.content_hash}.parquet" for each in files if each.status is FileStatus.ADMITTED}
    for path in (*staging.glob("*.parquet"), *staging.glob(".*.part")):
        if path.name not in recorded:
            path.unlink()


def _move(path: Path, target: Path) -> None:
    if path.is_symlink():  # the file it points to is somebody else's; a relative link would point elsewhere
        target.unlink(missing_ok=True)
        target.symlink_to(path.resolve())
        path.unlink()
    else:
        shutil.move(path, target)  # also onto another file system


def _stage(source: Source, path: Path, name: str, content_hash: str, staging: Path) -> int:
    """Read a file to its end and stage it; returns the number of records."""
    schema = staged_schema(source)
    staging.mkdir(parents=True, exist_ok=True)
    target, partial = staging / f"{content_hash}.parquet", staging / f".{content_hash}.part"
    rows, digest = 0, hashlib.sha256()
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for batch in read_records(source, path, digest):
                count = len(batch[MALFORMED])
                arrays = [pa.array(batch[column], pa.string()) for column in (*source.columns, MALFORMED)]
                arrays += [pa.array([name] * count, pa.string()), pa.array([content_hash] * count, pa.string())]
                arrays.append(pa.array(range(rows + 1, rows + count + 1), pa.int64()))
                if source.origin.keeps_new_columns:
                    arrays.append(pa.array(batch[UNKNOWN], schema.field(UNKNOWN).type))
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                rows += count
        if digest.hexdigest() != content_hash:
            raise UnsettledError(_WRITTEN)
        # What an attempt staged and did not record was read by the declaration of that time.
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return rows

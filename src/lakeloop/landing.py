"""Landed files: admission, staging and refusal. The only module that opens or moves a landed file.

A file is admitted when it is readable to its end, its header holds the declared columns, matched by name, and its bytes
were not seen before. What is admitted is staged as Parquet of text, so that the stream behind it depends neither on the
order of columns nor on a dialect, and so that no value is lost by a type before a rule can speak of it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lakeloop.config.source import Source
from lakeloop.errors import Failure, NotReadyError

_BATCH_ROWS = 50_000
MALFORMED = "_malformed"
"""Staged column with the text of a record whose number of fields is wrong."""


class FileStatus(StrEnum):
    """What became of a landed file."""

    ADMITTED = "ADMITTED"
    REFUSED = "REFUSED"
    DUPLICATE_CONTENT = "DUPLICATE_CONTENT"


@dataclass(frozen=True)
class LandedFile:
    """A landed file and what became of it.

    Attributes:
        file: Path below the landing folder.
        content_hash: SHA-256 of its bytes.
        size_bytes: Its size.
        modified_ns: Its modification time.
        status: What became of it.
        reason: Why it was refused, or which file it repeats.
        raw_rows: Records counted on reading it to its end.
    """

    file: str
    content_hash: str
    size_bytes: int
    modified_ns: int
    status: FileStatus
    reason: str | None = None
    raw_rows: int = 0


class _RefusedError(Exception):
    """The file can't be admitted; the message says why."""


def staged_schema(source: Source) -> pa.Schema:
    """Give the schema of staged files: declared columns as text, and where each record came from.

    Args:
        source: The source's declaration.

    Returns:
        An Arrow schema.
    """
    texts = [pa.field(name, pa.string()) for name in source.columns]
    return pa.schema(
        [
            *texts,
            pa.field(MALFORMED, pa.string()),
            pa.field("_source_file", pa.string()),
            pa.field("_content_hash", pa.string()),
            pa.field("_source_row", pa.int64()),
        ]
    )


def admit_files(source: Source, landing: Path, staging: Path, seen: Sequence[LandedFile]) -> list[LandedFile]:
    """Admit what landed since the last time; each new file is read once, in bounded memory.

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
    """
    if not landing.is_dir():
        raise NotReadyError(
            f"source {source.source}",
            [Failure("landing", f"{landing} does not exist")],
            "create the folder and put files in it, or correct landing.path in the source's file",
        )
    unchanged = {(f.file, f.size_bytes, f.modified_ns) for f in seen}
    by_content = {f.content_hash: f.file for f in seen if f.status is FileStatus.ADMITTED}
    found: list[LandedFile] = []
    for path in sorted(landing.glob(source.landing.pattern)):
        if not path.is_file() or path.name.startswith("."):
            continue
        stat, name = path.stat(), path.relative_to(landing).as_posix()
        if (name, stat.st_size, stat.st_mtime_ns) in unchanged:
            continue
        content_hash = _hash_file(path)
        if content_hash in by_content:
            same = by_content[content_hash]
            if same == name:  # touched, not changed
                continue
            found.append(
                LandedFile(
                    name,
                    content_hash,
                    stat.st_size,
                    stat.st_mtime_ns,
                    FileStatus.DUPLICATE_CONTENT,
                    f"same content as {same}",
                )
            )
            continue
        try:
            rows = _stage(source, path, name, content_hash, staging)
        except _RefusedError as reason:
            found.append(
                LandedFile(name, content_hash, stat.st_size, stat.st_mtime_ns, FileStatus.REFUSED, str(reason))
            )
            continue
        by_content[content_hash] = name
        found.append(LandedFile(name, content_hash, stat.st_size, stat.st_mtime_ns, FileStatus.ADMITTED, None, rows))
    return found


def set_aside(landing: Path, refused: Path, files: Sequence[LandedFile]) -> None:
    """Move refused files out of the landing folder, once their refusal is recorded.

    Args:
        landing: The source's landing folder.
        refused: Where refused files are moved; the name there begins with the content's hash.
        files: Files of this and earlier calls of `admit_files`; what a killed job left lying is moved too.
    """
    for file in files:
        path = landing / file.file
        if file.status is not FileStatus.REFUSED or not path.is_file():
            continue
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) == (file.size_bytes, file.modified_ns):
            refused.mkdir(parents=True, exist_ok=True)
            path.replace(refused / f"{file.content_hash[:12]}-{path.name}")


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stage(source: Source, path: Path, name: str, content_hash: str, staging: Path) -> int:
    """Read a file to its end and stage it; returns the number of records."""
    schema = staged_schema(source)
    staging.mkdir(parents=True, exist_ok=True)
    target, partial = staging / f"{content_hash}.parquet", staging / f".{content_hash}.part"
    rows = 0
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for batch in _read_batches(source, path):
                count = len(batch[MALFORMED])
                arrays = [pa.array(batch[column], pa.string()) for column in (*source.columns, MALFORMED)]
                arrays += [pa.array([name] * count, pa.string()), pa.array([content_hash] * count, pa.string())]
                arrays.append(pa.array(range(rows + 1, rows + count + 1), pa.int64()))
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                rows += count
    except _RefusedError:
        partial.unlink(missing_ok=True)
        raise
    if target.exists():
        partial.unlink()
    else:
        partial.replace(target)
    return rows


def _read_batches(source: Source, path: Path) -> Iterator[Mapping[str, list[str | None]]]:
    nulls = frozenset(source.landing.null_values)
    declared = list(source.columns)
    try:
        with _open_text(path) as stream:
            records = csv.reader(stream, strict=True)
            header = next(records, None)
            if header is None:
                raise _RefusedError("the file is empty: not even a header")
            positions = _match_header(declared, [name.strip() for name in header])
            columns: dict[str, list[str | None]] = {name: [] for name in (*declared, MALFORMED)}
            for record in records:
                if len(record) == len(header):
                    for name, position in positions:
                        value = record[position]
                        columns[name].append(None if value in nulls else value)
                    columns[MALFORMED].append(None)
                elif record:  # a blank line is no record
                    for name, _ in positions:
                        columns[name].append(None)
                    columns[MALFORMED].append(",".join(record))
                if len(columns[MALFORMED]) >= _BATCH_ROWS:
                    yield columns
                    columns = {name: [] for name in columns}
            yield columns
    except UnicodeDecodeError as problem:
        raise _RefusedError(f"not UTF-8 text at byte {problem.start} of a block") from problem
    except (csv.Error, EOFError, OSError, zlib.error) as problem:
        raise _RefusedError(f"unreadable: {problem}") from problem


def _open_text(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


def _match_header(declared: Sequence[str], header: Sequence[str]) -> list[tuple[str, int]]:
    missing = [name for name in declared if name not in header]
    extra = [name for name in header if name not in declared]
    repeated = sorted({name for name in header if header.count(name) > 1})
    problems = []
    if missing:
        problems.append(f"columns missing: {', '.join(missing)}")
    if extra:
        problems.append(f"columns not declared: {', '.join(extra)}")
    if repeated:
        problems.append(f"columns repeated: {', '.join(repeated)}")
    if problems:
        raise _RefusedError("; ".join(problems))
    return [(name, list(header).index(name)) for name in declared]

"""The records of one landed file: text, read once to its end in bounded memory."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from lakeloop.config.source import Source
from lakeloop.landing.header import header_problem

if TYPE_CHECKING:
    from hashlib import _Hash

MALFORMED = "_malformed"
"""Staged column with the text of a record whose number of fields is wrong."""

_BATCH_ROWS = 50_000
_BATCH_BYTES = 32 * 2**20
_MAX_LINE = 16 * 2**20
_MAX_GROWTH, _FREE_BYTES = 200, 256 * 2**20
"""A packed file may grow to this many times its size; below so many bytes it is not asked."""

_OTHER_TEXT = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_OTHER_BYTES = {b"\x1f\x8b": "gzip: end its name in .gz", b"PK\x03\x04": "a zip archive: deliver what is in it"}


class RefusedError(Exception):
    """The file can't be admitted; the message says why."""


class UnsettledError(Exception):
    """The file can't be judged now; the message says why."""


class _Hashed(io.BufferedIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: BinaryIO, digest: _Hash) -> None:
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            chunk = self._file.read(-1 if size is None else size)
        except OSError as problem:
            raise UnsettledError(f"it can't be read: {problem.strerror}") from problem
        self._digest.update(chunk)
        return chunk

    read1 = read


class _Watched(io.BufferedIOBase):
    """Bytes on their way to the decoder: counted, bounded, and refused where they are no text."""

    def __init__(self, file: io.BufferedIOBase | gzip.GzipFile, bound: int | None) -> None:
        self._file, self._bound, self.count = file, bound, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = self._file.read(-1 if size is None else size)
        if self.count == 0:
            self._refuse_other_kinds(chunk)
        self.count += len(chunk)
        if self._bound is not None and self.count > self._bound:
            raise RefusedError(f"it unpacks to more than {_MAX_GROWTH} times its size: deliver it unpacked")
        return chunk

    read1 = read

    @staticmethod
    def _refuse_other_kinds(chunk: bytes) -> None:
        for start, name in _OTHER_TEXT.items():
            if chunk.startswith(start):
                raise RefusedError(f"not UTF-8 text but {name}: deliver it as UTF-8")
        for start, name in _OTHER_BYTES.items():
            if chunk.startswith(start):
                raise RefusedError(f"not UTF-8 text but {name}")


def hash_file(path: Path) -> str:
    """Hash the bytes of a landed file.

    Args:
        path: The file.

    Returns:
        Their SHA-256, 64 hex digits.

    Raises:
        UnsettledError: If it is gone or can't be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.csv").write_bytes(b"order")
    ...     hash_file(Path(folder) / "a.csv") == hashlib.sha256(b"order").hexdigest()
    True
    """
    digest = hashlib.sha256()
    with _open_file(path) as file:
        _read_out(_Hashed(file, digest))
    return digest.hexdigest()


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as problem:
        raise UnsettledError(f"it can't be read: {problem.strerror}") from problem


def _read_out(hashed: _Hashed) -> None:
    while hashed.read(2**20):
        pass


def read_records(source: Source, path: Path, digest: _Hash) -> Iterator[Mapping[str, list[str | None]]]:
    r"""Read the records of a landed file, a block at a time.

    Args:
        source: The source's declaration.
        path: The file; packed with gzip where its name ends in `.gz`.
        digest: Fed with the bytes of the file; complete when the last block was read.

    Yields:
        Declared columns and `_malformed` -> values of one block of records, all of one length.

    Raises:
        RefusedError: If the file is no CSV text in UTF-8 with the declared columns, readable to its end.
        UnsettledError: If the file can't be opened or read, which says nothing about its content.

    >>> import tempfile
    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     _ = path.write_text("order\n1\nNA\n2,3\n")
    ...     for block in read_records(source, path, hashlib.sha256()):
    ...         print(block)
    {'order': ['1', None, None], '_malformed': [None, None, '2,3']}
    """
    with _open_file(path) as file:
        hashed = _Hashed(file, digest)
        packed = path.suffix.lower() == ".gz"
        bound = max(_FREE_BYTES, _MAX_GROWTH * os.fstat(file.fileno()).st_size) if packed else None
        watched = _Watched(gzip.GzipFile(fileobj=hashed, mode="rb") if packed else hashed, bound)
        try:
            with io.TextIOWrapper(cast("BinaryIO", watched), encoding="utf-8-sig", newline="") as text:
                yield from _read_blocks(source, text, watched)
        except UnicodeDecodeError as problem:
            at = watched.count - len(problem.object) + problem.start
            raise RefusedError(f"not UTF-8 text at byte {at}: deliver it as UTF-8") from problem
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            raise RefusedError(f"unreadable: {problem}") from problem
        _read_out(hashed)


def _read_blocks(source: Source, text: TextIO, watched: _Watched) -> Iterator[Mapping[str, list[str | None]]]:
    nulls = frozenset(source.landing.null_values)
    records = csv.reader(_lines(text), strict=True)
    try:
        header = next(records, None)
        if header is None:
            raise RefusedError("the file is empty: not even a header")
        positions = _match_header(list(source.columns), [name.strip() for name in header])
        names, begun = (*source.columns, MALFORMED), watched.count
        columns: dict[str, list[str | None]] = {name: [] for name in names}
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
            if len(columns[MALFORMED]) >= _BATCH_ROWS or watched.count - begun >= _BATCH_BYTES:
                yield columns
                columns, begun = {name: [] for name in names}, watched.count
        yield columns
    except csv.Error as problem:
        open_quote = "end of data" in str(problem) or "field limit" in str(problem)
        hint = "; does a quote above not end?" if open_quote else ""
        raise RefusedError(f"unreadable at line {records.line_num}: {problem}{hint}") from problem


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            raise RefusedError(f"a line of more than {_MAX_LINE} characters")
        yield line


def _match_header(declared: Sequence[str], header: Sequence[str]) -> list[tuple[str, int]]:
    problem = header_problem(declared, header)
    if problem is not None:
        raise RefusedError(problem)
    return [(name, header.index(name)) for name in declared]

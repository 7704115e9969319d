"""A landed file opened: its bytes hashed as they are read, bounded, and refused where they are no text."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from hashlib import _Hash

MALFORMED = "_malformed"
"""Staged column with the text of a record that could not be taken apart."""

UNKNOWN = "_unknown"
"""Staged column with what landed in columns that are not declared: name -> text; null where there is none."""

Block = Mapping[str, Sequence[Any]]
"""Declared columns, `_malformed` and `_unknown` -> values of one block of records, all of one length."""

BATCH_ROWS = 50_000
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
    with open_file(path) as file:
        _read_out(_Hashed(file, digest))
    return digest.hexdigest()


def open_file(path: Path) -> BinaryIO:
    """Open a landed file; one that is gone or can't be read is unsettled.

    >>> try:
    ...     open_file(Path("/no/file"))
    ... except UnsettledError as reason:
    ...     print(reason)
    it can't be read: No such file or directory
    """
    try:
        return path.open("rb")
    except OSError as problem:
        raise UnsettledError(f"it can't be read: {problem.strerror}") from problem


def _read_out(hashed: _Hashed) -> None:
    while hashed.read(2**20):
        pass


class OpenText:
    r"""A landed file as lines of text, of `open_text`.

    >>> watched = _Watched(io.BufferedReader(io.BytesIO(b"order\n")), None)
    >>> text = OpenText(io.StringIO("order\n1"), watched)
    >>> list(text.read_lines()), text.is_block_full(2), text.is_block_full(50_000)
    (['order\n', '1'], False, True)
    """

    def __init__(self, lines: TextIO, watched: _Watched) -> None:
        self._lines, self._watched = lines, watched
        self._begun = watched.count

    def is_block_full(self, rows: int) -> bool:
        """Tell whether a block of so many records is to be handed on; a new one begins then."""
        if rows < BATCH_ROWS and self._watched.count - self._begun < _BATCH_BYTES:
            return False
        self._begun = self._watched.count
        return True

    def read_lines(self) -> Iterator[str]:
        """Read line by line; one that is too long is refused."""
        while line := self._lines.readline(_MAX_LINE):
            if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
                raise RefusedError(f"a line of more than {_MAX_LINE} characters")
            yield line


@contextmanager
def open_text(path: Path, digest: _Hash) -> Iterator[OpenText]:
    r"""Open a landed file of text; its bytes were all read when the block ends.

    Args:
        path: The file; packed with gzip where its name ends in `.gz`.
        digest: Fed with the bytes of the file.

    Yields:
        The text.

    Raises:
        RefusedError: If it is no text in UTF-8, readable to its end.
        UnsettledError: If it can't be opened or read, which says nothing about its content.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     _ = path.write_text("order\n1\n")
    ...     with open_text(path, hashlib.sha256()) as text:
    ...         list(text.read_lines())
    ['order\n', '1\n']
    """
    with open_file(path) as file:
        hashed = _Hashed(file, digest)
        packed = path.suffix.lower() == ".gz"
        bound = max(_FREE_BYTES, _MAX_GROWTH * os.fstat(file.fileno()).st_size) if packed else None
        watched = _Watched(gzip.GzipFile(fileobj=hashed, mode="rb") if packed else hashed, bound)
        try:
            with io.TextIOWrapper(cast("BinaryIO", watched), encoding="utf-8-sig", newline="") as lines:
                yield OpenText(lines, watched)
        except UnicodeDecodeError as problem:
            at = watched.count - len(problem.object) + problem.start
            raise RefusedError(f"not UTF-8 text at byte {at}: deliver it as UTF-8") from problem
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            raise RefusedError(f"unreadable: {problem}") from problem
        _read_out(hashed)

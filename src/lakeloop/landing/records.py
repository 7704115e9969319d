"""The records of one landed file, read once to its end in bounded memory, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lakeloop.config.landing import FileFormat
from lakeloop.config.source import Source
from lakeloop.landing.csv_records import read_csv
from lakeloop.landing.json_lines import read_json
from lakeloop.landing.opened import Block, open_text
from lakeloop.landing.parquet_rows import read_parquet

if TYPE_CHECKING:
    from hashlib import _Hash


def read_records(source: Source, path: Path, digest: _Hash) -> Iterator[Block]:
    r"""Read the records of a landed file, a block at a time.

    Args:
        source: The source's declaration.
        path: The file; text may be packed with gzip, its name ending in `.gz`.
        digest: Fed with the bytes of the file; complete when the last block was read.

    Yields:
        Declared columns, `_malformed` and `_unknown` -> values of one block of records, all of one length.

    Raises:
        RefusedError: If the file is not of the declared format and columns, readable to its end.
        UnsettledError: If the file can't be opened or read, which says nothing about its content.

    >>> import hashlib, tempfile
    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     _ = path.write_text("order\n1\nNA\n2,3\n")
    ...     for block in read_records(source, path, hashlib.sha256()):
    ...         print(block)
    {'order': ['1', None, None], '_malformed': [None, None, '2,3'], '_unknown': [None, None, None]}
    """
    if source.files.format is FileFormat.PARQUET:
        yield from read_parquet(source, path, digest)
        return
    read = read_csv if source.files.format is FileFormat.CSV else read_json
    with open_text(path, digest) as text:
        yield from read(source, text)

"""Rows of a Parquet file as text, each value so that the declared type reads the same value again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakeloop.config.mistakes import listed
from lakeloop.config.source import Source
from lakeloop.landing.header import match_columns
from lakeloop.landing.opened import BATCH_ROWS, MALFORMED, UNKNOWN, Block, RefusedError, UnsettledError, open_file

if TYPE_CHECKING:
    from hashlib import _Hash

_READ_BYTES = 2**20


def read_parquet(source: Source, path: Path, digest: _Hash) -> Iterator[Block]:
    """Read the rows of a Parquet file, a block at a time.

    Args:
        source: The source's declaration.
        path: The file.
        digest: Fed with the bytes of the file when its rows were read.

    Yields:
        Declared columns, `_malformed` and `_unknown` -> values of one block of records; null stays null.

    Raises:
        RefusedError: If it is no Parquet file, its columns are not those declared, or one has a type that is no value.
        UnsettledError: If the file can't be opened or read, which says nothing about its content.

    >>> import hashlib, tempfile
    >>> declared = {"source": "orders", "landing": {"path": "orders", "format": "parquet"}}
    >>> declared |= {"columns": {"order": {"type": "long"}}, "key": ["order"]}
    >>> declared |= {"event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.parquet"
    ...     pq.write_table(pa.table({"order": [7, None]}), path)
    ...     list(read_parquet(Source.model_validate(declared), path, hashlib.sha256()))
    [{'order': ['7', None], '_malformed': [None, None], '_unknown': [None, None]}]
    """
    with open_file(path) as file:
        try:
            yield from _read_blocks(source, pq.ParquetFile(file))
        except (pa.ArrowException, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno:
                raise UnsettledError(f"it can't be read: {problem.strerror}") from problem
            first = (str(problem).splitlines() or [type(problem).__name__])[0]
            raise RefusedError(f"unreadable as Parquet: {first[:200]}") from problem
        try:
            file.seek(0)
            while chunk := file.read(_READ_BYTES):
                digest.update(chunk)
        except OSError as problem:
            raise UnsettledError(f"it can't be read: {problem.strerror}") from problem


def _read_blocks(source: Source, file: pq.ParquetFile) -> Iterator[Block]:
    fields = file.schema_arrow
    matched = match_columns(source, [source.files.declared_name(name) for name in fields.names])
    taken = (*matched.known, *matched.unknown)
    there = {source.files.declared_name(name): name for name in fields.names}
    odd = [
        f"{name} ({fields.field(there[name]).type})" for name in taken if not _is_value(fields.field(there[name]).type)
    ]
    if odd:
        raise RefusedError(f"columns of a type that is no single value: {listed(odd)}: deliver them as text")
    rows = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=[there[name] for name in taken]):
        count = batch.num_rows
        texts = {name: _as_text(batch.column(there[name]), source.files.nulls) for name in taken}
        more = [[(name, texts[name][row]) for name in matched.unknown] or None for row in range(count)]
        columns: dict[str, list[Any]] = {name: texts.get(name, [None] * count) for name in source.columns}
        rows += count
        yield {**columns, MALFORMED: [None] * count, UNKNOWN: more}
    if rows != file.metadata.num_rows:
        raise RefusedError(f"unreadable: its footer tells of {file.metadata.num_rows} rows, {rows} are there")


def _is_value(kind: pa.DataType) -> bool:
    """Tell whether values of a type can be written as text.

    >>> [_is_value(each) for each in (pa.int64(), pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.int64()))]
    [True, True, False]
    """
    kinds = pa.types
    if kinds.is_dictionary(kind):
        return _is_value(kind.value_type)
    tests = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean, kinds.is_date)
    texts = (kinds.is_string, kinds.is_large_string, kinds.is_timestamp, kinds.is_null)
    return any(is_kind(kind) for is_kind in (*tests, *texts))


def _as_text(values: pa.Array, nulls: frozenset[str]) -> list[str | None]:
    """Write values as text: numbers in full, instants in UTC with `Z`, readings without a zone without one.

    >>> instant = pa.array([1_500_000], pa.timestamp("us", "America/New_York"))
    >>> [_as_text(each, frozenset()) for each in (instant, instant.cast(pa.timestamp("ms")), pa.array([0.1, None]))]
    [['1970-01-01T00:00:01.500000Z'], ['1970-01-01T00:00:01.500'], ['0.1', None]]
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(values.dictionary_decode(), nulls)
    if pa.types.is_floating(kind):
        return [None if each is None else repr(float(each)) for each in values.to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if each is None else format(each, "f") for each in values.to_pylist()]
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz is not None else ""
        utc = values.cast(pa.timestamp(kind.unit, "UTC" if zone else None))
        return [None if each is None else each + zone for each in pc.strftime(utc, "%Y-%m-%dT%H:%M:%S").to_pylist()]
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return [None if each in nulls else each for each in texts] if is_text and nulls else texts

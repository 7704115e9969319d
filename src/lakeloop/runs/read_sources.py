"""Reads sources whose rows do not land in files: what is new is staged, to be taken in as landed files are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lakeloop.config.read import Read, ReadKind
from lakeloop.config.source import Source
from lakeloop.landing import LandedFile
from lakeloop.reading import Stretch
from lakeloop.runs.context import Context
from lakeloop.runs.reading_database import read_database
from lakeloop.runs.reading_delta import read_delta
from lakeloop.runs.reading_plugin import read_by_plugin
from lakeloop.runs.reading_stream import read_stream
from lakeloop.runs.readings import Reading, as_landed, list_stretches, take_staged

_READERS: Mapping[ReadKind, Callable[[Reading], Iterator[Stretch]]] = {
    ReadKind.DELTA: read_delta,
    ReadKind.JDBC: read_database,
    ReadKind.STREAM: read_stream,
}


def read_new(context: Context, source: Source, staging: Path, seen: Sequence[LandedFile]) -> list[LandedFile]:
    """Read what is new since the last stretch that was read.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration; it reads.
        staging: Where its stretches are staged.
        seen: What is recorded of it.

    Returns:
        The stretches that are staged and not recorded yet, those of a job that stopped before first.

    Raises:
        ConflictError: If what was read before does not go on where it ended.
        DataContractError: If the columns, deletes or watermarks are not what is declared.
        EnvironmentProblemError: If a database or stream does not answer.
        NotReadyError: If there is no such table.

    >>> feed = fresh.config.workspace / "feed"
    >>> spark.sql("select 'A' as shop").write.format("delta").save(str(feed))
    >>> declared = {"source": "shops", "read": {"delta": str(feed)}, "columns": {"shop": {"type": "string"}}}
    >>> declared |= {"key": ["shop"], "event_ts": "timestamp_seconds(0)", "available_ts": "event_ts"}
    >>> source, staging = Source.model_validate(declared), fresh.config.workspace / "admitted" / "shops"
    >>> seen = read_new(fresh, source, staging, [])
    >>> [(each.file, each.raw_rows) for each in seen]
    [('000000 version 0', 1)]
    >>> read_new(fresh, source, staging, seen)  # nothing is new
    []
    """
    read = source.read
    if read is None:
        return []
    staged = take_staged(source, read, staging, {each.content_hash for each in seen})
    context.progress(f"read {source.source}")
    reading = Reading(context, source, staging, [*list_stretches(seen), *staged])
    return [as_landed(each) for each in (*staged, *_reader_of(read)(reading))]


def _reader_of(read: Read) -> Callable[[Reading], Iterator[Stretch]]:
    return read_by_plugin if read.kind is None else _READERS[read.kind]

"""Rows that a package's reader reads: a stretch behind the last one, staged and counted as every other."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.entry_points import PluginGroup, find_plugin
from lakeloop.errors import EnvironmentProblemError, Failure, LakeloopError
from lakeloop.reading import DeclaredReader, Fetched, Stretch
from lakeloop.runs.read_secrets import describe_safely
from lakeloop.runs.readings import Reading, end
from lakeloop.tables import identity_hash


def read_by_plugin(reading: Reading) -> Iterator[Stretch]:
    """Read what a package's reader gives behind what it gave before.

    Args:
        reading: The source.

    Yields:
        At most one stretch.

    Raises:
        ConflictError: If something else was read before.
        AccountingError: If other rows are there than the reader counted.
        EnvironmentProblemError: If the reader fails, or gives what it should not; no secret is in the message.

    >>> from pathlib import Path
    >>> from lakeloop.config.source import Source
    >>> declared = {"source": "orders", "read": {"delta": "/orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> try:
    ...     list(read_by_plugin(Reading(fresh, Source.model_validate(declared), Path("admitted/orders"), [])))
    ... except TypeError as error:
    ...     print(error)
    source orders is read by no package
    """
    reader, last = reading.read.plugin, reading.last
    if not isinstance(reader, DeclaredReader):
        raise TypeError(f"source {reading.source.source} is read by no package")
    try:
        place = reader.place
        begun = reading.begin(
            identity_hash(reading.read.word, place), f"behind {place}", None if last is None else last.through
        )
        given = reader.fetch(reading.context.spark, begun.after)
        if given is None:
            return
        found = _sound(given, begun.after)
        stretch = end(begun, found.through, found.counted)
        staged = list(reading.stage(found.rows, stretch))
    except LakeloopError:
        raise
    except Exception as failure:  # noqa: BLE001 - a package may raise anything
        said = describe_safely(reading.context.config, reading.source, failure)
        # Without its cause: what a package raises may hold what it was given.
        raise _failed(reading, f"{type(failure).__name__}: {said}") from None
    yield from staged


def _sound(found: object, after: str | None) -> Fetched:
    if not isinstance(found, Fetched):
        raise TypeError(f"fetch gave {type(found).__name__}; it has to give a Fetched, or None")
    through: object = found.through
    if not isinstance(through, str) or not through or through == after:
        raise ValueError("fetch gave rows whose `through` does not tell how far behind `after` they go")
    return found


def _failed(reading: Reading, said: str) -> EnvironmentProblemError:
    word = reading.read.word
    plugin = find_plugin(PluginGroup.READERS, word)
    of = "" if plugin is None else f" ({plugin.release})"
    remedy = f"check what is declared below read.{word}, and that what it reads answers; else ask who makes the package"
    return EnvironmentProblemError(f"source {reading.source.source}", [Failure(f"{word}{of}", said)], remedy)

"""Another Delta table: its rows, then what was appended or changed from the last version read on."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.read import Deletes, LostVersions
from lakeloop.errors import ConflictError, DataContractError, Failure
from lakeloop.reading import Stretch, settle, write_part
from lakeloop.runs.readings import Reading, end
from lakeloop.tables import (
    CHANGE,
    FEED_COLUMNS,
    ChangedRowsError,
    ForeignTable,
    LostVersionsError,
    NoFeedError,
    open_foreign,
    read_changes,
    read_version,
    stream_appended,
)

_ROWS, _DELETE = ("insert", "update_postimage"), "delete"


def read_delta(reading: Reading) -> Iterator[Stretch]:
    """Read what a Delta table took in since the last version that was read.

    Args:
        reading: The source.

    Yields:
        At most one stretch: the first is the table as it is; later ones are what was appended or changed since.

    Raises:
        ConflictError: If versions are gone, or the table is another one than before.
        DataContractError: If rows were deleted or changed and the declaration does not take that.
        NotReadyError: If there is no table.

    >>> from pathlib import Path
    >>> from lakeloop.config.source import Source
    >>> from lakeloop.errors import NotReadyError
    >>> declared = {"source": "orders", "read": {"delta": "/no/table"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> try:
    ...     list(read_delta(Reading(fresh, source, Path("admitted/orders"), [])))
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    table: is no Delta table
    """
    context, read, last = reading.context, reading.read, reading.last
    table = open_foreign(context.spark, context.config.read_place(reading.source))
    if last is None:
        yield from _read_whole(reading, table, None)
        return
    reading.begin(table.table_id, "")  # refuses another table before its versions are compared
    after = int(last.through or 0)
    if table.version < after:
        found = Failure("versions", f"{after} was read before, the newest is {table.version} now")
        raise ConflictError(_name(reading), [found], "restore the table, or give the source a new name")
    if table.version == after:
        return
    try:
        yield from _read_feed(reading, table, after) if read.changes else _read_appended(reading, table, after)
    except LostVersionsError:
        if read.lost_versions is LostVersions.READ_WHOLE:
            yield from _read_whole(reading, table, str(after))
            return
        found = Failure(
            "versions", f"of those behind {after}, the last one read, some are gone (vacuumed, or log expired)"
        )
        remedy = (
            "restore them; or declare read.lost_versions: read_whole: the table is read as it is, rows accepted before"
            " count as exact duplicates, and what was changed and changed again in between is not known"
        )
        raise ConflictError(_name(reading), [found], remedy) from None
    except NoFeedError:
        found = Failure("changes", f"a version behind {after} has no change data feed")
        remedy = "set delta.enableChangeDataFeed on the table; then name the source anew, or declare changes: false"
        raise ConflictError(_name(reading), [found], remedy) from None
    except ChangedRowsError:
        found = Failure("rows", f"were changed or deleted behind version {after}, where only appends are read")
        remedy = "read the table's change data feed: changes: true, and delta.enableChangeDataFeed on the table"
        raise DataContractError(_name(reading), [found], remedy) from None


def _name(reading: Reading) -> str:
    return f"source {reading.source.source}"


def _read_whole(reading: Reading, table: ForeignTable, after: str | None) -> Iterator[Stretch]:
    rows = read_version(reading.context.spark, table)
    stretch = reading.begin(table.table_id, f"version {table.version}", after)
    yield from reading.stage(rows, end(stretch, str(table.version), rows.count()))


def _read_appended(reading: Reading, table: ForeignTable, after: int) -> Iterator[Stretch]:
    context = reading.context
    begun = reading.begin(table.table_id, f"from version {after + 1}", str(after))

    def take(rows: DataFrame) -> None:
        write_part(reading.as_texts(rows), reading.staging, begun)

    checkpoint = context.lake.workspace / "checkpoints" / "read" / reading.source.source
    through, rows = stream_appended(context.spark, table, after, checkpoint, take)
    if through > after:
        stretch = end(begun, str(through), rows)
        reading.assert_counted(stretch, settle(reading.staging, stretch))
        yield stretch


def _read_feed(reading: Reading, table: ForeignTable, after: int) -> Iterator[Stretch]:
    feed, counted = read_changes(reading.context.spark, table, after)
    deletes = counted.get(_DELETE, 0)
    if deletes and reading.read.deletes is Deletes.REFUSE:
        found = Failure("deletes", f"{deletes} in versions {after + 1} to {table.version}")
        remedy = "declare read.deletes: ignore: what was accepted stays; or put the rows back"
        raise DataContractError(_name(reading), [found], remedy)
    rows = feed.where(F.col(CHANGE).isin(*_ROWS))
    begun = reading.begin(table.table_id, f"from version {after + 1}", str(after))
    stretch = end(begun, str(table.version), sum(counted.get(each, 0) for each in _ROWS), deletes)
    yield from reading.stage(rows, stretch, FEED_COLUMNS)

"""Tables on a path without Spark: their log, and the few rows that are born in this process.

Spark's fixed cost of a query or commit is far above what a dozen control rows are worth. The bytes on disk are the same
Delta tables; a test holds both ways to the same answers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyspark.sql.types import StructType

from lakeloop.batches import gather_batches
from lakeloop.config.workspace import is_address
from lakeloop.tables.commits import Commit, read_history
from lakeloop.tables.objects import list_files
from lakeloop.transient import asking_again, call_again


@asking_again
def create_table(path: str, columns: StructType, description: str, properties: Mapping[str, str]) -> None:
    """Create a table; nothing is done where there is one, or where another process has made it at the same moment.

    Args:
        path: Its folder.
        columns: Its columns; comments are in the fields' metadata.
        description: What a row is.
        properties: Table properties.

    >>> import tempfile
    >>> from lakeloop.schemas import TEXT, column
    >>> with tempfile.TemporaryDirectory() as path:
    ...     create_table(path, StructType([column("shop", TEXT, "the shop")]), "One row per shop.", {})
    ...     create_table(path, StructType([column("other", TEXT, "too late")]), "One row per other.", {})
    ...     read_columns(path).fieldNames(), read_version(path)
    (['shop'], 0)
    """
    try:
        DeltaTable.create(
            path,
            Schema.from_json(columns.json()),
            mode="ignore",
            description=description,
            configuration=dict(properties),
            raise_if_key_not_exists=False,
        )
    except CommitFailedError:
        if not DeltaTable.is_deltatable(path):
            raise


@asking_again
def read_commits(path: str, limit: int | None = None) -> list[Commit]:
    """Read lakeloop's commits from a table's log, oldest first; the newest `limit` entries only.

    >>> from lakeloop.schemas import DECISIONS
    >>> [(commit.job, commit.unit, commit.rows) for commit in read_commits(context.lake.own(DECISIONS).path)]
    [('decide', 'late 2024-01-25T00:00:00Z', 1), ('decide', 'late 2024-02-04T00:00:00Z', 1)]
    """
    return read_history(DeltaTable(path).history(limit))


@asking_again
def read_version(path: str) -> int:
    """Tell the newest version of a table.

    >>> from lakeloop.schemas import DECISIONS
    >>> read_version(context.lake.own(DECISIONS).path)  # 0 is the creation
    2
    """
    return int(DeltaTable(path).version())


def holds_version(path: str, version: int) -> bool:
    """Tell whether a version is in the log and all its data files are there.

    >>> import tempfile
    >>> from lakeloop.schemas import TEXT, column
    >>> with tempfile.TemporaryDirectory() as path:
    ...     create_table(path, StructType([column("shop", TEXT, "the shop")]), "One row per shop.", {})
    ...     [holds_version(path, version) for version in (0, 1)]
    [True, False]
    """
    try:
        table = call_again(lambda: DeltaTable(path, version=version), path)  # no answer is not taken for a loss
    except DeltaError:
        return False
    if is_address(path):
        return data_files(table) <= list_files(path)
    return all(Path(path, each).is_file() for each in data_files(table))


def data_files(table: DeltaTable) -> frozenset[str]:
    """Name the data files of an opened version.

    Args:
        table: The table at a version.

    Returns:
        Paths below the table's folder, as the disk has them. The log writes them percent-encoded; the table's own
        addresses of them are encoded too, and have symbolic links resolved.

    >>> from lakeloop.schemas import DECISIONS
    >>> len(data_files(DeltaTable(context.lake.own(DECISIONS).path)))  # one per write
    2
    """
    return frozenset(unquote(each.as_py()) for each in pa.table(table.get_add_actions()).column("path"))


@asking_again
def read_columns(path: str) -> StructType:
    """Tell the columns of a table.

    >>> from lakeloop.schemas import DECISIONS
    >>> read_columns(context.lake.own(DECISIONS).path).fieldNames()
    ['decision_id', 'model', 'action', 'reasons', 'policy', 'inputs', 'attempt', 'as_of']
    """
    return StructType.fromJson(json.loads(DeltaTable(path).schema().to_json()))


def arrow_schema(columns: StructType) -> pa.Schema:
    """Tell how Delta sees the columns of a table in Arrow; Spark's own answer changes between its releases.

    Args:
        columns: The table's columns.

    Returns:
        The same columns; instants in microseconds, UTC.

    >>> from lakeloop.schemas import INSTANT, column
    >>> arrow_schema(StructType([column("sold_ts", INSTANT, "when it was sold")])).field("sold_ts").type
    TimestampType(timestamp[us, tz=UTC])
    """
    return pa.schema(Schema.from_json(columns.json()))


def append_rows(path: str, columns: StructType, rows: Sequence[Mapping[str, Any]], app_id: str, metadata: str) -> None:
    """Append rows that are born in this process; nothing is done where the table knows the write, as in Spark.

    Args:
        path: The table's folder.
        columns: Its columns.
        rows: Column -> value; a missing column is null.
        app_id: Identity of the write.
        metadata: What the commit says of itself.

    >>> import tempfile
    >>> from lakeloop.schemas import TEXT, column
    >>> columns = StructType([column("shop", TEXT, "the shop"), column("town", TEXT, "where it is")])
    >>> with tempfile.TemporaryDirectory() as path:
    ...     create_table(path, columns, "One row per shop.", {})
    ...     for _ in range(2):  # the second is the same write
    ...         append_rows(path, columns, [{"shop": "A"}], "write 1", "{}")
    ...     read_rows(path, "shop", None)
    [{'shop': 'A', 'town': None}]
    """
    table = DeltaTable(path)
    if table.transaction_version(app_id) is None:
        _write(path, table, rows_to_arrow(columns, rows), app_id, metadata)


def rows_to_arrow(columns: StructType, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Lay out rows that are born in this process.

    Args:
        columns: The table's columns.
        rows: Column -> value; a missing column is null.

    Returns:
        The rows with all columns.

    >>> from lakeloop.schemas import TEXT, column
    >>> columns = StructType([column("shop", TEXT, "the shop"), column("town", TEXT, "where it is")])
    >>> rows_to_arrow(columns, [{"shop": "A"}]).to_pylist()
    [{'shop': 'A', 'town': None}]
    """
    schema = arrow_schema(columns)
    plain = [{name: _as_arrow(row.get(name), columns[name].dataType) for name in columns.fieldNames()} for row in rows]
    return pa.Table.from_pylist(plain, schema=schema)


def _as_arrow(value: Any, data_type: Any) -> Any:
    """Give a struct as a mapping; Spark takes a tuple for it."""
    if isinstance(data_type, StructType) and isinstance(value, tuple):
        return dict(zip(data_type.fieldNames(), value, strict=True))
    return value


@asking_again
def read_rows(
    path: str,
    by: str,
    as_of: datetime | None,
    columns: Sequence[str] | None = None,
    where: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """Read the rows of a small table.

    Args:
        path: Its folder.
        by: Column it is cut by.
        as_of: Rows after this instant are cut off; None reads all.
        columns: Columns to read; all without it.
        where: Column -> the text it has, None for rows without one; all rows without it.

    Returns:
        Column -> value; instants are aware, UTC.

    >>> from datetime import UTC
    >>> from lakeloop.schemas import DECISIONS
    >>> path = context.lake.own(DECISIONS).path
    >>> [len(read_rows(path, "as_of", as_of)) for as_of in (None, datetime(2024, 1, 31, tzinfo=UTC))]
    [2, 1]
    """
    table = DeltaTable(path)
    cuts = [] if as_of is None else [pc.field(by) <= pa.scalar(as_of, pa.timestamp("us", "UTC"))]
    cuts += [
        pc.field(name).is_null() if text is None else pc.field(name) == text for name, text in (where or {}).items()
    ]
    cut = reduce(and_, cuts) if cuts else None
    found = bring(table, columns, cut)  # bounded: a small table
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


CHECKED = ds.ParquetFragmentScanOptions(pre_buffer=True, page_checksum_verification=True)
"""Has a page whose bytes changed on the disk fail: with most of them a wrong value would be read."""


def bring(table: DeltaTable, columns: Sequence[str] | None, condition: pc.Expression | None) -> pa.Table:
    """Read the rows of an opened table that keep a condition, with the checksums that were written with them.

    Args:
        table: The table at a version.
        columns: Columns wanted; all without it.
        condition: What the rows have to keep; all without it.

    Returns:
        The rows, in no order.

    >>> from lakeloop.schemas import DECISIONS
    >>> bring(DeltaTable(context.lake.own(DECISIONS).path), ["action"], None).num_rows
    2
    """
    rows = table.to_pyarrow_dataset()  # bounded: opened; who brings its rows says why they are few
    found: pa.Table = rows.to_table(columns=columns and list(columns), filter=condition, fragment_scan_options=CHECKED)
    return found


@asking_again
def count_logged_rows(path: str, version: int | None = None) -> int | None:
    """Tell the rows of a table's version from its log; None when it does not say them of every file.

    >>> from lakeloop.schemas import DECISIONS
    >>> count_logged_rows(context.lake.own(DECISIONS).path)
    2
    """
    files = pa.table(DeltaTable(path, version=version).get_add_actions(flatten=True))
    if not files.num_rows:
        return 0
    if "num_records" not in files.column_names or files["num_records"].null_count:
        return None
    return int(pc.sum(files["num_records"]).as_py())


@asking_again
def read_table(path: str, columns: Sequence[str], condition: pc.Expression, version: int | None = None) -> pa.Table:
    """Read columns of the rows that keep a condition; files whose statistics rule it out are left alone.

    Args:
        path: The table's folder.
        columns: Columns wanted.
        condition: What the rows have to keep.
        version: Delta version; the newest without it.

    Returns:
        The rows, in no order.

    >>> from lakeloop.schemas import DECISIONS
    >>> read_table(context.lake.own(DECISIONS).path, ["action"], pc.field("model") == "late").to_pydict()
    {'action': ['retrain', 'retrain']}
    """
    table = DeltaTable(path, version=version)
    return bring(table, columns, condition)  # bounded: the caller estimated


def read_batches(
    path: str, columns: Sequence[str], condition: pc.Expression, rows: int, version: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Read columns of the rows that keep a condition, a part at a time: memory depends on the part, not on the table.

    Args:
        path: The table's folder.
        columns: Columns wanted.
        condition: What the rows have to keep.
        rows: Rows of a part, about; small files share one.
        version: Delta version; the newest without it.

    Yields:
        Parts of the rows, in no order; none is empty, and there is none without rows.

    >>> from lakeloop.schemas import DECISIONS
    >>> path = context.lake.own(DECISIONS).path
    >>> [each.to_pydict() for each in read_batches(path, ["action"], pc.field("model") == "late", 100)]
    [{'action': ['retrain', 'retrain']}]
    """
    table = call_again(lambda: DeltaTable(path, version=version), path)
    found = table.to_pyarrow_dataset()  # bounded: opened, and then read batch by batch
    # What is read ahead is held too: by default sixteen batches of each of four files, and every file from end to end.
    ahead = {
        "batch_readahead": 2,
        "fragment_readahead": 1,
        "fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=False, page_checksum_verification=True),
    }
    yield from gather_batches(found.to_batches(columns=list(columns), filter=condition, batch_size=rows, **ahead), rows)


@asking_again
def count_rows_by(path: str, keys: Sequence[str], condition: pc.Expression) -> dict[tuple[Any, ...], int]:
    """Count the rows that keep a condition, batch by batch.

    Args:
        path: The table's folder.
        keys: Columns with few values.
        condition: What the rows have to keep.

    Returns:
        Values of the keys -> rows.

    >>> from lakeloop.schemas import DECISIONS
    >>> count_rows_by(context.lake.own(DECISIONS).path, ["action", "model"], pc.field("model") == "late")
    {('retrain', 'late'): 2}
    """
    counted: Counter[tuple[Any, ...]] = Counter()
    rows = DeltaTable(path).to_pyarrow_dataset()  # bounded: opened, and then read batch by batch
    for batch in rows.to_batches(columns=list(keys), filter=condition, fragment_scan_options=CHECKED):
        if batch.num_rows:
            groups = pa.Table.from_batches([batch]).group_by(list(keys)).aggregate([([], "count_all")])
            for row in groups.to_pylist():
                counted[tuple(row[key] for key in keys)] += row["count_all"]
    return dict(counted)


def append_table(path: str, rows: pa.Table, app_id: str, metadata: str) -> None:
    """Append rows that were made in this process; nothing is done where the table knows the write, as in Spark.

    Args:
        path: The table's folder.
        rows: Rows with the table's columns, in any order.
        app_id: Identity of the write.
        metadata: What the commit says of itself.

    >>> import tempfile
    >>> from lakeloop.schemas import TEXT, column
    >>> columns = StructType([column("shop", TEXT, "the shop"), column("town", TEXT, "where it is")])
    >>> with tempfile.TemporaryDirectory() as path:
    ...     create_table(path, columns, "One row per shop.", {})
    ...     for _ in range(2):  # the second is the same write
    ...         append_table(path, pa.table({"town": ["York"], "shop": ["A"]}), "write 1", "{}")
    ...     read_rows(path, "shop", None)
    [{'shop': 'A', 'town': 'York'}]
    """
    table = DeltaTable(path)
    if table.transaction_version(app_id) is not None:
        return
    schema = pa.schema(table.schema())
    _write(path, table, rows.select(schema.names).cast(schema), app_id, metadata)


def _write(path: str, table: DeltaTable, rows: pa.Table, app_id: str, metadata: str) -> None:
    """Append to the version at which the write was looked for and not found; whoever calls again looks again.

    The library compares a commit with those after the version it was begun at, and with none before: begun at a newer
    one than was looked at, it would not see the same write in between.
    """
    properties = CommitProperties(custom_metadata={"userMetadata": metadata}, app_transactions=[Transaction(app_id, 0)])
    try:
        write_deltalake(table, rows, mode="append", commit_properties=properties)
    except CommitFailedError:  # somebody has made the same write since it was looked for
        if DeltaTable(path).transaction_version(app_id) is None:
            raise

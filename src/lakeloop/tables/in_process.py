"""Tables on a path without Spark: their log, and the few rows that are born in this process.

Spark's fixed cost of a query or commit is far above what a dozen control rows are worth. The bytes on disk are the same
Delta tables; a test holds both ways to the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from lakeloop.tables.commits import Commit, read_history


def create_table(path: str, columns: StructType, description: str, properties: Mapping[str, str]) -> None:
    """Create a table; nothing is done where there is one.

    Args:
        path: Its folder.
        columns: Its columns; comments are in the fields' metadata.
        description: What a row is.
        properties: Table properties.
    """
    DeltaTable.create(
        path,
        Schema.from_json(columns.json()),
        mode="ignore",
        description=description,
        configuration=dict(properties),
        raise_if_key_not_exists=False,
    )


def read_commits(path: str, limit: int | None = None) -> list[Commit]:
    """Read lakeloop's commits from a table's log, oldest first; the newest `limit` entries only."""
    return read_history(DeltaTable(path).history(limit))


def read_version(path: str) -> int:
    """Tell the newest version of a table."""
    return int(DeltaTable(path).version())


def append_rows(path: str, columns: StructType, rows: Sequence[Mapping[str, Any]], app_id: str, metadata: str) -> None:
    """Append rows that are born in this process; nothing is done where the table knows the write, as in Spark.

    Args:
        path: The table's folder.
        columns: Its columns.
        rows: Column -> value; a missing column is null.
        app_id: Identity of the write.
        metadata: What the commit says of itself.
    """
    if DeltaTable(path).transaction_version(app_id) is not None:
        return
    schema = to_arrow_schema(columns, timezone="UTC")
    plain = [{name: _as_arrow(row.get(name), columns[name].dataType) for name in columns.fieldNames()} for row in rows]
    table = pa.Table.from_pylist(plain, schema=schema)
    properties = CommitProperties(custom_metadata={"userMetadata": metadata}, app_transactions=[Transaction(app_id, 0)])
    write_deltalake(path, table, mode="append", commit_properties=properties)


def _as_arrow(value: Any, data_type: Any) -> Any:
    """Give a struct as a mapping; Spark takes a tuple for it."""
    if isinstance(data_type, StructType) and isinstance(value, tuple):
        return dict(zip(data_type.fieldNames(), value, strict=True))
    return value


def read_rows(path: str, by: str, as_of: datetime | None) -> list[dict[str, Any]]:
    """Read the rows of a small table.

    Args:
        path: Its folder.
        by: Column it is cut by.
        as_of: Rows after this instant are cut off; None reads all.

    Returns:
        Column -> value; instants are aware, UTC.
    """
    table = DeltaTable(path).to_pyarrow_table()
    if as_of is not None:
        table = table.filter(pc.less_equal(table[by], pa.scalar(as_of, table.schema.field(by).type)))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows

"""A range of a table's rows replaced by others, in one commit: the one write that takes published rows away.

The files that held the old rows stay until the table's retention has passed, so that versions before can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from lakeloop.statuses import Outcome
from lakeloop.tables.address import TableAddress, WriteIdentity
from lakeloop.tables.commits import WriteResult, write_metadata
from lakeloop.tables.lake import Lake


def range_condition(by: str, after: datetime, through: datetime | None) -> str:
    """Write the condition of the rows with `after < by <= through`, whatever the session's time zone.

    Args:
        by: Timestamp column.
        after: Aware instant; not in the range.
        through: Aware instant, in the range; None leaves the range open.

    Returns:
        SQL.

    >>> range_condition("available_ts", datetime(2013, 5, 1, 4, tzinfo=UTC), None)
    "`available_ts` > TIMESTAMP '2013-05-01T04:00:00.000000Z'"
    """
    bounds = [f"`{by}` > {_literal(after)}"]
    bounds += [] if through is None else [f"`{by}` <= {_literal(through)}"]
    return " AND ".join(bounds)


def _literal(instant: datetime) -> str:
    return f"TIMESTAMP '{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"


def replace_range(
    lake: Lake,
    rows: DataFrame,
    address: TableAddress,
    identity: WriteIdentity,
    condition: str,
    *,
    notes: Mapping[str, Any] | None = None,
) -> WriteResult:
    """Replace the rows of a table that keep a condition, exactly once, and read back the commit.

    Args:
        lake: The tables.
        rows: The rows that stand there afterwards; each keeps the condition, else Delta refuses the write. Columns are
            matched by name.
        address: The table; it exists.
        identity: What makes this write the same write.
        condition: What `range_condition` gives.
        notes: Recorded with the commit.

    Returns:
        WRITTEN or SKIPPED, with the rows that were put in.

    Raises:
        ConflictError: If the same unit was written from other inputs.
        AccountingError: If the commit is absent afterwards.

    >>> from pyspark.sql.types import StructType
    >>> from lakeloop.schemas import INSTANT, TEXT, column
    >>> shops = fresh.lake.address("gold", "shops")
    >>> fresh.lake.create(shops, StructType([column("shop", TEXT, "it"), column("at", INSTANT, "when")]), "A shop.")
    >>> made = lambda shop: spark.sql(f"select '{shop}' as shop, timestamp'2013-05-01 05:00:00Z' as at")
    >>> _ = fresh.lake.append(made("A"), shops, WriteIdentity("build", "first"))
    >>> of_may = range_condition("at", datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 6, 1, tzinfo=UTC))
    >>> for _ in range(2):
    ...     found = replace_range(fresh.lake, made("B"), shops, WriteIdentity("mend", "May"), of_may)
    ...     print(found.outcome, found.rows, [row["shop"] for row in fresh.lake.read_uncut(shops).collect()])
    WRITTEN 1 ['B']
    SKIPPED 1 ['B']
    """
    done = lake.find_commit(address, identity)
    if done is not None:
        return WriteResult(Outcome.SKIPPED, done.rows, done.version, done.notes)
    app_id = identity.app_id(address)
    writer = (
        rows.write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", condition)
        .option("txnAppId", app_id)
        .option("txnVersion", 0)
        .option("userMetadata", write_metadata(app_id, identity, notes))
    )

    def write() -> None:
        if address.in_catalog:
            writer.saveAsTable(address.sql)
        else:
            writer.save(address.path)

    return lake.read_back(address, app_id, attempts=lake.attempt(address, app_id, write))

"""What is kept up of the tables that are there: how long they keep their versions, and the format they are in.

Both are as they are now, not as they were when the table was created.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession

from lakeloop.tables.address import TableAddress
from lakeloop.tables.catalog import render_words
from lakeloop.tables.formats import assert_readable, migrate
from lakeloop.tables.settings import retention_settings
from lakeloop.tables.spark_statements import run_statements
from lakeloop.transient import call_again

_SAID = "lakeloop: retention of the project, format of the table"


class Retention:
    """The retention that tables are held to; each is looked at once.

    Args:
        kept: How long versions stay readable.

    >>> from lakeloop.schemas import TEXT, column
    >>> from lakeloop.tables.in_process import create_table, read_version
    >>> from pyspark.sql.types import StructType
    >>> shops = fresh.lake.address("gold", "kept")
    >>> create_table(shops.path, StructType([column("shop", TEXT, "the shop")]), "A shop.", {})
    >>> longer = Retention(timedelta(days=30))
    >>> [longer.settle(shops, lambda: spark) for _ in range(2)], read_version(shops.path)
    ([True, False], 1)
    """

    def __init__(self, kept: timedelta) -> None:
        self._declared = retention_settings(kept)
        self._settled: set[TableAddress] = set()
        self._readable: set[TableAddress] = set()
        self._settling = threading.Lock()

    def look(self, address: TableAddress, spark: Callable[[], SparkSession]) -> None:
        """Refuse a table in a format that this release does not read; each table is looked at once.

        Args:
            address: A table that is there. A damaged log is left to who looks for damage, and has a remedy.
            spark: Gives the session, which a catalog is asked by.

        Raises:
            NewerFormatError: If a newer lakeloop has written the table.
        """
        if address in self._readable:
            return
        with suppress(DeltaError, OSError):
            assert_readable(str(address), read_settings(address, spark))
            self._readable.add(address)

    def settle(self, address: TableAddress, spark: Callable[[], SparkSession]) -> bool:
        """Let a table keep its versions for the retention, in the newest format; one that does gets no new version.

        Args:
            address: A table that is there.
            spark: Gives the session, which a catalog is asked by.

        Returns:
            Whether either was another before.

        Raises:
            NewerFormatError: If a newer lakeloop has written the table.
        """
        with self._settling:  # a step's pieces share tables; what changes a table's properties fails writes beside it
            if address in self._settled:
                return False
            now = read_settings(address, spark)
            assert_readable(str(address), now)
            new = {name: value for name, value in self._declared.items() if now.get(name) != value} | migrate(now)
            if new and address.is_committed_by_spark:
                run_statements(spark(), render_words(address, None, {}, new), _SAID)
            elif new:
                said = CommitProperties(custom_metadata={"userMetadata": _SAID})
                alter = DeltaTable(address.path).alter
                call_again(
                    lambda: alter.set_table_properties(new, raise_if_not_exists=False, commit_properties=said),
                    str(address),
                )
            self._settled.add(address)
            return bool(new)


def read_settings(address: TableAddress, spark: Callable[[], SparkSession]) -> dict[str, str]:
    """Read all properties of a table.

    Args:
        address: A table that is there.
        spark: Gives the session, which a catalog is asked by.

    Returns:
        Property -> what it says.

    >>> read_settings(context.lake.address("ops", "decisions"), lambda: spark)["lakeloop.format"]
    '1'
    """
    if not address.in_catalog:
        return dict(DeltaTable(address.path).metadata().configuration)
    row = spark().sql(f"DESCRIBE DETAIL {address.sql}").select("properties").first()
    return {} if row is None else dict(row["properties"])

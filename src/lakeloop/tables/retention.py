"""How long the tables that are there keep their versions: as long as is declared now, not when they were created."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from deltalake import CommitProperties, DeltaTable
from pyspark.sql import SparkSession

from lakeloop.tables.address import TableAddress
from lakeloop.tables.catalog import render_words
from lakeloop.tables.settings import retention_settings
from lakeloop.transient import call_again

_SAID = "lakeloop: retention of the project"


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
        self._settling = threading.Lock()

    def settle(self, address: TableAddress, spark: Callable[[], SparkSession]) -> bool:
        """Let a table keep its versions for the retention; one that does already gets no new version.

        Args:
            address: A table that is there.
            spark: Gives the session, which a catalog is asked by.

        Returns:
            Whether it kept them for another time before.
        """
        with self._settling:  # a step's pieces share tables; what changes a table's properties fails writes beside it
            if address in self._settled:
                return False
            now = _read_catalog(address, spark()) if address.in_catalog else _read_path(address)
            new = {name: value for name, value in self._declared.items() if now.get(name) != value}
            if new and address.in_catalog:
                for statement in render_words(address, None, {}, new):
                    spark().sql(statement)
            elif new:
                said = CommitProperties(custom_metadata={"userMetadata": _SAID})
                call_again(
                    lambda: DeltaTable(address.path).alter.set_table_properties(new, commit_properties=said),
                    str(address),
                )
            self._settled.add(address)
            return bool(new)


def _read_path(address: TableAddress) -> dict[str, str]:
    return dict(DeltaTable(address.path).metadata().configuration)


def _read_catalog(address: TableAddress, spark: SparkSession) -> dict[str, str]:
    row = spark.sql(f"DESCRIBE DETAIL {address.sql}").select("properties").first()
    return {} if row is None else dict(row["properties"])

"""A lake that is only read: what is recorded over it is kept in memory, and is gone with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from lakeloop.schemas import TableSchema
from lakeloop.statuses import Outcome
from lakeloop.tables.address import TableAddress, WriteIdentity
from lakeloop.tables.commits import Commit, WriteResult
from lakeloop.tables.in_process import rows_to_arrow
from lakeloop.tables.lake import Lake


class RememberedLake(Lake):
    """The tables of a workspace as they are, and own tables that start empty and are kept in memory.

    What reads and appends the lake's own tables, as decisions, flags and the ledger do, works on it as on any lake:
    rows are cut by time, and the same write counts once. Nothing is written to the workspace, and nobody is kept from
    writing to it.

    Args:
        lake: The tables that are read.
        tables: Own tables that are remembered; all others are the lake's.

    >>> from datetime import timedelta
    >>> from lakeloop.schemas import FEATURE_BUILDS, PROMOTIONS
    >>> noon = datetime(2024, 1, 25, 12, tzinfo=UTC)
    >>> build = {"feature_table": "shops", "built_through": noon, "rows": 3, "spec_hash": "a"}
    >>> build |= {"gold_version": 1, "as_of": noon}
    >>> remembered = RememberedLake(context.lake, [FEATURE_BUILDS])
    >>> write = WriteIdentity("features", "shops 2024-01-25T12:00:00Z")
    >>> [remembered.append_own(FEATURE_BUILDS, [build], write).outcome.value for _ in range(2)]
    ['WRITTEN', 'SKIPPED']
    >>> [len(remembered.own_rows(FEATURE_BUILDS, at)) for at in (noon, noon - timedelta(hours=1))]
    [1, 0]
    >>> len(remembered.own_rows(PROMOTIONS, None)) == len(context.lake.own_rows(PROMOTIONS, None))
    True
    """

    def __init__(self, lake: Lake, tables: Sequence[TableSchema]) -> None:
        super().__init__(
            lambda: lake.spark, lake.workspace, retention=lake._retention, catalog=lake._catalog, store=lake.store
        )
        self._lake = lake
        self._remembered: dict[TableAddress, list[pa.Table]] = {self.own(each): [] for each in tables}
        self._made: dict[TableAddress, list[Commit]] = {address: [] for address in self._remembered}

    @contextmanager
    def writing(self, *, wait_seconds: float = 30.0) -> Iterator[None]:  # noqa: ARG002 - as a lake that is written to
        """Hold nothing: the workspace is not written to."""
        yield

    def exists(self, address: TableAddress) -> bool:
        """Tell whether a table is there; one that is remembered is."""
        return address in self._remembered or self._lake.exists(address)

    def commits(self, address: TableAddress) -> list[Commit]:
        """List the writes to a table, oldest first."""
        return self._made[address] if address in self._made else self._lake.commits(address)

    def create_own(self, table: TableSchema) -> TableAddress:
        """Give the address of an own table that is remembered; of no other."""
        address = self.own(table)
        if address not in self._remembered:
            raise AssertionError(f"{address} is not remembered, and is only read")
        return address

    def own_rows(
        self, table: TableSchema, as_of: datetime | None, where: Mapping[str, str | None] | None = None
    ) -> list[dict[str, Any]]:
        """Read the rows of one of the own tables.

        Args:
            table: The table.
            as_of: Rows after this instant are cut off; None reads all.
            where: Column -> the text it has, None for rows without one; all rows without it.

        Returns:
            Column -> value, instants aware, UTC.
        """
        address = self.own(table)
        if address not in self._remembered:
            return self._lake.own_rows(table, as_of, where)
        found: list[dict[str, Any]] = []
        for part in self._remembered[address]:
            known = part if as_of is None else part.filter(pc.field(table.cut_by) <= _instant(as_of))
            found += known.to_pylist()
        return [row for row in found if all(row[name] == text for name, text in (where or {}).items())]

    def read_own(self, table: TableSchema, as_of: datetime) -> DataFrame:
        """Read one of the own tables as a frame; of no table that is remembered.

        Args:
            table: The table.
            as_of: Rows after this instant are cut off.

        Returns:
            The lake's rows.
        """
        if self.own(table) in self._remembered:
            raise AssertionError(f"{self.own(table)} is remembered: read its rows")
        return self._lake.read_own(table, as_of)

    def append(self, *_: Any, **__: Any) -> WriteResult:
        """Refuse: the tables below are only read."""
        raise AssertionError("a remembered lake is only read")

    def _write_own(
        self,
        table: TableSchema,
        address: TableAddress,
        rows: Sequence[Mapping[str, Any]],
        identity: WriteIdentity,
        notes: Mapping[str, Any] | None,
    ) -> WriteResult:
        self._remembered[address].append(rows_to_arrow(table.columns, rows))
        place = (len(self._made[address]) + 1, identity.app_id(address), identity.job, identity.unit)
        said = json.loads(json.dumps(notes or {}))  # as they are read back
        made = Commit(*place, identity.fingerprint, len(rows), said)
        self._made[address].append(made)
        return WriteResult(Outcome.WRITTEN, made.rows, made.version, made.notes)


def _instant(as_of: datetime) -> pa.Scalar:
    return pa.scalar(as_of.astimezone(UTC), pa.timestamp("us", "UTC"))

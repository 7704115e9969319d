"""The tables of one workspace: created, read cut by time, appended exactly once.

Every append carries an identity. Delta drops a second append of the same identity; the commit that carries it is read
back, so that a caller learns whether rows were written, were there already, or are missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop.arrow_frame import frame_of
from lakeloop.errors import AccountingError, Failure, NotReadyError
from lakeloop.schemas import TableSchema
from lakeloop.statuses import Outcome
from lakeloop.tables import in_process
from lakeloop.tables.address import TableAddress, WriteIdentity
from lakeloop.tables.attempts import LOOKED_BACK, commit_once
from lakeloop.tables.catalog import render_create
from lakeloop.tables.commits import Commit, WriteResult, find_write, read_history, write_metadata
from lakeloop.tables.integrity import Damage, Head, find_damage
from lakeloop.tables.lock import hold
from lakeloop.tables.new_columns import add_missing_columns
from lakeloop.tables.objects import has_log
from lakeloop.tables.retention import Retention
from lakeloop.tables.settings import APPEND_ONLY, plain_settings
from lakeloop.tables.spark_append import append_frame
from lakeloop.tables.staged import StagedFrames
from lakeloop.tables.store import Store
from lakeloop.tables.uses import TableUses


class Lake:
    """The Delta tables of one workspace.

    Args:
        spark: The session, or a function that gives it when it is first needed.
        workspace: Absolute folder of the workspace.
        retention: How long versions stay readable.
        catalog: Catalog that holds the tables; without it they live below the workspace.
        tell: Told when another job is waited for.
        store: Where tables lie that are in no catalog; the workspace without it.

    >>> import tempfile
    >>> from datetime import UTC
    >>> from lakeloop.schemas import FEATURE_BUILDS
    >>> noon = datetime(2024, 1, 25, 12, tzinfo=UTC)
    >>> build = {"feature_table": "shops", "built_through": noon, "rows": 3, "spec_hash": "a"}
    >>> build |= {"gold_version": 1, "as_of": noon}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lake = Lake(spark, Path(folder), retention=timedelta(days=30))
    ...     write = WriteIdentity("features", "shops 2024-01-25T12:00:00Z")
    ...     with lake.writing():
    ...         for _ in range(2):
    ...             print(lake.append_own(FEATURE_BUILDS, [build], write).outcome)
    ...     known = [len(lake.own_rows(FEATURE_BUILDS, at)) for at in (noon, noon - timedelta(hours=1))]
    WRITTEN
    SKIPPED
    >>> known
    [1, 0]
    """

    def __init__(
        self,
        spark: SparkSession | Callable[[], SparkSession],
        workspace: Path,
        *,
        retention: timedelta,
        catalog: str | None = None,
        tell: Callable[[str], None] = lambda _: None,
        store: Store | None = None,
    ) -> None:
        self._spark = spark
        self.workspace = workspace
        self.store = Store(str(workspace)) if store is None else store
        self._retention, self._kept = retention, Retention(retention)
        self._catalog = catalog
        self._tell = tell
        self._commits: dict[TableAddress, list[Commit]] = {}
        self._complete: set[TableAddress] = set()
        self._reading = threading.Lock()
        self.uses = TableUses()
        self._staged = StagedFrames(workspace)

    @property
    def spark(self) -> SparkSession:
        """The session."""
        return self._spark if isinstance(self._spark, SparkSession) else self._spark()

    def address(self, layer: str, name: str) -> TableAddress:
        """Name a table of this workspace.

        Args:
            layer: `bronze`, `gold`, `ops`, ...
            name: Name inside the layer.

        Returns:
            Its address, whether the table is there or not.
        """
        if self._catalog is not None:
            return TableAddress(layer, name, self._catalog, in_catalog=True)
        return TableAddress(layer, name, self.store.root, by_spark=self.store.by_spark)

    def own(self, table: TableSchema) -> TableAddress:
        """Name one of the lake's own tables."""
        return self.address(table.layer, table.name)

    @contextmanager
    def writing(self, *, wait_seconds: float = 30.0) -> Iterator[None]:
        """Hold the workspace for a job that writes; local file systems are not safe for several writers.

        Args:
            wait_seconds: How long to wait for another job.

        Yields:
            Nothing; the workspace is held meanwhile. The holder may enter again.

        Raises:
            BusyError: If another job still holds the workspace.
            EnvironmentProblemError: If the workspace is no folder that can be written to, or lies on S3 where
                commits of other jobs would be lost.
        """
        self.store.assert_writable(lambda: self.spark)
        with hold(self.workspace, wait_seconds, self._tell) as is_outermost:
            if is_outermost:  # other processes may have written since this one last held the workspace
                self._commits.clear()
                self._staged.remove_abandoned()
            try:
                yield
            finally:
                if is_outermost:
                    self._staged.clear()

    def stage(self, rows: DataFrame, *, replaces: str | None = None) -> DataFrame:
        """Compute rows once that several queries go on from; kept until the workspace is released, or replaced.

        Args:
            rows: Rows of any grain.
            replaces: What the rows are a new state of: the rows staged before under that name are removed.

        Returns:
            The same rows, read from where they were written.
        """
        return self._staged.write(rows, replaces=replaces)

    # --- existence and creation -------------------------------------------------------------------------------------

    def exists(self, address: TableAddress) -> bool:
        """Tell whether a table is there; one that a newer lakeloop has written is refused before anything is read."""
        is_there = bool(self.spark.catalog.tableExists(address.sql)) if address.in_catalog else has_log(address.path)
        if is_there:
            self._kept.look(address, lambda: self.spark)
        return is_there

    def read_head(self, address: TableAddress) -> Head | None:
        """Tell the newest write of lakeloop to a table; None without the table, or in a catalog."""
        if address.in_catalog or not self.exists(address):
            return None
        commits = self.commits(address)
        return Head(commits[-1].version, commits[-1].app_id) if commits else Head(0, "")

    def damage(self, address: TableAddress, head: Head | None) -> Damage | None:
        """Tell what was done to a table by something else; a catalog guards its tables by permissions.

        Args:
            address: The table.
            head: Its newest write when the last job ended; None when that is not known.

        Returns:
            The first damage found; None when the table is what lakeloop wrote.
        """
        return None if address.in_catalog else find_damage(address.path, head)

    def create(
        self, address: TableAddress, columns: StructType, description: str, properties: Mapping[str, str] | None = None
    ) -> None:
        """Create a table where it is missing, readable by every Delta reader; hold one that is there to the retention.

        Args:
            address: The table.
            columns: Its columns; comments come from the fields' metadata.
            description: What a row is.
            properties: More table properties: keys, time column, owner.
        """
        if self.exists(address):
            self._kept.settle(address, lambda: self.spark)
            return
        settings = plain_settings(self._retention, properties or {})
        if address.is_committed_by_spark:
            self.spark.sql(render_create(address, columns, description, settings))
        else:
            in_process.create_table(address.path, columns, description, settings)

    def create_own(self, table: TableSchema) -> TableAddress:
        """Create one of the lake's own tables where it is missing; give one of an earlier lakeloop its new columns."""
        address = self.own(table)
        if address not in self._complete and self.exists(address):
            add_missing_columns(address, table.columns, lambda: self.spark)
        self._complete.add(address)
        self.create(address, table.columns, f"One row per {table.grain}.", {"time_column": table.cut_by} | APPEND_ONLY)
        return address

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(
        self,
        address: TableAddress,
        as_of: datetime,
        *,
        by: str = "available_ts",
        after: datetime | None = None,
        version: int | None = None,
    ) -> DataFrame:
        """Read what was known at an instant.

        Args:
            address: The table.
            as_of: Rows with `by` after this instant are cut off.
            by: Column that says when a row became known.
            after: Rows with `by` at or before this instant are cut off too.
            version: Delta version to read; the newest without it.

        Returns:
            The rows with `after < by <= as_of`.

        Raises:
            NotReadyError: If the table does not exist.
        """
        rows = self.read_uncut(address, version=version).where(F.col(by) <= F.lit(as_of))
        return rows if after is None else rows.where(F.col(by) > F.lit(after))

    def read_own(self, table: TableSchema, as_of: datetime) -> DataFrame:
        """Read one of the lake's own tables.

        Args:
            table: The table.
            as_of: Rows after this instant are cut off.

        Returns:
            The rows, grain and keys as `table` says; none when the table does not exist yet.
        """
        if self.exists(self.own(table)):
            return self.read(self.own(table), as_of, by=table.cut_by)
        return self.spark.createDataFrame([], table.columns)

    def own_rows(
        self, table: TableSchema, as_of: datetime | None, where: Mapping[str, str | None] | None = None
    ) -> list[dict[str, Any]]:
        """Read the rows of one of the lake's own small tables: events, decisions, a few per turn.

        Args:
            table: The table.
            as_of: Rows after this instant are cut off; None reads all, to find what was done already.
            where: Column -> the text it has, None for rows without one; all rows without it.

        Returns:
            Column -> value, instants aware, UTC; none when the table does not exist yet.
        """
        address = self.own(table)
        if not self.exists(address):
            return []
        if not address.in_catalog:
            rows = in_process.read_rows(address.path, table.cut_by, as_of, where=where)
            self.uses.read(address, len(rows))
            return rows
        frame = self.read_uncut(address) if as_of is None else self.read_own(table, as_of)
        for name, text in (where or {}).items():
            frame = frame.where(F.col(name).isNull() if text is None else F.col(name) == text)
        found: list[dict[str, Any]] = frame.toArrow().to_pylist()  # bounded: events, a few per turn
        return found

    def read_uncut(self, address: TableAddress, *, version: int | None = None) -> DataFrame:
        """Read a table whole: only to find what was done already (files seen, keys accepted, rows scored).

        Args:
            address: The table.
            version: Delta version to read; the newest without it.

        Returns:
            All rows.

        Raises:
            NotReadyError: If the table does not exist.
        """
        self._assert_there(address)
        self.uses.read(address)
        if version is None:
            return self.spark.table(address.sql)
        return self.spark.sql(f"SELECT * FROM {address.sql} VERSION AS OF {int(version)}")

    def stream(self, address: TableAddress) -> DataFrame:
        """Follow a table: a streaming frame of the rows that are appended to it; refused as not ready without it."""
        self._assert_there(address)
        self.uses.read(address)
        follow = self.spark.readStream.option("skipChangeCommits", "true")  # a file that was rewritten has no new rows
        return follow.table(address.name) if address.in_catalog else follow.format("delta").load(address.path)

    def columns(self, address: TableAddress) -> StructType:
        """Tell the columns of a table that exists."""
        if address.in_catalog:
            return self.spark.table(address.sql).schema
        return in_process.read_columns(address.path)

    def version(self, address: TableAddress) -> int:
        """Tell the newest Delta version of a table; refused as not ready where there is none."""
        self._assert_there(address)
        if not address.in_catalog:
            return in_process.read_version(address.path)
        row = self.spark.sql(f"DESCRIBE HISTORY {address.sql} LIMIT 1").select("version").first()
        return int(row[0]) if row is not None else 0

    def _assert_there(self, address: TableAddress) -> None:
        if self.exists(address):
            return
        found, remedy = "does not exist", "run the step that writes it; `lakeloop run` runs all"
        if address.layer == "bronze":
            found, remedy = "nothing has landed yet", f"land rows of {address.name} and run `lakeloop ingest`"
        raise NotReadyError(str(address), [Failure("table", found)], remedy)

    # --- writing -----------------------------------------------------------------------------------------------------

    def commits(self, address: TableAddress) -> list[Commit]:
        """List the commits lakeloop made to a table, oldest first; read once while the workspace is held."""
        with self._reading:  # pieces of a step may ask at the same time
            if address not in self._commits:
                self._commits[address] = self._read_commits(address) if self.exists(address) else []
            return self._commits[address]

    def _read_commits(self, address: TableAddress, limit: int | None = None) -> list[Commit]:
        if not address.in_catalog:
            return in_process.read_commits(address.path, limit)
        bound = "" if limit is None else f" LIMIT {limit}"
        history = self.spark.sql(f"DESCRIBE HISTORY {address.sql}{bound}")
        chosen = history.select("version", "userMetadata", "operationMetrics", "timestamp")
        return read_history(row.asDict() for row in chosen.collect())  # bounded: one row per commit

    def find_commit(self, address: TableAddress, identity: WriteIdentity) -> Commit | None:
        """Find the commit of a write.

        Args:
            address: The table.
            identity: The write.

        Returns:
            Its commit, or None when it was not made.

        Raises:
            ConflictError: If the same unit was written from other inputs.
        """
        return find_write(self.commits(address), address, identity)

    def append(
        self,
        rows: DataFrame | pa.Table,
        address: TableAddress,
        identity: WriteIdentity,
        *,
        notes: Mapping[str, Any] | None = None,
        expect_rows: int | None = None,
        adds_columns: bool = False,
    ) -> WriteResult:
        """Append rows exactly once and read back the commit.

        Args:
            rows: Rows, of Spark or, for a table on a path, of this process; columns are matched by name.
            address: The table; it exists.
            identity: What makes this write the same write.
            notes: Recorded with the commit.
            expect_rows: Rows the commit must have.
            adds_columns: Whether columns that the table lacks are added to it; without it they are refused.

        Returns:
            WRITTEN or SKIPPED, with the rows of the commit.

        Raises:
            ConflictError: If the same unit was written from other inputs.
            AccountingError: If the commit is absent afterwards or has another number of rows.
        """
        done = self.find_commit(address, identity)
        if done is not None:
            done.assert_rows(address, expect_rows)
            return WriteResult(Outcome.SKIPPED, done.rows, done.version, done.notes)
        app_id = identity.app_id(address)
        attempts = self._commit(rows, address, app_id, write_metadata(app_id, identity, notes), adds_columns)
        return self.read_back(address, app_id, expect_rows, attempts)

    def read_back(
        self, address: TableAddress, app_id: str, expect_rows: int | None = None, attempts: int = 1
    ) -> WriteResult:
        """Find the commit that was just made, and compare its rows where their number is known.

        Returns:
            WRITTEN, with the rows of the commit.
        """
        for limit in (4, None):  # another writer may have committed in between
            for commit in self._read_commits(address, limit):
                if commit.app_id == app_id:
                    commit.assert_rows(address, expect_rows)
                    self.commits(address).append(commit)
                    self.uses.wrote(address, commit)
                    return WriteResult(Outcome.WRITTEN, commit.rows, commit.version, commit.notes, attempts)
        raise AccountingError(
            str(address),
            [Failure("commit", f"the write {app_id} is absent from the table's history")],
            "run the step again; if it repeats, the table was changed by something else",
        )

    def _commit(
        self, rows: DataFrame | pa.Table, address: TableAddress, app_id: str, metadata: str, adds: bool = False
    ) -> int:
        frame = frame_of(self.spark, rows) if isinstance(rows, pa.Table) and address.by_spark else rows

        def append() -> None:
            if isinstance(frame, pa.Table):
                in_process.append_table(address.path, frame, app_id, metadata)
            else:
                append_frame(frame, address, app_id, metadata, adds_columns=adds)

        return self.attempt(address, app_id, append)

    def attempt(self, address: TableAddress, app_id: str, commit: Callable[[], None]) -> int:
        """Make a commit that carries its identity, once however often it is attempted.

        Returns:
            How often it was attempted.
        """
        return commit_once(str(address), app_id, commit, lambda: self._read_commits(address, LOOKED_BACK))

    def append_own(
        self,
        table: TableSchema,
        rows: Sequence[Mapping[str, Any]],
        identity: WriteIdentity,
        *,
        notes: Mapping[str, Any] | None = None,
    ) -> WriteResult:
        """Append a few rows to one of the lake's own tables.

        Args:
            table: The table; created where it is missing.
            rows: Column -> value; a missing column is null.
            identity: What makes this write the same write.
            notes: Recorded with the commit.

        Returns:
            WRITTEN or SKIPPED.
        """
        address = self.create_own(table)
        done = self.find_commit(address, identity)
        if done is not None:
            return WriteResult(Outcome.SKIPPED, done.rows, done.version, done.notes)
        return self._write_own(table, address, rows, identity, notes)

    def _write_own(
        self,
        table: TableSchema,
        address: TableAddress,
        rows: Sequence[Mapping[str, Any]],
        identity: WriteIdentity,
        notes: Mapping[str, Any] | None,
    ) -> WriteResult:
        app_id = identity.app_id(address)
        metadata = write_metadata(app_id, identity, notes)
        if address.is_committed_by_spark:
            names = table.columns.fieldNames()
            frame = self.spark.createDataFrame([tuple(row.get(each) for each in names) for row in rows], table.columns)
            self._commit(frame.coalesce(1), address, app_id, metadata)
        else:
            columns, path = table.columns, address.path
            self.attempt(address, app_id, lambda: in_process.append_rows(path, columns, rows, app_id, metadata))
        return self.read_back(address, app_id, len(rows))

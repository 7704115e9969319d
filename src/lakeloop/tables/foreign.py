"""Delta tables of others: which version they are at, and what they took in since another one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakeloop.errors import AccountingError, Failure, NotReadyError
from lakeloop.micro_batches import run_batches
from lakeloop.tables.commits import VERSION_GONE

CHANGE = "_change_type"
"""Column of a change data feed that says what became of a row."""

FEED_COLUMNS = (CHANGE, "_commit_version", "_commit_timestamp")
"""Columns that a change data feed has beside those of its table."""

_ABSENT = (
    "DELTA_MISSING_DELTA_TABLE",
    "TABLE_OR_VIEW_NOT_FOUND",
    "PATH_NOT_FOUND",
    "DELTA_TABLE_NOT_FOUND",
    "NO_TABLE",
)
_GONE = (
    *VERSION_GONE,
    *("DELTA_TRUNCATED_TRANSACTION_LOG", "DELTA_CHANGE_DATA_FILE_NOT_FOUND", "DELTA_NO_RECREATABLE_HISTORY_FOUND"),
    *("DELTA_TIMESTAMP_EARLIER", "FileNotFoundException"),
)
_NO_FEED = ("DELTA_MISSING_CHANGE_DATA", "DELTA_CHANGE_TABLE_FEED_DISABLED")
_CHANGED = ("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "DELTA_SOURCE_IGNORE_DELETE")


class LostVersionsError(Exception):
    """Versions that were to be read are gone."""


class NoFeedError(Exception):
    """A version that was to be read has no change data feed."""


class ChangedRowsError(Exception):
    """Rows were changed or deleted where only appends can be read."""


@dataclass(frozen=True)
class ForeignTable:
    """A Delta table of somebody else, at its newest version.

    Attributes:
        place: Path, address or name in a catalog.
        table_id: What Delta calls the table; another one at the same place has another id.
        version: Its newest version.
    """

    place: str
    table_id: str
    version: int

    @property
    def sql(self) -> str:
        """The table's name in SQL.

        >>> ForeignTable("/data/orders", "", 0).sql, ForeignTable("main.sales.orders", "", 0).sql
        ('delta.`/data/orders`', '`main`.`sales`.`orders`')
        """
        return _sql(self.place)


def _sql(place: str) -> str:
    if "/" in place:
        return f"delta.`{place.replace('`', '``')}`"
    return ".".join(f"`{part.strip('`').replace('`', '``')}`" for part in place.split("."))


def open_foreign(spark: SparkSession, place: str) -> ForeignTable:
    """Look a table up.

    Args:
        spark: The session.
        place: Path, address or name in a catalog.

    Returns:
        The table at its newest version.

    Raises:
        NotReadyError: If there is no Delta table.

    >>> open_foreign(spark, context.lake.address("bronze", "orders").path).version
    2
    >>> open_foreign(spark, "/no/table")
    Traceback (most recent call last):
    ...
    lakeloop.errors.NotReadyError: /no/table: not ready
      - table: is no Delta table
      remedy: write the table first, or correct read.delta in the source's file
    """
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {_sql(place)}").select("id", "format").first()
        newest = spark.sql(f"DESCRIBE HISTORY {_sql(place)} LIMIT 1").select("version").first()
    except PySparkException as failure:
        if not _is_any(failure, _ABSENT):
            raise
        detail = newest = None
    if detail is None or newest is None or detail["format"] != "delta":
        remedy = "write the table first, or correct read.delta in the source's file"
        raise NotReadyError(place, [Failure("table", "is no Delta table")], remedy)
    return ForeignTable(place, str(detail["id"]), int(newest["version"]))


def read_version(spark: SparkSession, table: ForeignTable) -> DataFrame:
    """Read a table whole, at the version it was looked up with.

    >>> orders = open_foreign(spark, context.lake.address("bronze", "orders").path)
    >>> read_version(spark, orders).count()
    840
    """
    return spark.sql(f"SELECT * FROM {table.sql} VERSION AS OF {table.version}")


def read_changes(spark: SparkSession, table: ForeignTable, after: int) -> tuple[DataFrame, dict[str, int]]:
    """Read the change data feed behind a version, up to the one the table was looked up with.

    Args:
        spark: The session.
        table: The table.
        after: Version that was read before.

    Returns:
        Columns of the table and `FEED_COLUMNS`, in the order of the versions; and rows per kind of change.

    Raises:
        LostVersionsError: If a version between is gone.
        NoFeedError: If one has no feed.

    >>> try:
    ...     read_changes(spark, open_foreign(spark, context.lake.address("bronze", "orders").path), 0)
    ... except NoFeedError:
    ...     print("no feed")
    no feed
    """
    options = {"readChangeFeed": "true", "startingVersion": str(after + 1), "endingVersion": str(table.version)}
    reader = spark.read.format("delta").options(**options)
    try:  # the log is looked into when rows are asked for
        rows = reader.load(table.place) if "/" in table.place else reader.table(table.sql)
        counted = rows.groupBy(CHANGE).agg(F.count("*").alias("rows")).collect()  # bounded: one row per kind of change
    except PySparkException as failure:
        raise explain_loss(failure) from failure
    return rows.orderBy("_commit_version"), {row[CHANGE]: int(row["rows"]) for row in counted}


def stream_appended(
    spark: SparkSession, table: ForeignTable, after: int, checkpoint: Path, take: Callable[[DataFrame], None]
) -> tuple[int, int]:
    """Hand on the rows that were appended behind a version, in one batch.

    Delta's own stream is asked, from that version on and with a checkpoint of its own: it knows what a rewrite of files
    is, and refuses where rows were changed or deleted.

    Args:
        spark: The session.
        table: The table.
        after: Version that was read before.
        checkpoint: Folder the stream may use; nothing of it is kept.
        take: Takes the rows.

    Returns:
        The version that was read last, and the rows as the stream counted them.

    Raises:
        LostVersionsError: If a version between is gone.
        ChangedRowsError: If rows were changed or deleted.

    >>> orders = open_foreign(spark, context.lake.address("bronze", "orders").path)
    >>> import tempfile
    >>> stream_appended(spark, orders, 1, Path(tempfile.mkdtemp()) / 'c', lambda rows: print(rows.count()))
    240
    (2, 240)
    """
    options = {"startingVersion": str(after + 1), "maxFilesPerTrigger": str(2**31 - 1)}
    reader = spark.readStream.format("delta").options(**options)
    rows = reader.load(table.place) if "/" in table.place else reader.table(table.sql)

    def hand_on(batch: DataFrame, number: int) -> None:
        if number:
            found = Failure("batches", f"{number + 1} of a stretch that is one")
            raise AccountingError(table.place, [found], "report this")
        take(batch)

    shutil.rmtree(checkpoint, ignore_errors=True)
    try:
        query = run_batches(rows, checkpoint, hand_on)
    except Exception as failure:
        meaning = explain_loss(failure)
        if meaning is failure:
            raise
        raise meaning from failure
    finally:
        shutil.rmtree(checkpoint, ignore_errors=True)
    # As JSON: what Spark makes of an offset beside it changes between its releases.
    told = [json.loads(each.json) for each in query.recentProgress]
    told = [each for each in told if each["sources"] and each["sources"][0]["endOffset"]]
    if not told:
        return after, 0
    end = told[-1]["sources"][0]["endOffset"]
    through = int(end["reservoirVersion"]) - (1 if int(end["index"]) < 0 else 0)
    return max(through, after), sum(int(each["numInputRows"]) for each in told)


def explain_loss(failure: Exception) -> Exception:
    """Tell what a failure to read versions means; the failure itself where it means something else.

    >>> explain_loss(ValueError("[DELTA_VERSION_NOT_FOUND] ..."))
    LostVersionsError()
    >>> explain_loss(ValueError("no space left"))
    ValueError('no space left')
    """
    for conditions, meaning in ((_GONE, LostVersionsError), (_NO_FEED, NoFeedError), (_CHANGED, ChangedRowsError)):
        if _is_any(failure, conditions):
            return meaning()
    return failure


def _is_any(failure: Exception, conditions: tuple[str, ...]) -> bool:
    return any(condition in str(failure) for condition in conditions)

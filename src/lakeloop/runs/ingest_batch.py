"""One source's stream: staged text -> typed, judged, written to bronze and quarantine, and accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from lakeloop import schemas
from lakeloop.config.source import Source
from lakeloop.errors import DataContractError, Failure
from lakeloop.landing import MALFORMED, UNKNOWN, staged_schema
from lakeloop.micro_batches import run_batches
from lakeloop.quality.accounting import Accounting
from lakeloop.quality.rules import BROKEN, REASONS, WARNINGS, judge_rows
from lakeloop.quality.typing import RAW, type_rows
from lakeloop.quality.uniqueness import ACCEPTED, CLASS, DUPLICATE, QUARANTINED, SUPERSEDED
from lakeloop.quality.versions import classify
from lakeloop.reading import Stretch, folder_of
from lakeloop.runs.accounted import drop_moved_checkpoint, list_unaccounted, note_content
from lakeloop.runs.bronze import bronze_schema
from lakeloop.runs.context import Context
from lakeloop.runs.failed_expressions import explain_failure
from lakeloop.runs.judgement import note_judgement, read_judgement
from lakeloop.runs.new_columns import name_added, take_added
from lakeloop.statuses import Outcome, Severity
from lakeloop.tables import Commit, Lake, TableAddress, WriteIdentity, identity_hash
from lakeloop.with_columns import with_columns

JOB = "ingest"


def drain_staged(context: Context, source: Source, staging: Path, raw_rows: dict[str, int]) -> None:
    """Run the stream over everything staged, then stop.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration.
        staging: Where its admitted files are staged.
        raw_rows: Content hash of every admitted file -> records counted at admission.

    Raises:
        DataContractError: If a row breaks a rule of severity fail; nothing of its batch is written.
        AccountingError: If a row is lost.

    >>> (staging := fresh.config.workspace / "admitted").mkdir(parents=True)
    >>> drain_staged(fresh, fresh.config.sources["orders"], staging, {})  # nothing is staged
    >>> fresh.lake.exists(fresh.lake.address("bronze", "orders"))
    False
    """
    lake = context.lake
    checkpoint = lake.workspace / "checkpoints" / JOB / source.source
    drop_moved_checkpoint(checkpoint, staging)
    schema = from_arrow_schema(staged_schema(source))
    stream = context.spark.readStream.schema(schema).parquet(str(staging))

    def take(batch: DataFrame, number: int) -> None:
        try:
            _write_batch(context, source, batch, number, raw_rows)
        except PySparkException as failure:
            raise explain_failure(context.config, source, batch, context.as_of, failure) from failure

    run_batches(stream, checkpoint, take, name=f"{JOB} {source.source}")


def drain_stretches(context: Context, source: Source, staging: Path, stretches: Sequence[Stretch]) -> None:
    """Take in the stretches that are not accounted for yet, each as a batch of its own, in the order of their reading.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration.
        staging: Where its stretches are staged.
        stretches: All that are recorded.

    Raises:
        DataContractError: If a row breaks a rule of severity fail; nothing of its batch is written.
        AccountingError: If a row is lost.

    >>> drain_stretches(fresh, fresh.config.sources["orders"], fresh.config.workspace, [])
    """
    schema = from_arrow_schema(staged_schema(source))
    with_rows = [each for each in stretches if each.rows]
    new = set(list_unaccounted(context.lake, source.source, [each.content_hash for each in with_rows]))
    for stretch in with_rows:
        if stretch.content_hash not in new:
            continue
        batch = context.spark.read.schema(schema).parquet(str(folder_of(staging, stretch)))
        try:
            _write_batch(context, source, batch, stretch.number, {stretch.content_hash: stretch.rows})
        except PySparkException as failure:
            raise explain_failure(context.config, source, batch, context.as_of, failure) from failure


def _write_batch(context: Context, source: Source, batch: DataFrame, batch_id: int, raw_rows: dict[str, int]) -> None:
    lake, file = context.lake, context.config.files.get(f"source:{source.source}", "its file")
    bronze, quarantine = lake.address("bronze", source.source), lake.address("quarantine", source.source)
    files = sorted(row[0] for row in batch.select("_content_hash").distinct().collect())  # bounded: one per file
    new = list_unaccounted(lake, source.source, files)
    if not new:
        return
    batch, files = batch if new == files else batch.where(F.col("_content_hash").isin(new)), new
    identity = WriteIdentity(JOB, f"batch {source.source} {identity_hash(*files)}")
    done = lake.find_commit(bronze, identity)
    # What an earlier attempt accepted stands: the others go where they went then, whatever the instant is now.
    as_of = read_judgement(source, done, file) or context.as_of
    added = name_added(batch, source, lake.columns(bronze))
    batch = take_added(batch, added)
    classified = _classify(lake, source, batch, bronze, done, as_of, added)
    if any(rule.severity is Severity.FAIL and rule.conditions() for rule in source.rules):
        _refuse_broken(source, classified, file)
    stamped = classified.withColumns({"_batch_id": F.lit(batch_id).cast("long"), "_ingested_ts": F.current_timestamp()})
    # The rows of each class are counted while bronze is written. Rows are judged again only where a rule of severity
    # fail could stop the batch, and where some are rejected: keeping what was judged would take memory for all of them.
    observed = Observation()
    accepted = select_accepted(stamped.observe(observed, *_class_counts()), source, added)
    notes = note_judgement(source, as_of)
    written = lake.append(accepted, bronze, identity, notes=notes, adds_columns=_lacks(lake, bronze, accepted))
    if written.outcome is Outcome.WRITTEN and written.attempts == 1:
        counts = {name: int(value or 0) for name, value in observed.get.items()}
    else:  # an earlier attempt wrote bronze and stopped before the accounting, or did not hear that it did
        counts = count_classes(classified)
    quarantined = 0
    if counts[QUARANTINED]:
        rejected = stamped.where(F.col(CLASS) == QUARANTINED).select(
            *(F.col(f"{RAW}.{name}").alias(name) for name in source.columns),
            MALFORMED,
            REASONS,
            F.lit(as_of).alias("as_of"),
            *("_batch_id", "_source_file", "_source_row", "_ingested_ts"),
            *([UNKNOWN] if UNKNOWN in stamped.columns else []),
        )
        adds, expected = _lacks(lake, quarantine, rejected), counts[QUARANTINED]
        quarantined = lake.append(rejected, quarantine, identity, expect_rows=expected, adds_columns=adds).rows
    read = sum(raw_rows[each] for each in files)
    ended = (written.rows, quarantined, counts[DUPLICATE], counts[SUPERSEDED])
    accounting = Accounting(source.source, read, *ended)
    accounting.assert_nothing_lost()
    _record(lake, accounting, files, counts[WARNED], batch_id, as_of, identity)


WARNED = "warned"


def _class_counts() -> list[Column]:
    has_warning = (F.col(CLASS) == ACCEPTED) & (F.size(WARNINGS) > 0)
    counted = {kind: F.col(CLASS) == kind for kind in (ACCEPTED, QUARANTINED, DUPLICATE, SUPERSEDED)} | {
        WARNED: has_warning
    }
    return [F.sum(F.when(condition, 1).otherwise(0)).alias(name) for name, condition in counted.items()]


def count_classes(classified: DataFrame) -> dict[str, int]:
    """Count where rows go, in one aggregation.

    Args:
        classified: Rows with `_class` and `_warnings`.

    Returns:
        Rows of each class; and of the accepted ones those that broke a warning.

    >>> values = "('accepted', array('range_items')), ('duplicate', array())"
    >>> rows = spark.sql(f"select * from values {values} as t(_class, _warnings)")
    >>> count_classes(rows)
    {'accepted': 1, 'quarantined': 0, 'duplicate': 1, 'superseded': 0, 'warned': 1}
    """
    row = classified.agg(*_class_counts()).first()
    return {} if row is None else {name: int(value or 0) for name, value in row.asDict().items()}


def _lacks(lake: Lake, address: TableAddress, rows: DataFrame) -> bool:
    return not set(rows.columns) <= set(lake.columns(address).fieldNames())


def select_accepted(classified: DataFrame, source: Source, added: Sequence[str] = ()) -> DataFrame:
    """Give the accepted rows the columns of bronze.

    Args:
        classified: Judged rows with `_raw`, `_class`, and what bronze says of where a row came from.
        source: The source's declaration.
        added: Columns of bronze that are not declared.

    Returns:
        The accepted rows; a local reading as the text that landed.

    >>> source = context.config.sources["orders"]
    >>> before = context.lake.read_uncut(context.lake.address("bronze", "orders"))
    >>> kept = select_accepted(before.withColumn("_class", F.when(F.col("order") == 3000, "accepted")), source)
    >>> kept.count(), kept.columns == before.columns
    (1, True)
    """
    landed = {name: F.col(f"{RAW}.{name}") for name, each in source.columns.items() if each.type == "local_timestamp"}
    accepted = classified.where(F.col(CLASS) == ACCEPTED)
    return with_columns(accepted, landed).select(*bronze_schema(source).fieldNames(), *added)


def _refuse_broken(source: Source, classified: DataFrame, file: str) -> None:
    """Refuse the whole batch when a row broke a rule of severity fail, before anything is written."""
    broken = classified.select(F.explode(BROKEN).alias("rule"), "_source_file").groupBy("rule")
    counted = broken.agg(
        F.count("*").alias("rows"), F.countDistinct("_source_file").alias("files"), F.min("_source_file").alias("file")
    )
    found = counted.orderBy("rule").collect()  # bounded: one row per rule
    if found:
        raise DataContractError(
            f"source {source.source}",
            [Failure(row["rule"], _describe_broken(row["rows"], row["files"], row["file"])) for row in found],
            f"set the severity of the rule to `quarantine` in {file} and ingest again: those rows are set aside, the"
            " rest goes on; then set it back to `fail`",
        )


def _describe_broken(rows: int, files: int, first: str) -> str:
    """Describe the rows that broke a rule.

    >>> _describe_broken(3, 2, "may.csv")
    'broken by 3 rows of 2 files, first may.csv'
    """
    where = f"in {first}" if files == 1 else f"of {files} files, first {first}"
    return f"broken by {rows} row{'s' if rows != 1 else ''} {where}"


def _classify(
    lake: Lake,
    source: Source,
    batch: DataFrame,
    bronze: TableAddress,
    done: Commit | None,
    as_of: datetime,
    added: Sequence[str],
) -> DataFrame:
    judged = judge_rows(type_rows(batch, source, as_of), source)
    # Judged is against what was there before this very batch, in a rerun too, and when the rejected rows are written
    # after the accepted ones: a frame of the newest version would then see those.
    before = lake.read_uncut(bronze, version=lake.version(bronze) if done is None else done.version - 1)
    return classify(judged, before if lake.commits(bronze) else None, source, added)


def _record(
    lake: Lake,
    accounting: Accounting,
    files: Sequence[str],
    warned: int,
    batch_id: int,
    as_of: datetime,
    identity: WriteIdentity,
) -> None:
    row = {
        "source": accounting.source,
        "batch_id": batch_id,
        "files": len(files),
        "rows_read": accounting.rows_read,
        "rows_accepted": accounting.rows_accepted,
        "rows_quarantined": accounting.rows_quarantined,
        "rows_duplicate": accounting.rows_duplicate,
        "rows_superseded": accounting.rows_superseded,
        "rows_warned": warned,
    }
    notes: dict[str, Any] = {key: value for key, value in row.items() if key not in ("source", "batch_id")}
    notes |= note_content(files)
    lake.append_own(schemas.INGESTED_BATCHES, [{**row, "as_of": as_of}], identity, notes=notes)

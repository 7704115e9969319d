"""Landed files -> bronze and quarantine: admission, stream, typing, rules, and the accounting of every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from lakeloop import schemas
from lakeloop.config.source import ColumnType, Source
from lakeloop.errors import AccountingError, ConflictError, DataContractError, Failure
from lakeloop.features.windows import floor_tick_of
from lakeloop.landing import MALFORMED, FileStatus, LandedFile, admit_files, set_aside, staged_schema
from lakeloop.quality.accounting import Accounting
from lakeloop.quality.rules import (
    ACCEPTED,
    BROKEN,
    CLASS,
    DUPLICATE,
    QUARANTINED,
    REASONS,
    WARNINGS,
    classify_rows,
    judge_rows,
)
from lakeloop.quality.typing import RAW, type_rows
from lakeloop.runs.build_state import read_build_state
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.side_by_side import do_side_by_side
from lakeloop.statuses import Outcome, Severity
from lakeloop.tables import Lake, TableAddress, WriteIdentity, identity_hash

JOB = "ingest"


@dataclass(frozen=True)
class SourceIngest:
    """What an ingest did for one source.

    Attributes:
        source: The source.
        files_admitted: New files admitted.
        files_refused: New files refused, with their reasons.
        files_repeated: New files whose content was seen before.
        rows_read: Records of the batches of this run.
        rows_accepted: Of these, accepted.
        rows_quarantined: Of these, quarantined.
        rows_duplicate: Of these, exact duplicates.
    """

    source: str
    files_admitted: int
    files_refused: tuple[str, ...]
    files_repeated: int
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did."""

    sources: tuple[SourceIngest, ...]


def ingest(context: Context) -> IngestResult:
    """Ingest what has landed, source by source.

    Args:
        context: Project, lake and logical now.

    Returns:
        Counts per source.

    Raises:
        DataContractError: If a row breaks a rule of severity fail; nothing of its batch is written.
        AccountingError: If a row is lost.
        ConflictError: If new rows would become available at an instant up to which gold is built already.
    """
    lake, sources = context.lake, context.config.sources
    with lake.writing():
        seen = _seen_files(lake)
        found = {name: _admit(context, source, seen.get(name, [])) for name, source in sources.items()}
        new = [(name, each) for name, files in found.items() for each in files]
        _refuse_built_instant(context, {name for name, each in new if each.status is FileStatus.ADMITTED})
        if new:
            unit = identity_hash(*((name, each.file, each.content_hash, each.modified_ns) for name, each in new))
            rows = [_file_row(each, name, context.as_of) for name, each in new]
            lake.append_own(schemas.INGESTED_FILES, rows, WriteIdentity(JOB, f"files {unit}"))
        for name, source in sources.items():
            refused = lake.workspace / "refused" / name
            set_aside(context.config.landing_path(source), refused, [*seen.get(name, []), *found[name]])
        lake.create_own(schemas.INGESTED_BATCHES)

        def drain(source: Source) -> SourceIngest:
            return _ingest_source(context, source, seen.get(source.source, []), found[source.source])

        return IngestResult(do_side_by_side(drain, sources.values()))


def _refuse_built_instant(context: Context, names: set[str]) -> None:
    """Refuse rows that would become available at an instant up to which gold is built: they could never enter it."""
    failures = []
    for table in context.config.feature_tables.values():
        history = context.config.sources[table.from_].history
        if table.from_ not in names or (history is not None and history.trusted_until >= context.as_of):
            continue
        state = read_build_state(context.lake, context.lake.address("gold", table.feature_table))
        needed = floor_tick_of(context.as_of, table.every or timedelta.resolution)
        if state is not None and state.built_through >= needed:
            failures.append(
                Failure(f"gold.{table.feature_table}", f"built through {instant_text(state.built_through)}")
            )
    if failures:
        raise ConflictError(
            f"ingest as of {context.turn}",
            failures,
            "new files have landed since: ingest them as of a later instant, at which the platform could know them",
        )


def _staging(context: Context, source: Source) -> Path:
    return context.lake.workspace / "admitted" / source.source


def _admit(context: Context, source: Source, seen: Sequence[LandedFile]) -> list[LandedFile]:
    return admit_files(source, context.config.landing_path(source), _staging(context, source), seen)


def _ingest_source(
    context: Context, source: Source, seen: Sequence[LandedFile], found: Sequence[LandedFile]
) -> SourceIngest:
    lake, name = context.lake, source.source
    # A file with a header and nothing else has no rows by which the stream could show that it was read.
    admitted = [each for each in (*seen, *found) if each.status is FileStatus.ADMITTED and each.raw_rows]
    before = _batches(lake, name)
    if admitted and sum(row["files"] for row in before) < len(admitted):
        context.progress(f"ingest {name}")
        _create_tables(lake, source)
        _drain(context, source, _staging(context, source), {each.content_hash: each.raw_rows for each in admitted})
    batches = _batches(lake, name)
    _assert_all_files_read(name, admitted, batches)
    keys = ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate")
    return SourceIngest(
        name,
        sum(each.status is FileStatus.ADMITTED for each in found),
        tuple(f"{each.file}: {each.reason}" for each in found if each.status is FileStatus.REFUSED),
        sum(each.status is FileStatus.DUPLICATE_CONTENT for each in found),
        *(sum(row[key] for row in batches) - sum(row[key] for row in before) for key in keys),
    )


def _seen_files(lake: Lake) -> dict[str, list[LandedFile]]:
    seen: dict[str, list[LandedFile]] = {}
    for row in lake.own_rows(schemas.INGESTED_FILES, None):
        file = LandedFile(
            row["file"],
            row["content_hash"],
            row["size_bytes"],
            row["modified_ns"],
            FileStatus(row["status"]),
            row["reason"],
            row["raw_rows"],
        )
        seen.setdefault(row["source"], []).append(file)
    return seen


def _file_row(found: LandedFile, source: str, as_of: datetime) -> dict[str, Any]:
    return {
        "source": source,
        "file": found.file,
        "content_hash": found.content_hash,
        "size_bytes": found.size_bytes,
        "modified_ns": found.modified_ns,
        "status": found.status.value,
        "reason": found.reason,
        "raw_rows": found.raw_rows,
        "as_of": as_of,
    }


def _batches(lake: Lake, source: str) -> list[dict[str, Any]]:
    """Read the accounting of a source, one row per batch."""
    return [row for row in lake.own_rows(schemas.INGESTED_BATCHES, None) if row["source"] == source]


def _assert_all_files_read(source: str, admitted: Sequence[LandedFile], batches: Sequence[dict[str, Any]]) -> None:
    rows, read = sum(each.raw_rows for each in admitted), sum(row["rows_read"] for row in batches)
    files, files_read = len(admitted), sum(row["files"] for row in batches)
    if (rows, files) != (read, files_read):
        raise AccountingError(
            f"source {source}",
            [Failure("files", f"{files} files with {rows} rows admitted, {files_read} with {read} rows ingested")],
            "report this: an admitted file was not read; its staged copy is under admitted/",
        )


def bronze_schema(source: Source) -> StructType:
    """Give the columns of a bronze table, with their meaning.

    Args:
        source: The source's declaration.

    Returns:
        Landed columns (a local reading stays text), derived columns, and what every bronze table has.
    """
    fields: list[StructField] = []
    for name, kind in source.all_columns.items():
        declared = source.columns.get(name) or source.derive[name]
        unit = f" [{declared.unit}]" if declared.unit else ""
        fields.append(schemas.column(name, _spark_type(kind), f"{declared.description}{unit}"))
    return StructType([*fields, *schemas.BRONZE_COLUMNS])


def _spark_type(kind: ColumnType) -> Any:
    return {
        ColumnType.STRING: schemas.TEXT,
        ColumnType.INTEGER: schemas.INT,
        ColumnType.LONG: schemas.LONG,
        ColumnType.DOUBLE: schemas.DOUBLE,
        ColumnType.BOOLEAN: schemas.TRUTH,
        ColumnType.DATE: schemas.DATE,
        ColumnType.TIMESTAMP: schemas.INSTANT,
        ColumnType.LOCAL_TIMESTAMP: schemas.TEXT,
    }[kind]


def _quarantine_schema(source: Source) -> StructType:
    texts = [
        schemas.column(name, schemas.TEXT, f"as landed: {declared.description}")
        for name, declared in source.columns.items()
    ]
    malformed = schemas.column(MALFORMED, StringType(), "text of a record with another number of fields")
    return StructType([*texts, malformed, *schemas.QUARANTINE_COLUMNS])


def _create_tables(lake: Lake, source: Source) -> None:
    keys = {"key": ", ".join(source.key), "time_column": "available_ts", "owner": source.owner}
    lake.create(lake.address("bronze", source.source), bronze_schema(source), source.description, keys)
    description = f"Rows of {source.source} that broke a rule, as landed."
    lake.create(lake.address("quarantine", source.source), _quarantine_schema(source), description)
    lake.create_own(schemas.INGESTED_BATCHES)


def _drain(context: Context, source: Source, staging: Path, raw_rows: dict[str, int]) -> None:
    """Run the stream over everything staged, then stop."""
    lake, as_of = context.lake, context.as_of
    schema = from_arrow_schema(staged_schema(source))
    stream = context.spark.readStream.schema(schema).parquet(str(staging))
    failures: list[Exception] = []

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        try:
            _write_batch(lake, source, batch, batch_id, as_of, raw_rows)
        except Exception as failure:
            failures.append(failure)  # the stream would wrap it in its own trace
            raise

    query = (
        stream.writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", str(lake.workspace / "checkpoints" / JOB / source.source))
        .trigger(availableNow=True)
        .queryName(f"{JOB} {source.source}")
        .start()
    )
    try:
        query.awaitTermination()
    except Exception as stopped:
        if failures:
            raise failures[0] from stopped
        raise


def _write_batch(
    lake: Lake, source: Source, batch: DataFrame, batch_id: int, as_of: datetime, raw_rows: dict[str, int]
) -> None:
    bronze, quarantine = lake.address("bronze", source.source), lake.address("quarantine", source.source)
    files = sorted(row[0] for row in batch.select("_content_hash").distinct().collect())  # bounded: one per file
    if not files:
        return
    identity = WriteIdentity(JOB, f"batch {source.source} {identity_hash(*files)}")
    classified = _classify(lake, source, batch, bronze, identity, as_of)
    if any(rule.severity is Severity.FAIL for rule in source.rules):
        _refuse_broken(source, classified)
    stamped = classified.withColumns({"_batch_id": F.lit(batch_id).cast("long"), "_ingested_ts": F.current_timestamp()})
    landed = {name: F.col(f"{RAW}.{name}") for name, each in source.columns.items() if each.type == "local_timestamp"}
    # The rows of each class are counted while bronze is written: the batch is judged once.
    observed = Observation()
    accepted = (
        stamped.observe(observed, *_class_counts())
        .where(F.col(CLASS) == ACCEPTED)
        .withColumns(landed)
        .select(*bronze_schema(source).fieldNames())
    )
    written = lake.append(accepted, bronze, identity)
    if written.outcome is Outcome.WRITTEN:
        counts = {name: int(value or 0) for name, value in observed.get.items()}
    else:  # an earlier attempt wrote bronze and stopped before the accounting
        counts = _count_again(classified)
    quarantined = 0
    if counts[QUARANTINED]:
        rejected = stamped.where(F.col(CLASS) == QUARANTINED).select(
            *(F.col(f"{RAW}.{name}").alias(name) for name in source.columns),
            MALFORMED,
            REASONS,
            F.lit(as_of).alias("as_of"),
            *("_batch_id", "_source_file", "_source_row", "_ingested_ts"),
        )
        quarantined = lake.append(rejected, quarantine, identity, expect_rows=counts[QUARANTINED]).rows
    accounting = Accounting(
        source.source, sum(raw_rows[each] for each in files), written.rows, quarantined, counts[DUPLICATE]
    )
    accounting.assert_nothing_lost()
    _record(lake, accounting, len(files), counts[WARNED], batch_id, as_of, identity)


WARNED = "warned"


def _class_counts() -> list[Column]:
    has_warning = (F.col(CLASS) == ACCEPTED) & (F.size(WARNINGS) > 0)
    counted = {kind: F.col(CLASS) == kind for kind in (ACCEPTED, QUARANTINED, DUPLICATE)} | {WARNED: has_warning}
    return [F.sum(F.when(condition, 1).otherwise(0)).alias(name) for name, condition in counted.items()]


def _count_again(classified: DataFrame) -> dict[str, int]:
    row = classified.agg(*_class_counts()).first()
    return {} if row is None else {name: int(value or 0) for name, value in row.asDict().items()}


def _refuse_broken(source: Source, classified: DataFrame) -> None:
    """Refuse the whole batch when a row broke a rule of severity fail, before anything is written."""
    broken = classified.select(F.explode(BROKEN).alias("rule")).groupBy("rule").count()
    found = broken.orderBy("rule").collect()  # bounded: one row per rule
    if found:
        raise DataContractError(
            f"source {source.source}",
            [Failure(row["rule"], f"broken by {row['count']} rows of this batch") for row in found],
            "nothing of the batch was written: lower the rule's severity to quarantine and run again, which sets the"
            " rows that break it aside and lets the rest go on",
        )


def _classify(
    lake: Lake, source: Source, batch: DataFrame, bronze: TableAddress, identity: WriteIdentity, as_of: datetime
) -> DataFrame:
    judged = judge_rows(type_rows(batch, source, as_of), source)
    done = lake.find_commit(bronze, identity)
    # A rerun judges against what was there before this very batch, so that it judges alike.
    before = lake.read_uncut(bronze, version=None if done is None else done.version - 1)
    return classify_rows(judged, before if lake.commits(bronze) else None, source)


def _record(
    lake: Lake, accounting: Accounting, files: int, warned: int, batch_id: int, as_of: datetime, identity: WriteIdentity
) -> None:
    row = {
        "source": accounting.source,
        "batch_id": batch_id,
        "files": files,
        "rows_read": accounting.rows_read,
        "rows_accepted": accounting.rows_accepted,
        "rows_quarantined": accounting.rows_quarantined,
        "rows_duplicate": accounting.rows_duplicate,
        "rows_superseded": accounting.rows_superseded,
        "rows_warned": warned,
    }
    notes = {key: value for key, value in row.items() if key not in ("source", "batch_id")}
    lake.append_own(schemas.INGESTED_BATCHES, [{**row, "as_of": as_of}], identity, notes=notes)

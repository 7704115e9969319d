"""What was answered online, brought from the servers' segments into a Delta table: each row once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.arrow_frame import frame_of
from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.errors import DataContractError, Failure
from lakeloop.runs.context import Context
from lakeloop.runs.model_inputs import described_columns, with_columns
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "collect_requests"
BUILT_SUFFIX = "__built_through"
_TAKEN = "taken"
_SEGMENTS_A_COMMIT = 200
"""Of at most 5,000 rows each: what is held in memory at once."""


@dataclass(frozen=True)
class CollectResult:
    """What was brought into the table of requests.

    Attributes:
        model: The model.
        rows: Rows that were added.
        segments: Segments that they came from.
    """

    model: str
    rows: int
    segments: int

    @property
    def summary(self) -> str:
        """Rows and segments.

        >>> CollectResult("late", 12, 1).summary
        '12 rows of 1 segment added to requests.late'
        """
        of = f"{self.segments} segment{'' if self.segments == 1 else 's'}"
        return f"{count_of(self.rows, 'row')} of {of} added to requests.{self.model}"


def collect_requests(context: Context, name: str) -> CollectResult:
    """Append what servers have logged to `requests.<model>`, and remove the segments.

    Segments are first moved to a folder that is named by what they are, then appended under this name, then removed: a
    call that is stopped in between is carried on by the next.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        What was added now.

    Raises:
        DataContractError: If a segment cannot be read; it stays where it is.

    >>> collect_requests(context, "late").rows  # nothing was asked online
    0
    """
    model, folder = context.config.models[name], context.config.workspace / "request_log" / name
    if not folder.is_dir():
        return CollectResult(name, 0, 0)
    rows = segments = 0
    with context.lake.writing():
        for taken in _take(folder):
            files = sorted(taken.glob("*.parquet"))
            rows += _append(context, model, taken.name, files)
            segments += len(files)
            shutil.rmtree(taken)
    return CollectResult(name, rows, segments)


def _take(folder: Path) -> Iterator[Path]:
    """Give folders of segments that nobody adds to: those of a call that was stopped first."""
    taken = folder / _TAKEN
    yield from sorted(each for each in taken.glob("*") if each.is_dir())
    segments = sorted(folder.glob("*.parquet"))
    for start in range(0, len(segments), _SEGMENTS_A_COMMIT):
        chosen = segments[start : start + _SEGMENTS_A_COMMIT]
        into = taken / identity_hash(*(each.name for each in chosen))
        into.mkdir(parents=True)
        for each in chosen:
            each.rename(into / each.name)
        yield into


def _append(context: Context, model: Model, unit: str, files: list[Path]) -> int:
    lake, address = context.lake, context.lake.address("requests", model.model)
    identity = WriteIdentity(JOB, f"{model.model} {unit}")
    if not files or lake.find_commit(address, identity) is not None:
        return 0
    found = pa.concat_tables([_read(each) for each in files], promote_options="default")
    frame = frame_of(context.spark, found).withColumn("as_of", F.lit(context.as_of))
    described = _describe(context, model, frame.schema)
    there = set(lake.columns(address).fieldNames()) if lake.exists(address) else None
    known = StructType([each for each in described.fields if there is None or each.name in there])
    said = f"What was answered online by {model.model}: {model.description}"
    describe_model_table(context, model, address, known, said, "request_id, prediction_id, prediction_ts")
    for each in described.fields:
        frame = frame.withMetadata(each.name, each.metadata or {}) if each.name in frame.columns else frame
    written = lake.append(frame.coalesce(1), address, identity, expect_rows=found.num_rows, adds_columns=True)
    return written.rows


def _describe(context: Context, model: Model, columns: StructType) -> StructType:
    fixed = [each for each in schemas.REQUEST_COLUMNS if each.name in columns.fieldNames()]
    more = described_columns(context.config, model, columns)
    through = {
        each.name: schemas.column(each.name, each.dataType, f"instant up to which gold.{table} was published, UTC")
        for each in columns.fields
        if (table := each.name.removesuffix(BUILT_SUFFIX)) != each.name
    }
    return with_columns(tuple(fixed), [through.get(each.name, each) for each in more])


def _read(segment: Path) -> pa.Table:
    try:
        return pq.read_table(segment)
    except (OSError, pa.ArrowException) as failure:
        raise DataContractError(
            f"request log {segment}",
            [Failure("segment", f"it cannot be read: {type(failure).__name__}")],
            "move the file away; its rows are lost to the audit, not to those who asked",
        ) from failure

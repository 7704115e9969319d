"""Micro-batches of a stream, taken one after the other by this process, whatever the session is.

In a classic session a stream calls a function of this process. Over Spark Connect the function would go to the server
and run there, without what this process holds: its lock on the workspace, its ledgers, its failures. So there the
stream hands its batches over, into a Delta table inside its checkpoint, and this process takes them from there. What
was handed over and not taken, because a batch failed or the process ended, comes first in the next run, whatever the
session is then; a batch may be handed over twice, as a stream may call its function twice.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.connect import is_connect

Take = Callable[[DataFrame, int], None]
"""Takes the rows of a batch and its number; a batch it fails on is handed on again by the next run."""

_HANDED = "handed"
"""Folder inside a checkpoint: a folder per run over Connect, with the table of its batches and their columns."""


def run_batches(
    rows: DataFrame,
    checkpoint: Path,
    take: Take,
    *,
    name: str | None = None,
    every: timedelta | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Any:
    """Run a stream over what is there, or until it is over, batch by batch.

    Args:
        rows: The streaming frame.
        checkpoint: Folder of the stream's checkpoint: it knows which batches were taken.
        take: Takes a batch.
        name: Name of the query.
        every: How often to look for new rows; without it what is there is taken, and the stream ends.
        is_over: Asked about every second whether to end.

    Returns:
        The query, which has ended.

    Raises:
        Exception: What `take` raised, from what the stream made of it; else what stopped the stream.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.txt").write_text("one")
    ...     lines = spark.readStream.text(folder)
    ...     query = run_batches(lines, Path(folder) / "_checkpoint", lambda rows, number: print(number, rows.first()))
    0 Row(value='one')
    >>> query.isActive
    False
    """
    _take_handed(rows, checkpoint, take)
    if is_connect(rows.sparkSession):
        while True:
            query = _hand_over(rows, checkpoint, name)
            _take_handed(rows, checkpoint, take)
            if every is None or is_over():
                return query
            _wait(every, is_over)
    failures: list[Exception] = []

    def hand_on(batch: DataFrame, number: int) -> None:
        try:
            take(batch, number)
        except Exception as failure:
            failures.append(failure)  # the stream would wrap it in its own trace
            raise

    writer = _writer(rows, checkpoint, name).foreachBatch(hand_on)
    if every is None:
        writer = writer.trigger(availableNow=True)
    else:
        writer = writer.trigger(processingTime=f"{every // timedelta(milliseconds=1)} milliseconds")
    query = writer.start()
    try:
        while not query.awaitTermination(1):
            if is_over():
                query.stop()
    except Exception as stopped:
        if failures:
            raise failures[0] from stopped
        raise
    return query


def _writer(rows: DataFrame, checkpoint: Path, name: str | None) -> Any:
    writer = rows.writeStream.option("checkpointLocation", str(checkpoint))
    return writer if name is None else writer.queryName(name)


# --- over Spark Connect -----------------------------------------------------------------------------------------------


def _hand_over(rows: DataFrame, checkpoint: Path, name: str | None) -> Any:
    """Have the stream write what is there into a table of its own, a commit for each batch."""
    place = checkpoint / _HANDED / f"{time.time_ns()}_{uuid.uuid4().hex}"
    place.mkdir(parents=True)
    (place / "columns.json").write_text(json.dumps(rows.columns), encoding="utf-8")
    # Delta refuses names with blanks, and a stream's may have some.
    plain = rows.toDF(*(f"c{number}" for number in range(len(rows.columns))))
    query = _writer(plain, checkpoint, name).format("delta").trigger(availableNow=True).start(str(place / "table"))
    try:
        while not query.awaitTermination(1):
            pass
    finally:
        if query.isActive:
            query.stop()
    return query


def _take_handed(rows: DataFrame, checkpoint: Path, take: Take) -> None:
    """Take the batches that were handed over, oldest first; what was taken is removed."""
    folder = checkpoint / _HANDED
    for place in sorted(folder.glob("*_*")):
        for number, files in _batches(place / "table"):
            taken = place / f"{number}.taken"
            if not taken.exists():
                take(_read(rows, place, files), number)
                taken.touch()
        shutil.rmtree(place)
    with contextlib.suppress(OSError):  # it is not there, or another run has begun
        folder.rmdir()


def _batches(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Give number and files of each batch, from the commits of the table they were handed over in."""
    for commit in sorted((table / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
        numbers = [each["txn"]["version"] for each in actions if "txn" in each]
        added = [each["add"] for each in actions if "add" in each]
        if numbers:  # else a maintenance of the platform, which moves rows and has none of its own
            yield int(numbers[0]), [str(table / unquote(each["path"])) for each in added if each["dataChange"]]


def _read(rows: DataFrame, place: Path, files: list[str]) -> DataFrame:
    """Read a batch with the columns that the stream has now; null where it had none when the batch was handed over."""
    spark, written = rows.sparkSession, json.loads((place / "columns.json").read_text(encoding="utf-8"))
    if not files:
        return spark.createDataFrame([], rows.schema)
    found = spark.read.parquet(*files)
    at = {name: f"c{number}" for number, name in enumerate(written)}
    return found.select(
        *(
            (F.col(at[each.name]) if each.name in at else F.lit(None)).cast(each.dataType).alias(each.name)
            for each in rows.schema.fields
        )
    )


def _wait(every: timedelta, is_over: Callable[[], bool]) -> None:
    """Wait for the next look, or until it is over."""
    until = time.monotonic() + every.total_seconds()
    while time.monotonic() < until and not is_over():
        time.sleep(min(1.0, every.total_seconds()))

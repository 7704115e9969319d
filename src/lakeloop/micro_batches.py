"""Micro-batches of a stream, taken one after the other by this process, whatever the session is.

In a classic session a stream calls a function of this process. Over Spark Connect the function would go to the server
and run there, without what this process holds: its lock on the workspace, its ledgers, its failures. So there the
server writes a batch to a folder that both see and waits, this process takes it from there and says that it is done,
and only then the checkpoint moves on: a batch that fails, or whose client is gone, is handed on again, as ever.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from lakeloop.connect import is_connect

Take = Callable[[DataFrame, int], None]
"""Takes the rows of a batch and its number; a batch it fails on is handed on again by the next run."""

_BEAT_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
"""How long a server waits for a client that gives no sign of life."""


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
    if is_connect(rows.sparkSession):
        return _run_on_server(rows, checkpoint, take, name=name, every=every, is_over=is_over)
    failures: list[Exception] = []

    def hand_on(batch: DataFrame, number: int) -> None:
        try:
            take(batch, number)
        except Exception as failure:
            failures.append(failure)  # the stream would wrap it in its own trace
            raise

    query = _start(rows, checkpoint, hand_on, name, every)
    try:
        while not query.awaitTermination(1):
            if is_over():
                query.stop()
    except Exception as stopped:
        if failures:
            raise failures[0] from stopped
        raise
    return query


def _start(rows: DataFrame, checkpoint: Path, function: Take, name: str | None, every: timedelta | None) -> Any:
    writer = rows.writeStream.foreachBatch(function).option("checkpointLocation", str(checkpoint))
    if name is not None:
        writer = writer.queryName(name)
    if every is None:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{every // timedelta(milliseconds=1)} milliseconds").start()


# --- over Spark Connect -----------------------------------------------------------------------------------------------


def _run_on_server(
    rows: DataFrame,
    checkpoint: Path,
    take: Take,
    *,
    name: str | None,
    every: timedelta | None,
    is_over: Callable[[], bool],
) -> Any:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    folder = checkpoint.parent / f".{checkpoint.name}.handed_{uuid.uuid4().hex}"
    folder.mkdir()
    with _giving_signs_of_life(folder / "alive"):
        query = _start(rows, checkpoint, _handing_over(str(folder), _PATIENCE_SECONDS), name, every)
        try:
            _take_handed(rows, folder, take, query, is_over)
        finally:
            if query.isActive:
                query.stop()
            shutil.rmtree(folder, ignore_errors=True)
    stopped = query.exception()
    if stopped is not None:
        raise stopped
    return query


def _take_handed(rows: DataFrame, folder: Path, take: Take, query: Any, is_over: Callable[[], bool]) -> None:
    """Take the batches that the server hands over, until its stream ends."""
    taken: set[int] = set()
    while True:
        is_last = not query.isActive  # asked first: what it handed over before it ended is taken, too
        for _ in range(20):
            for sign in sorted(folder.glob("*.handed"), key=lambda each: int(each.stem)):
                number = int(sign.stem)
                if number in taken:
                    continue
                try:
                    take(rows.sparkSession.read.schema(rows.schema).parquet(str(folder / sign.stem)), number)
                except BaseException:
                    sign.with_suffix(".failed").touch()
                    raise
                taken.add(number)
                sign.with_suffix(".done").touch()
                shutil.rmtree(folder / sign.stem, ignore_errors=True)
            if is_last:
                return
            time.sleep(0.05)
        if is_over():
            query.stop()


@contextlib.contextmanager
def _giving_signs_of_life(file: Path) -> Iterator[None]:
    """Write a file anew again and again, so that the server knows that somebody will take what it hands over."""
    ended = threading.Event()

    def beat() -> None:
        number = 0
        while not ended.is_set():
            with contextlib.suppress(OSError):  # a full disk: the batch itself will tell
                file.write_text(str(number), encoding="utf-8")
            number += 1
            ended.wait(_BEAT_SECONDS)

    beating = threading.Thread(target=beat, name="stream-client", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


def _handing_over(folder: str, patience_seconds: float) -> Take:
    """Make the function that goes to the server: it holds plain values, and imports what it needs there."""

    def hand_over(batch: DataFrame, number: int) -> None:
        import time
        from pathlib import Path

        batch.write.mode("overwrite").parquet(f"{folder}/{number}")
        place, beat, since = Path(folder), "", time.monotonic()
        (place / f"{number}.handed").touch()
        while not (place / f"{number}.done").exists():
            if (place / f"{number}.failed").exists():
                raise RuntimeError(f"lakeloop failed on batch {number}: its own message tells why")
            try:
                told = (place / "alive").read_text(encoding="utf-8")
            except OSError:
                told = ""
            if told and told != beat:
                beat, since = told, time.monotonic()
            if time.monotonic() - since > patience_seconds:
                raise RuntimeError(f"the client that was to take batch {number} is gone")
            time.sleep(0.05)

    return hand_over

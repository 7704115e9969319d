"""What was answered, as Parquet segments beside the workspace: written by a thread, and never waited for.

A turn of the loop makes a Delta table of the segments. A segment is whole, or it is not there.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.prediction_id import prediction_id_of
from lakeloop.serving.predictor import PREDICTION_TS, Row, TableFeatures
from lakeloop.serving.served import Scores, Served

SEGMENT_ROWS = 5_000
_INSTANT = pa.timestamp("us", "UTC")
_FIXED = frozenset({"request_id", "prediction_id", PREDICTION_TS, "received_ts", "model_name", "model_version"})
_FIXED |= {"bundle_id", "score", "predicted_class", "class_scores"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered:
    """Rows that were answered together, of one request or of several.

    Attributes:
        served: What answered.
        request_ids: Per row its request's id.
        received_micros: Per row when its request came.
        rows: The rows.
        instants: Per row its `prediction_ts`, microseconds since the epoch.
        features: Per table what was looked up.
        scores: What the model said.
    """

    served: Served
    request_ids: Sequence[str]
    received_micros: Sequence[int]
    rows: Sequence[Row]
    instants: Sequence[int]
    features: Sequence[TableFeatures]
    scores: Scores


def lay_together(answered: Sequence[Answered]) -> list[Answered]:
    """Lay what was answered by the same bundle and the same state of the store together.

    To make a table costs much more than a row: a thread that made one for every request would keep the others waiting.

    Args:
        answered: In the order in which it was answered.

    Returns:
        The same rows, in their order among those that are together.

    >>> from tests.serving.factories import answer_one
    >>> one = answer_one()
    >>> [len(each.rows) for each in lay_together([one, one, answer_one()])]  # another server
    [2, 1]
    """
    together: dict[tuple[int, ...], list[Answered]] = {}
    for each in answered:
        together.setdefault((id(each.served), *(id(table.layout) for table in each.features)), []).append(each)
    return [_lay(each) for each in together.values()]


def _lay(parts: Sequence[Answered]) -> Answered:
    first = parts[0]
    if len(parts) == 1:
        return first
    classes = [each.scores.predicted_class for each in parts if each.scores.predicted_class is not None]
    shares = [each.scores.class_scores for each in parts if each.scores.class_scores is not None]
    return Answered(
        first.served,
        [each for part in parts for each in part.request_ids],
        [each for part in parts for each in part.received_micros],
        [each for part in parts for each in part.rows],
        [each for part in parts for each in part.instants],
        [
            TableFeatures(
                table.layout,
                tuple(each for part in parts for each in part.features[place].statuses),
                tuple(each for part in parts for each in part.features[place].values),
            )
            for place, table in enumerate(first.features)
        ],
        Scores(
            np.concatenate([part.scores.score for part in parts]),
            tuple(name for part in classes for name in part) if classes else None,
            np.concatenate(shares) if shares else None,
        ),
    )


def as_table(answered: Answered) -> pa.Table:
    """Lay rows out as the log keeps them.

    Args:
        answered: The rows.

    Returns:
        One row per row: ids, times, model, score, the request's columns, then per table its features,
        `<table>__status` and `<table>__built_through`. A column of the request that is called like one of the log's is
        `row__<name>`.

    >>> from tests.serving.factories import answer_one
    >>> as_table(answer_one()).column_names[:4]
    ['request_id', 'prediction_id', 'prediction_ts', 'received_ts']
    """
    plan, bundle, rows = answered.served.plan, answered.served.bundle, answered.rows
    types = {name: kind.name for name, kind in plan.kinds.items()}
    ids = [
        prediction_id_of({**row, PREDICTION_TS: instant}, bundle.id_columns, types)
        for row, instant in zip(rows, answered.instants, strict=True)
    ]
    count, scores = len(rows), answered.scores
    class_scores = None if scores.class_scores is None else scores.class_scores.tolist()
    made: dict[str, pa.Array] = {
        "request_id": pa.array(answered.request_ids, pa.string()),
        "prediction_id": pa.array(ids, pa.string()),
        PREDICTION_TS: pa.array(answered.instants, _INSTANT),
        "received_ts": pa.array(answered.received_micros, _INSTANT),
        "model_name": pa.array([bundle.model] * count, pa.string()),
        "model_version": pa.array([bundle.version] * count, pa.string()),
        "bundle_id": pa.array([bundle.bundle_id] * count, pa.string()),
        "score": pa.array(scores.score, pa.float64()),
        "predicted_class": pa.array(scores.predicted_class or [None] * count, pa.string()),
        "class_scores": pa.array(class_scores or [None] * count, pa.list_(pa.float64())),
    }
    for name, kind in plan.kinds.items():
        if name != PREDICTION_TS:
            written = f"row__{name}" if name in _FIXED else name
            made[written] = _column([row.get(name) for row in rows], kind.arrow)
    for table in answered.features:
        declared, layout = table.layout.declared, table.layout
        for place, (name, kind) in enumerate(zip(declared.features, layout.kinds, strict=True)):
            values = [None if of_row is None else of_row[place] for of_row in table.values]
            made[f"{declared.table}__{name}"] = _column(values, kind.arrow)
        made[f"{declared.table}__status"] = pa.array([each.value for each in table.statuses], pa.string())
        made[f"{declared.table}__built_through"] = pa.array([layout.built_micros] * count, _INSTANT)
    return pa.table(made)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_date(kind):
        return pa.array([None if each is None else date.fromisoformat(each) for each in values], kind)
    return pa.array(values, kind)


class RequestLog:
    """Keeps what was answered until a thread has written it.

    Args:
        folder: Where segments go; `<workspace>/request_log/<model>`.
        max_rows: Rows that wait; what comes beyond them is dropped and counted.
        every_seconds: How often it is written, unless many rows wait.
        metrics: What counts it.

    Example:
    >>> import tempfile
    >>> from tests.serving.factories import answer_one
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = RequestLog(Path(folder), max_rows=10, every_seconds=60, metrics=ServeMetrics())
    ...     log.offer(answer_one())
    ...     log.close(), [len(pq.read_table(segment)) for segment in Path(folder).glob("*.parquet")]
    (True, [1])
    """

    def __init__(self, folder: Path, *, max_rows: int, every_seconds: float, metrics: ServeMetrics) -> None:
        self._folder, self._max_rows, self._every, self._metrics = folder, max_rows, every_seconds, metrics
        self._waiting: deque[Answered] = deque()
        self._rows = 0
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._is_closing = False
        self._told = 0.0
        self._thread = threading.Thread(target=self._work, name="request log", daemon=True)
        self._thread.start()

    def offer(self, answered: Answered) -> None:
        """Take rows, or drop and count them when too many wait."""
        count = len(answered.rows)
        with self._guard:
            is_taken = self._rows + count <= self._max_rows and not self._is_closing
            if is_taken:
                self._waiting.append(answered)
                self._rows += count
            waiting = self._rows
        if not is_taken:
            self._drop(count, "full", f"{waiting} rows wait already")
        elif waiting >= min(SEGMENT_ROWS, self._max_rows // 2):
            self._wake.set()

    def depth(self) -> int:
        """Rows that wait."""
        return self._rows

    def close(self, timeout_seconds: float | None = None) -> bool:
        """Write what waits; tells whether it was done in time."""
        with self._guard:
            self._is_closing = True
        self._wake.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._is_closing:
            self._wake.wait(self._every)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while True:
            taken: list[Answered] = []
            with self._guard:
                rows = 0
                while self._waiting and rows < SEGMENT_ROWS:
                    taken.append(self._waiting.popleft())
                    rows += len(taken[-1].rows)
            if not taken:
                return
            try:
                self._write(taken)
            except Exception as failure:  # noqa: BLE001 - a log that cannot be written stops no answer
                self._drop(rows, "failed", f"{type(failure).__name__} while a segment was written")
            with self._guard:
                self._rows -= rows

    def _write(self, taken: Sequence[Answered]) -> None:
        by_schema: dict[pa.Schema, list[pa.Table]] = {}
        for each in lay_together(taken):
            table = as_table(each)
            by_schema.setdefault(table.schema, []).append(table)
        self._folder.mkdir(parents=True, exist_ok=True)
        for tables in by_schema.values():
            name = uuid.uuid4().hex
            part = self._folder / f".{name}.part"
            joined = pa.concat_tables(tables)
            pq.write_table(joined, part)
            part.replace(self._folder / f"{name}.parquet")
            self._metrics.log_written.inc(joined.num_rows)

    def _drop(self, rows: int, reason: str, why: str) -> None:
        self._metrics.log_dropped.labels(reason).inc(rows)
        now = time.monotonic()
        if now - self._told > self._every:  # once in a while: a log of what is not logged fills a disk, too
            self._told = now
            _log.warning("request log: rows are dropped: %s; lakeloop_log_rows_dropped_total counts them", why)

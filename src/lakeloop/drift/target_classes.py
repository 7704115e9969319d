"""The target of several classes: their shares, judged as those of a category column are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.reference import Reference
from lakeloop.drift.targets import TargetDay
from lakeloop.drift.verdicts import ColumnVerdict, judge_window

LABEL_COLUMN = "label"
"""Name under which the verdict on the label is recorded."""


def judge_classes(
    reference: Reference, window: Sequence[TargetDay], classes: Sequence[str], monitor: Monitor, *, seed: int
) -> ColumnVerdict:
    """Judge whether the shares of the classes in a window differ from the reference's.

    The statistic and its threshold, from the reference's own stretches of days, are those of a category column; the
    label is one family of its own, so that the whole level is its.

    Args:
        reference: What the champion was accepted on, with the labels of its closed days.
        window: Closed days of the window.
        classes: Classes in the declared order.
        monitor: How scored data is compared.
        seed: Seed of the resampling.

    Returns:
        The verdict on `label`: EMPTY_WINDOW without labels in the window; TOO_FEW_ROWS, TOO_FEW_BLOCKS and
        INSUFFICIENT_REFERENCE as of any column.

    >>> from datetime import UTC, date, datetime, timedelta
    >>> from lakeloop.config.metric import Task
    >>> def count(first, days, rows):
    ...     return [TargetDay(first + timedelta(days=day), sum(rows), 0.0, rows) for day in range(days)]
    >>> trained, before = datetime(2013, 4, 2, tzinfo=UTC), count(date(2013, 1, 1), 90, (60, 30, 10))
    >>> reference = Reference("late", Task.MULTICLASS, trained, (), (), {}, {}, targets=tuple(before))
    >>> week = count(date(2013, 4, 2), 7, (30, 60, 10))
    >>> verdict = judge_classes(reference, week, ["in_time", "late", "lost"], Monitor(), seed=0)
    >>> verdict.statistic, round(verdict.value, 4), verdict.verdict.value
    ('total_variation', 0.3, 'DRIFT')
    """
    bins = ColumnBins(LABEL_COLUMN, "category", categories=tuple(classes))
    days = sorted((day for day in reference.targets if day.rows), key=lambda day: day.block)
    table = np.zeros((len(days), bins.n_bins), dtype=np.int64)
    if days:
        table[:, : len(classes)] = [day.class_rows for day in days]
    totals: dict[str, npt.NDArray[np.float64]] = {LABEL_COLUMN: np.zeros(len(days))}
    counted = {LABEL_COLUMN: table} if days else {}
    blocks = tuple(day.block for day in days)
    known = Reference(reference.model, reference.task, reference.trained_through, (bins,), blocks, counted, totals)
    cells = [
        {"block": day.block, "column": LABEL_COLUMN, "bin": place, "rows": rows, "total": 0.0}
        for day in window
        for place, rows in enumerate(day.class_rows)
        if rows
    ]
    counts = pa.Table.from_pylist(cells, schema=COUNTS_SCHEMA)
    (verdict,) = judge_window(known, counts, [LABEL_COLUMN], {}, monitor, seed=seed)
    return verdict

"""How often planted changes are flagged, and with which window."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.monitor_data import MonitorData, count_days
from benchmarks.monitor_planted import JOIN, MASS, PLANTED, UNIT, Planted
from benchmarks.monitor_windows import Block, Counted, counts_of, flagged_after, make_reference
from lakeloop.config.monitor import Persistence
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.counts import lay_out_daily
from lakeloop.drift.missing import compare_missing
from lakeloop.drift.reference import Reference
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.runs.alarms import is_broken
from lakeloop.statuses import Role, Verdict


@dataclass(frozen=True)
class Detected:
    """What became of one planted change.

    Attributes:
        kind: Name of the change.
        subject: Column, or table of a join.
        role: Role of the column; a join's is regime.
        amount: How much.
        first: First day of the block.
        alarms: Whether each window alarmed; None where it was not judged.
        flagged_after: Number of the window that raised the flag, the first with the change being 1; None when none did.
        statistics: Value over threshold of each window, 0 where it was not judged; of a join the greatest.
    """

    kind: str
    subject: str
    role: str
    amount: float
    first: int
    alarms: tuple[bool | None, ...]
    flagged_after: int | None
    statistics: tuple[float, ...]


def changes_for(data: MonitorData, bins: Sequence[ColumnBins]) -> Iterator[tuple[Planted, float, str, tuple[str, ...]]]:
    """List what is planted: change, amount, subject, and its columns. What cannot raise a flag is left out."""
    kinds, judged = {each.name: each.kind for each in bins}, data.judged()
    for planted in PLANTED:
        if planted.name == UNIT:
            subjects = [(data.unit, (data.unit,))]
        elif planted.name == JOIN:
            subjects = [(table, columns) for table, columns in data.joins.items() if set(columns) <= set(judged)]
        else:
            subjects = [(name, (name,)) for name in judged if planted.kind in ("any", kinds[name])]
        for amount in planted.amounts or (data.unit_factor,):
            for subject, columns in subjects:
                yield planted, amount, subject, columns


def detect(counted: Counted, block: Block, *, seed: int) -> list[Detected]:
    """Plant every change on all windows of a block, each by itself, and judge the changed columns.

    One column is judged by itself at its share of the level, which is what it is judged at among all. A contract column
    is flagged by its statistic or by its missing share.

    Args:
        counted: The data set.
        block: Windows and reference.
        seed: Seed of what is planted where, and of the resampling.

    Returns:
        What became of each.
    """
    data = counted.data
    own_days = data.day_numbers
    inside = np.flatnonzero(np.isin(own_days, np.concatenate(block.windows)))
    rows, days = data.frame.iloc[inside], own_days[inside]
    reference_rows = data.frame.iloc[np.flatnonzero(np.isin(own_days, block.reference))]
    whole = make_reference(counted.bins, counted.daily, block.reference)
    references = {each.name: _of_column(whole, each) for each in counted.bins}
    found = []
    for planted, amount, subject, columns in changes_for(data, counted.bins):
        if not set(columns) <= set(counted.looked_at):
            continue
        if planted.name == MASS and rows[subject].nunique() < 2:
            continue
        number = zlib.crc32(f"{planted.name} {subject}".encode())
        histories: list[list[_Judged]] = []
        for name in columns:
            rng = np.random.default_rng([seed, block.first, number])  # a join's columns lose the same rows
            changed = rows[[name]].assign(**{name: planted.change(rows[name], reference_rows[name], amount, rng)})
            histories.append(list(_judge_alone(data, references[name], changed, days, block.windows, seed)))
        raised = [after for history in histories for after in _flags_of(history, data.monitor.persistence)]
        windows = list(zip(*histories, strict=True))
        found.append(
            Detected(
                planted.name,
                subject,
                data.roles.get(subject, Role.REGIME).value,
                amount,
                block.first,
                tuple(_any_of([said for each in window for said in (each.alarm, each.broken)]) for window in windows),
                min(raised, default=None),
                tuple(max(each.statistic for each in window) for window in windows),
            )
        )
    return found


def _any_of(said: Sequence[bool | None]) -> bool | None:
    return None if all(each is None for each in said) else any(said)


def _flags_of(history: Sequence[_Judged], rule: Persistence) -> list[int]:
    """Windows that raise a flag of drift or of quality: each kind has to persist by itself."""
    kinds = ([each.alarm for each in history], [each.broken for each in history])
    return [after for after in (flagged_after(said, rule) for said in kinds) if after is not None]


def _of_column(reference: Reference, bins: ColumnBins) -> Reference:
    counts = {name: table for name, table in reference.counts.items() if name == bins.name}
    return Reference(reference.model, reference.task, reference.trained_through, (bins,), reference.blocks, counts, {})


@dataclass(frozen=True)
class _Judged:
    """What a window says of one column.

    Attributes:
        alarm: Whether it drifts; None where it was not judged.
        broken: Whether a contract column is gone, or more of it is missing; None where that is not told.
        statistic: Value over threshold; 0 where it was not judged.
    """

    alarm: bool | None
    broken: bool | None
    statistic: float


def _judge_alone(
    data: MonitorData,
    reference: Reference,
    changed: pd.DataFrame,
    days: NDArray[np.int64],
    windows: Sequence[NDArray[np.int64]],
    seed: int,
) -> Iterator[_Judged]:
    """Judge one column by itself at its share of the level, which is what it is judged at among all."""
    (bins,) = reference.bins
    role = data.roles.get(bins.name, Role.REGIME)
    monitor = data.monitor.model_copy(update={"level": data.monitor.level / len(data.judged())})
    daily = count_days(changed, reference.bins, days, int(days[-1]) + 1)
    for window in windows:
        held = window[window <= days[-1]]
        counts = counts_of(reference.bins, daily, held)
        (verdict,) = judge_window(reference, counts, [bins.name], {bins.name: role}, monitor, seed=seed)
        broken = None
        if role is Role.CONTRACT:
            broken = is_broken(verdict.status, missing_alone(data, reference, counts, verdict, seed))
        if verdict.value is None or verdict.threshold is None:
            yield _Judged(None, broken, 0.0)
        else:
            yield _Judged(verdict.verdict is Verdict.DRIFT, broken, verdict.value / verdict.threshold)


def missing_alone(
    data: MonitorData, reference: Reference, counts: pa.Table, verdict: ColumnVerdict, seed: int
) -> dict[str, Any]:
    """Judge the missing share of one contract column at its share of that family's level.

    Args:
        data: The data set.
        reference: The reference, of this column alone.
        counts: The window's counts.
        verdict: What was said of the column by itself.
        seed: Seed of the resampling.

    Returns:
        What the evidence among all columns holds; empty where the missing share is not judged.
    """
    if verdict.missing is None or verdict.missing.threshold is None:
        return {}
    (bins,) = reference.bins
    window = lay_out_daily(counts, reference.bins)
    column = ColumnCounts.of(reference, window, bins)
    rule = data.monitor.persistence
    level = data.monitor.level / len(data.contract())
    found = compare_missing(
        column, stretch_days=len(window.blocks), level=level, seed=seed, hits=rule.hits, windows=rule.windows
    )
    return found.to_dict()

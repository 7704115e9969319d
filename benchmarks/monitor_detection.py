"""How often planted changes are flagged, and with which window."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_data import MonitorData, count_days
from benchmarks.monitor_planted import JOIN, MASS, PLANTED, UNIT, Planted
from benchmarks.monitor_windows import Block, Counted, counts_of, flagged_after, make_reference
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.reference import Reference
from lakeloop.drift.verdicts import judge_window
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

    One column is judged by itself at its share of the level, which is what it is judged at among all.

    Args:
        counted: The data set.
        block: Windows and reference.
        seed: Seed of what is planted where, and of the resampling.

    Returns:
        What became of each.
    """
    data = counted.data
    own_days = data.day_numbers
    monitor = data.monitor.model_copy(update={"level": data.monitor.level / len(data.judged())})
    inside = np.flatnonzero(np.isin(own_days, np.concatenate(block.windows)))
    rows, days = data.frame.iloc[inside], own_days[inside]
    reference_rows = data.frame.iloc[np.flatnonzero(np.isin(own_days, block.reference))]
    whole = make_reference(counted.bins, counted.daily, block.reference)
    references = {each.name: _of_column(whole, each) for each in counted.bins}
    found = []
    for planted, amount, subject, columns in changes_for(data, counted.bins):
        if planted.name == MASS and rows[subject].nunique() < 2:
            continue
        number = zlib.crc32(f"{planted.name} {subject}".encode())
        verdicts: list[list[tuple[bool | None, float]]] = [[] for _ in block.windows]
        for name in columns:
            rng = np.random.default_rng([seed, block.first, number])  # a join's columns lose the same rows
            changed = rows[[name]].assign(**{name: planted.change(rows[name], reference_rows[name], amount, rng)})
            role = data.roles.get(name, Role.REGIME)
            for place, judged in enumerate(
                _judge_alone(references[name], changed, days, block.windows, role, monitor, seed)
            ):
                verdicts[place].append(judged)
        alarms = [[alarm for alarm, _ in window] for window in verdicts]
        of_columns = [flagged_after(history, data.monitor.persistence) for history in zip(*alarms, strict=True)]
        raised = [after for after in of_columns if after is not None]
        found.append(
            Detected(
                planted.name,
                subject,
                data.roles.get(subject, Role.REGIME).value,
                amount,
                block.first,
                tuple(None if all(each is None for each in window) else any(window) for window in alarms),
                min(raised, default=None),
                tuple(max(value for _, value in window) for window in verdicts),
            )
        )
    return found


def _of_column(reference: Reference, bins: ColumnBins) -> Reference:
    counts = {name: table for name, table in reference.counts.items() if name == bins.name}
    return Reference(reference.model, reference.task, reference.trained_through, (bins,), reference.blocks, counts, {})


def _judge_alone(
    reference: Reference,
    changed: object,
    days: NDArray[np.int64],
    windows: Sequence[NDArray[np.int64]],
    role: Role,
    monitor: object,
    seed: int,
) -> Iterator[tuple[bool | None, float]]:
    (bins,) = reference.bins
    daily = count_days(changed, reference.bins, days, int(days[-1]) + 1)
    for window in windows:
        held = window[window <= days[-1]]
        counts = counts_of(reference.bins, daily, held)
        (verdict,) = judge_window(reference, counts, [bins.name], {bins.name: role}, monitor, seed=seed)
        if verdict.value is None or verdict.threshold is None:
            yield None, 0.0
        else:
            yield verdict.verdict is Verdict.DRIFT, verdict.value / verdict.threshold

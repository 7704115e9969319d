"""Windows of one data set judged by lakeloop's own functions, from counts made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.monitor_data import MonitorData, count_days, freeze_bins, place_rows
from lakeloop.config.metric import Task
from lakeloop.config.monitor import Persistence
from lakeloop.decisions.flags import persistent
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.performance import measure_performance
from lakeloop.drift.reference import Reference
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.runs.alarms import is_broken
from lakeloop.statuses import Role, Verdict

Daily = Mapping[str, NDArray[np.int64]]
"""Column -> rows per day and bin, shape (n_days, n_bins), a day for every date from the first to the last."""

_EPOCH = date(1970, 1, 1)
BIAS, AS_SCORED = "bias", "bias as scored"
"""Bias with that of the reference's days taken off, and without."""


def quality_of(column: str) -> str:
    """Name the subject of a contract column's flag of quality: it is gone, or more of it is missing.

    >>> quality_of("distance")
    'quality of distance'
    """
    return f"quality of {column}"


@dataclass(frozen=True, eq=False)
class Scored:
    """Sums per day over rows that have a score and an outcome, shape (n_days,) each."""

    rows: NDArray[np.float64]
    scores: NDArray[np.float64]
    outcomes: NDArray[np.float64]

    @classmethod
    def of(cls, data: MonitorData, day_of_row: NDArray[np.int64] | None = None) -> Scored:
        """Sum by day; by other days than the rows' own where they are given."""
        known = ~np.isnan(data.score) & ~np.isnan(data.label)
        days = (data.day_numbers if day_of_row is None else day_of_row)[known]
        sums = [
            np.bincount(days, weights=values[known], minlength=data.n_days)
            for values in (np.ones(len(known)), data.score, data.label)
        ]
        return cls(*sums)


@dataclass(frozen=True, eq=False)
class Counted:
    """A data set, counted once.

    Attributes:
        data: The rows.
        bins: Bins frozen on its first days, one entry per column.
        placed: Column -> bin of each row, shape (n_rows,).
        daily: Rows per day and bin.
        scored: Scores and outcomes per day.
        role: Role whose columns alone are looked at, at their share of the level among all; None for all.
    """

    data: MonitorData
    bins: tuple[ColumnBins, ...]
    placed: Mapping[str, NDArray[np.int64]]
    daily: Daily
    scored: Scored
    role: Role | None = None

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Columns that are looked at among those that can raise a flag."""
        roles = self.data.roles
        return tuple(name for name in self.data.judged() if self.role in (None, roles.get(name, Role.REGIME)))

    @property
    def bins_used(self) -> tuple[ColumnBins, ...]:
        """Bins of the columns that are looked at; without a role those of all columns."""
        return self.bins if self.role is None else tuple(each for each in self.bins if each.name in self.looked_at)

    def shuffled(self, day_of_row: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[Daily, Scored]:
        """Count again with rows on other days; rows that are not named are left out."""
        days, n_days = day_of_row[rows], self.data.n_days
        daily = {
            each.name: np.bincount(
                days * each.n_bins + self.placed[each.name][rows], minlength=n_days * each.n_bins
            ).reshape(n_days, each.n_bins)
            for each in self.bins_used
        }
        everywhere = np.full(len(day_of_row), n_days)
        everywhere[rows] = days
        sums = Scored.of(self.data, everywhere)
        return daily, Scored(*(each[:n_days] for each in (sums.rows, sums.scores, sums.outcomes)))


def count_once(data: MonitorData) -> Counted:
    """Freeze bins on the first days and count all rows with them."""
    bins = freeze_bins(data)
    daily = count_days(data.frame, bins, data.day_numbers, data.n_days)
    return Counted(data, bins, place_rows(data.frame, bins), daily, Scored.of(data))


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive windows and the days they are compared with.

    Attributes:
        reference: Numbers of the reference's days, ascending.
        windows: Numbers of each window's days.
    """

    reference: NDArray[np.int64]
    windows: tuple[NDArray[np.int64], ...]

    @property
    def first(self) -> int:
        """First day of the first window."""
        return int(self.windows[0][0])

    @property
    def days(self) -> int:
        """Days of all windows."""
        return sum(map(len, self.windows))


def blocks_left_out(n_days: int, window: int, windows: int, reference: int) -> list[Block]:
    """Leave each stretch of days out of the nearest ones in turn: a start on every day.

    Args:
        n_days: Days there are.
        window: Days of a window.
        windows: Windows of a block, one behind the other.
        reference: Days of a reference, as many before the block as after it where the data allow it.

    Returns:
        The blocks by start.

    >>> block = blocks_left_out(10, 1, 2, 4)[3]
    >>> block.reference.tolist(), [days.tolist() for days in block.windows]
    ([1, 2, 5, 6], [[3], [4]])
    """
    length = window * windows
    found = []
    for start in range(n_days - length + 1):
        first = min(max(start - reference // 2, 0), n_days - length - reference)
        days = np.arange(first, first + reference + length)
        out = (days >= start) & (days < start + length)
        found.append(Block(days[~out], _windows(start, window, windows)))
    return found


def blocks_after(n_days: int, window: int, windows: int, reference: int, gap: int) -> list[Block]:
    """Put windows behind a reference, as they come when a model serves: a start on every day.

    Args:
        n_days: Days there are.
        window: Days of a window.
        windows: Windows of a block, one behind the other.
        reference: Days of a reference.
        gap: Days between the reference and the first window.

    Returns:
        The blocks by start.

    >>> block = blocks_after(10, 1, 2, 4, 3)[1]
    >>> block.reference.tolist(), [days.tolist() for days in block.windows]
    ([1, 2, 3, 4], [[8], [9]])
    """
    return [
        Block(np.arange(first, first + reference), _windows(first + reference + gap, window, windows))
        for first in range(n_days - reference - gap - window * windows + 1)
    ]


def _windows(start: int, window: int, windows: int) -> tuple[NDArray[np.int64], ...]:
    return tuple(np.arange(start + number * window, start + (number + 1) * window) for number in range(windows))


def make_reference(bins: Sequence[ColumnBins], daily: Daily, days: NDArray[np.int64]) -> Reference:
    """Build the reference of some days; days without rows are no blocks of it."""
    filled = days[np.max([daily[each.name][days].sum(axis=1) for each in bins], axis=0) > 0]
    return Reference(
        model="benchmark",
        task=Task.CLASSIFICATION,
        trained_through=datetime(1970, 1, 1, tzinfo=UTC),
        bins=tuple(bins),
        blocks=tuple(_EPOCH + timedelta(days=int(day)) for day in filled),
        counts={each.name: daily[each.name][filled] for each in bins if daily[each.name][filled].any()},
        totals={},
    )


def counts_of(bins: Sequence[ColumnBins], daily: Daily, days: NDArray[np.int64]) -> pa.Table:
    """Give the counts of some days as the monitor reads them."""
    parts = []
    for each in bins:
        table = daily[each.name][days]
        day, place = np.nonzero(table)
        parts.append((each.name, days[day], place, table[day, place]))
    lengths = [len(place) for _, _, place, _ in parts]
    return pa.table(
        {
            "block": pa.array(np.concatenate([part[1] for part in parts]).astype(np.int32)).cast(pa.date32()),
            "column": pa.array(np.repeat([part[0] for part in parts], lengths), pa.string()),
            "bin": np.concatenate([part[2] for part in parts]).astype(np.int32),
            "rows": np.concatenate([part[3] for part in parts]).astype(np.int64),
            "total": np.zeros(sum(lengths)),
        },
        schema=COUNTS_SCHEMA,
    )


def judge_columns(
    counted: Counted, daily: Daily, reference: Reference, days: NDArray[np.int64], seed: int
) -> tuple[ColumnVerdict, ...]:
    """Judge the columns of one window that can raise a flag.

    Where some are left out, verdict and missing share are judged apart, because each has its own family: a column by
    itself at its share of the level is judged as it is among all.
    """
    data, columns = counted.data, counted.looked_at
    counts = counts_of([each for each in reference.bins if each.name in columns], daily, days)
    found = judge_window(reference, counts, columns, data.roles, data.monitor, seed=seed)
    if len(columns) == len(data.judged()):
        return found
    share = data.monitor.level * len(columns) / len(data.judged())
    monitor = data.monitor.model_copy(update={"level": share})
    judged = judge_window(reference, counts, columns, data.roles, monitor, seed=seed)
    return tuple(replace(each, missing=whole.missing) for each, whole in zip(judged, found, strict=True))


def measure_bias(data: MonitorData, scored: Scored, days: NDArray[np.int64], off: float, seed: int) -> bool | None:
    """Tell whether a window alarms of bias.

    Args:
        data: The data set.
        scored: Scores and outcomes per day.
        days: Days of the window.
        off: What is taken off every score first.
        seed: Seed of the resampling.

    Returns:
        What `Performance.exceeds_bias` says; None where there is nothing to say it of.
    """
    cells = []
    for day in days[scored.rows[days] > 0]:
        rows, right = scored.rows[day], scored.outcomes[day]
        total = scored.scores[day] - off * rows
        # Two cells of a day, one per label: only their sums count towards the bias.
        for label, some in ((0.0, rows - right), (1.0, right)):
            share = some / rows
            cells.append((_EPOCH + timedelta(days=int(day)), 0, label, int(some), total * share, 0.0, 0.0))
    names = ("block", "score_bin", "label", "rows", "sum_score", "sum_loss", "sum_baseline_loss")
    if not cells:
        return None
    outcomes = pa.table(dict(zip(names, map(list, zip(*cells, strict=True)), strict=True)))
    performance = measure_performance(outcomes, Task.CLASSIFICATION, level=data.monitor.level, seed=seed)
    return performance.exceeds_bias(data.bias_limit)


def bias_of(scored: Scored, days: NDArray[np.int64]) -> float | None:
    """Mean score minus mean outcome over some days; None unless half of them were scored."""
    rows = scored.rows[days]
    if 2 * np.count_nonzero(rows) < len(days):
        return None
    return float((scored.scores[days].sum() - scored.outcomes[days].sum()) / rows.sum())


@dataclass(frozen=True)
class JudgedBlock:
    """What the windows of a block said.

    Attributes:
        first: First day of the first window.
        alarms: Subject -> whether each window alarmed; None where it was not judged. Subjects are columns, quality of
            contract columns and, where the days were scored, bias.
        flagged: Subjects whose last windows agree, by the declared rule.
    """

    first: int
    alarms: Mapping[str, tuple[bool | None, ...]]
    flagged: frozenset[str]

    def flags(self, subjects: Sequence[str]) -> bool:
        """Tell whether any of these subjects is flagged."""
        return any(each in self.flagged for each in subjects)


def judge_block(
    counted: Counted, block: Block, *, seed: int, daily: Daily | None = None, scored: Scored | None = None
) -> JudgedBlock:
    """Judge the windows of a block, one after the other, and apply the rule of persistence.

    The bias of the reference's days is taken off the scores first, as a recalibration on them would; without that
    ("as scored") it is the model that is judged, not the false alarms.

    Args:
        counted: The data set.
        block: Windows and reference.
        seed: Seed of the resampling.
        daily: Other counts than the data set's own.
        scored: Other sums of scores and outcomes.

    Returns:
        Alarms and flags.
    """
    daily, scored = daily or counted.daily, scored or counted.scored
    data = counted.data
    reference = make_reference(counted.bins_used, daily, block.reference)
    off = bias_of(scored, block.reference)
    corrections = {} if off is None else {BIAS: off, AS_SCORED: 0.0}
    watched = [name for name in data.contract() if name in counted.looked_at]
    subjects = (*counted.looked_at, *map(quality_of, watched), *corrections)
    alarms: dict[str, list[bool | None]] = {name: [] for name in subjects}
    for days in block.windows:
        for verdict in judge_columns(counted, daily, reference, days, seed):
            if verdict.role is not Role.SEASONAL:
                unknown = verdict.verdict is Verdict.UNKNOWN
                alarms[verdict.column].append(None if unknown else verdict.verdict is Verdict.DRIFT)
            if verdict.role is Role.CONTRACT:
                missing = {} if verdict.missing is None else verdict.missing.to_dict()
                alarms[quality_of(verdict.column)].append(is_broken(verdict.status, missing))
        for name, taken_off in corrections.items():
            alarms[name].append(measure_bias(data, scored, days, taken_off, seed))
    rule = data.monitor.persistence
    flagged = frozenset(name for name, history in alarms.items() if persistent(history, rule))
    return JudgedBlock(block.first, {name: tuple(history) for name, history in alarms.items()}, flagged)


def flagged_after(history: Sequence[bool | None], rule: Persistence) -> int | None:
    """Number of the window with which a flag is raised, the first being 1; None when none is.

    >>> rule = Persistence(hits=2, windows=3)
    >>> flagged_after([True, False, True], rule), flagged_after([True, False, False], rule)
    (3, None)
    """
    raised = (number for number in range(1, len(history) + 1) if persistent(history[:number], rule))
    return next(raised, None)


def random_splits(
    counted: Counted, splits: int, *, whole_days: bool, seed: int, tell: Callable[[str], None]
) -> list[JudgedBlock]:
    """Split real rows at random into a reference and the windows behind it, so that nothing drifts.

    Each split takes the rows of a stretch of days that is as long as a reference and its windows, and gives them to the
    days of that stretch at random: each row by itself, days keeping their numbers of rows, or whole days.

    Args:
        counted: The data set.
        splits: Number of splits.
        whole_days: Whether whole days change places, so that rows of a day stay together.
        seed: Seed of the stretches and of what goes where.
        tell: Told how far it is.

    Returns:
        What the windows of each split said.
    """
    data, rng = counted.data, np.random.default_rng(seed)
    monitor = data.monitor
    reference, window, windows = monitor.reference.days, monitor.window.days, monitor.persistence.windows
    length = reference + window * windows
    own_days = data.day_numbers
    found = []
    for number in range(splits):
        first = int(rng.integers(data.n_days - length + 1))
        block = Block(np.arange(first, first + reference), _windows(first + reference, window, windows))
        rows = np.flatnonzero((own_days >= first) & (own_days < first + length))
        day_of_row = own_days.copy()
        if whole_days:
            filled = np.unique(own_days[rows])
            goes_to = np.arange(data.n_days)
            goes_to[filled] = rng.permutation(filled)
            day_of_row = goes_to[own_days]
        else:
            day_of_row[rows] = rng.permutation(own_days[rows])
        daily, scored = counted.shuffled(day_of_row, rows)
        found.append(judge_block(counted, block, seed=number, daily=daily, scored=scored))
        if (number + 1) % 100 == 0:
            tell(f"{number + 1} of {splits} splits")
    return found

"""How a model did in slices of its closed days: the declared ones, and the worst that a search among all bins finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.drift.intervals import MIN_BLOCKS, Interval, resample_ratios, spread_interval
from lakeloop.drift.slicing import Slicing
from lakeloop.statuses import Status

WORST = 3
"""Slices that the search tells at most."""

_ROUNDING = 1e-9
"""Bias that is nothing but the rounding of sums."""


@dataclass(frozen=True)
class SlicePerformance:
    """How a model did in one slice.

    Attributes:
        slice_key: Name of the slicing.
        slice_value: The slice.
        status: TOO_FEW_ROWS, TOO_FEW_BLOCKS (no interval then), or OK.
        rows: Matured rows.
        blocks: Days with matured rows.
        mean_score: Mean score; None with too few rows, and so are the others.
        mean_outcome: Mean label.
        skill: 1 - loss divided by the loss of the reference's constant; None where that is 0.
        interval: Interval of the bias, mean score minus mean outcome, from resampled days.
        rank: Place among the worst slices, from 1; None of one that is none of them.
    """

    slice_key: str
    slice_value: str
    status: Status
    rows: int
    blocks: int
    mean_score: float | None = None
    mean_outcome: float | None = None
    skill: float | None = None
    interval: Interval | None = None
    rank: int | None = None

    @property
    def name(self) -> tuple[str, str]:
        """Key and value."""
        return self.slice_key, self.slice_value

    @property
    def bias(self) -> float | None:
        """Mean score minus mean outcome."""
        return None if self.mean_score is None or self.mean_outcome is None else self.mean_score - self.mean_outcome

    @property
    def sure_bias(self) -> float:
        """How far the interval of the bias lies from 0; 0 where it holds it, or there is none."""
        return 0.0 if self.interval is None else max(self.interval.low, -self.interval.high, 0.0)


def measure_slice_performance(
    slicings: Sequence[Slicing], cells: pa.Table, *, declared: int, min_rows: int, level: float, seed: int
) -> tuple[SlicePerformance, ...]:
    """Measure the declared slices, and find the worst one among all.

    The worst slice is the one whose bias lies furthest from 0 beyond doubt: by the near end of its interval, at `level`
    shared by all slices that are looked at, so that where the model is right everywhere the search seldom names one.

    Args:
        slicings: How the rows were sliced, the declared ones first.
        cells: Rows of `SLICES_SCHEMA` of one window.
        declared: How many of the slicings are declared.
        min_rows: Rows below which a slice is not measured.
        level: Chance that the interval of a declared slice misses the truth, and that the search names any slice where
            none is biased.
        seed: Seed of the resampling of days.

    Returns:
        The declared slices that have rows, in order, then the worst of the others.

    Source: for the shared level Dunn, "Multiple Comparisons Among Means", 1961; for resampled days
    `lakeloop.drift.intervals`.

    >>> from datetime import date
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.outcome_counts import SLICES_SCHEMA
    >>> by_origin = Slicing("origin", ColumnBins("origin", "category", categories=("EWR", "JFK")))
    >>> cells = [
    ...     {"block": date(2013, 4, day), "slicing": 0, "slice": place, "rows": 100, "sum_score": 20.0,
    ...      "sum_label": [20.0, 40.0][place] + day % 2, "sum_loss": 50.0, "sum_baseline_loss": 60.0}
    ...     for day in range(1, 8) for place in (0, 1)
    ... ]
    >>> table = pa.Table.from_pylist(cells, schema=SLICES_SCHEMA)
    >>> found = measure_slice_performance([by_origin], table, declared=0, min_rows=50, level=0.05, seed=7)
    >>> [(each.slice_value, round(each.bias, 3), each.rank) for each in found]
    [('JFK', -0.206, 1)]
    """
    parts = [_Part(slicings[number], place, days, number < declared) for number, place, days in _groups(cells)]
    looked_at = sum(each.rows >= min_rows and each.blocks >= MIN_BLOCKS for each in parts)

    def measure(part: _Part, level: float) -> SlicePerformance:
        return _measure(part, min_rows=min_rows, level=level, seed=seed)

    searched = [(measure(each, level / max(looked_at, 1)), each) for each in parts]
    worst = sorted((each for each in searched if each[0].sure_bias > _ROUNDING), key=_furthest)[:WORST]
    ranks = {found.name: rank for rank, (found, _) in enumerate(worst, start=1)}
    told = [each for each in parts if each.is_declared]
    told += [part for _, part in worst if not part.is_declared]
    measured = [measure(each, level) for each in told]
    return tuple(replace(each, rank=ranks.get(each.name)) for each in measured)


@dataclass(frozen=True, eq=False)
class _Part:
    """The days of one slice."""

    slicing: Slicing
    place: int
    days: dict[str, npt.NDArray[np.float64]]
    is_declared: bool

    @property
    def rows(self) -> int:
        return int(self.days["rows"].sum())

    @property
    def blocks(self) -> int:
        return len(self.days["rows"])


def _furthest(searched: tuple[SlicePerformance, _Part]) -> tuple[float, tuple[str, str]]:
    found, _ = searched
    return (-found.sure_bias, found.name)


def _groups(cells: pa.Table) -> Iterator[tuple[int, int, dict[str, npt.NDArray[np.float64]]]]:
    """The days of every slice, by slicing and slice."""
    ordered = cells.sort_by([("slicing", "ascending"), ("slice", "ascending"), ("block", "ascending")])
    names = ("rows", "sum_score", "sum_label", "sum_loss", "sum_baseline_loss")
    columns = {name: ordered[name].cast(pa.float64()).to_numpy() for name in names}
    keys = np.stack([ordered[name].to_numpy() for name in ("slicing", "slice")], axis=1)
    if not len(keys):
        return
    starts = np.flatnonzero(np.any(np.diff(keys, axis=0) != 0, axis=1)) + 1
    for part in np.split(np.arange(len(keys)), starts):
        number, place = keys[part[0]].tolist()
        yield number, place, {name: values[part] for name, values in columns.items()}


def _measure(part: _Part, *, min_rows: int, level: float, seed: int) -> SlicePerformance:
    rows, blocks, days = part.rows, part.blocks, part.days
    name, value = part.slicing.name, part.slicing.bins.labels()[part.place]
    if rows < min_rows:
        return SlicePerformance(name, value, Status.TOO_FEW_ROWS, rows, blocks)
    total = {each: float(sums.sum()) for each, sums in days.items()}
    skill = 1 - total["sum_loss"] / total["sum_baseline_loss"] if total["sum_baseline_loss"] else None
    bias = (total["sum_score"] - total["sum_label"]) / rows
    interval = None
    if blocks >= MIN_BLOCKS:
        rng = np.random.default_rng([seed, part.place])
        drawn = resample_ratios(days["sum_score"] - days["sum_label"], days["rows"], rng)
        interval = spread_interval(bias, drawn, blocks, level)
    return SlicePerformance(
        name,
        value,
        Status.OK if interval is not None else Status.TOO_FEW_BLOCKS,
        rows,
        blocks,
        total["sum_score"] / rows,
        total["sum_label"] / rows,
        skill,
        interval,
    )

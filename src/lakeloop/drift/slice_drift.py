"""Drift within slices: recorded beside the verdicts on all rows, never judged, so that none raises a false alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.config.monitor import Monitor
from lakeloop.distances import find_distance
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.reference import Reference
from lakeloop.statuses import Status, Verdict


@dataclass(frozen=True)
class SliceDrift:
    """How far a column of a slice lies from the same slice of the reference.

    Attributes:
        slice_key: Name of the slicing.
        slice_value: The slice.
        column: The column.
        statistic: Name of the distance declared for its kind.
        value: The statistic; None when there was nothing to compute it from.
        status: OK, TOO_FEW_ROWS, ALL_NULL, CHANGED_TYPE, or INSUFFICIENT_REFERENCE: the reference has too few rows of
            the slice, or not what the distance needs, as of a slice the means of bins.
        rows: Rows of the slice in the window.
        reference_rows: Rows of the slice in the reference.
    """

    slice_key: str
    slice_value: str
    column: str
    statistic: str
    value: float | None
    status: Status
    rows: int
    reference_rows: int

    @property
    def verdict(self) -> Verdict:
        """RECORDED where there is a value."""
        return Verdict.UNKNOWN if self.value is None else Verdict.RECORDED


def measure_slices(reference: Reference, profiles: pa.Table, monitor: Monitor) -> tuple[SliceDrift, ...]:
    """Measure drift of every column in every slice that has rows.

    Args:
        reference: What the champion was accepted on.
        profiles: A window's rows of `PROFILES_SCHEMA`, one per slice and column.
        monitor: How scored data is compared.

    Returns:
        One entry per slice and column of the reference, in the order of `profiles`; not of the column that parts the
        rows.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.config.metric import Task
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> from lakeloop.drift.slicing import Slicing
    >>> origin = ColumnBins("origin", "category", categories=("EWR", "JFK"))
    >>> bins, by_origin = (origin, ColumnBins("distance", "number", edges=(500.0,))), Slicing("origin", origin)
    >>> trained = datetime(2013, 4, 1, tzinfo=UTC)
    >>> slices = {("origin", "JFK"): {"distance": np.array([50, 50, 0])}}
    >>> reference = Reference("late", Task.CLASSIFICATION, trained, bins, (), {}, {}, (), (by_origin,), slices)
    >>> profiler = DailyProfiler(ProfilePlan(bins, "UTC", "at", slicings=(by_origin,)))
    >>> profiler.add(pa.table({"at": [trained] * 4, "origin": ["JFK"] * 4, "distance": [100, 600, 700, 800]}))
    >>> (found,) = measure_slices(reference, profiler.profiles(), Monitor(min_rows=4, statistic={"number": "psi"}))
    >>> found.slice_value, found.column, round(found.value, 3)
    ('JFK', 'distance', 0.275)
    """
    bins = {each.name: each for each in reference.bins}
    parting = {each.name: each.bins.name for each in reference.slicings}
    found = profiles.filter(pc.is_valid(profiles["slice_key"]))
    names = ["slice_key", "slice_value", "column_name", "bins", "status"]
    return tuple(
        _measure(reference, bins[row["column_name"]], row, monitor)
        for row in found.select(names).to_pylist()
        if row["column_name"] in bins and parting.get(row["slice_key"]) != row["column_name"]
    )


def _measure(reference: Reference, bins: ColumnBins, row: Mapping[str, Any], monitor: Monitor) -> SliceDrift:
    distance = find_distance(monitor.statistic[bins.kind])
    key, value = row["slice_key"], row["slice_value"]
    counts = np.asarray(row["bins"], dtype=np.int64)
    expected = reference.slices.get((key, value), {}).get(bins.name, np.zeros(bins.n_bins, dtype=np.int64))
    status = Status(row["status"])
    if status is Status.OK and int(counts.sum()) < monitor.min_rows:
        status = Status.TOO_FEW_ROWS
    elif status is Status.OK and counts[bins.null_bin] == counts.sum():
        status = Status.ALL_NULL
    elif status is Status.OK and int(expected.sum()) < monitor.min_rows:
        status = Status.INSUFFICIENT_REFERENCE
    measured = ColumnCounts(bins, expected[np.newaxis], counts).measure(distance) if status is Status.OK else None
    if measured is None and status is Status.OK:  # slices hold no sums: not by a distance that needs means of bins
        status = Status.INSUFFICIENT_REFERENCE
    rows, reference_rows = int(counts.sum()), int(expected.sum())
    return SliceDrift(key, value, bins.name, distance.name, measured, status, rows, reference_rows)

"""Builders for counts and references; every argument that does not matter has a default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from lakeloop.config.metric import Task
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.reference import Reference, build_reference
from lakeloop.drift.targets import TargetDay

FIRST_DAY = date(2013, 1, 1)


def make_counts(
    daily: Mapping[str, Sequence[Sequence[int]]], first_day: date = FIRST_DAY, *, every: int = 1
) -> pa.Table:
    """Counts from column -> rows per day and bin, the days `every` days apart."""
    cells = [
        {
            "block": first_day + timedelta(days=every * day),
            "column": name,
            "bin": place,
            "rows": int(rows),
            "total": 0.0,
        }
        for name, table in daily.items()
        for day, row in enumerate(table)
        for place, rows in enumerate(row)
        if rows
    ]
    return pa.Table.from_pylist(cells, schema=COUNTS_SCHEMA)


def make_reference(
    daily: Mapping[str, Sequence[Sequence[int]]],
    bins: Sequence[ColumnBins],
    targets: Sequence[TargetDay] = (),
    *,
    every: int = 1,
) -> Reference:
    """A reference from column -> rows per day and bin, the days `every` days apart."""
    return build_reference(
        make_counts(daily, every=every),
        bins,
        model="late_arrival",
        task=Task.CLASSIFICATION,
        trained_through=datetime(2013, 4, 1, tzinfo=UTC),
        targets=targets,
    )


def simulate_daily(
    rng: np.random.Generator, days: int, *, memory: float, spread: float, rows: int = 300, bins: int = 10
) -> np.ndarray:
    """Rows per day and bin of a number whose daily level is an autoregressive process; standard normal overall."""
    level = np.empty(days)
    level[0] = rng.standard_normal()
    for day in range(1, days):
        level[day] = memory * level[day - 1] + np.sqrt(1 - memory**2) * rng.standard_normal()
    values = spread * level[:, None] + np.sqrt(1 - spread**2) * rng.standard_normal((days, rows))
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    places = np.searchsorted(edges, values)
    counts = np.stack([np.bincount(row, minlength=bins) for row in places])
    return np.concatenate([counts, np.zeros((days, 1), dtype=np.int64)], axis=1)

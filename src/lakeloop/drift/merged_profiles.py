"""Merging daily profiles: of the same day into one, and of days into a window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from lakeloop.drift.daily_profiles import PROFILES_SCHEMA
from lakeloop.drift.sketches import DistinctSketch, QuantileSketch
from lakeloop.statuses import Status

_KEYS = ("block", "block_start", "slice_key", "slice_value", "column_name")
_SUMMED = ("count", "num_nan", "num_zeros", "num_infinite", "sum", "sum_squares")
_Row = dict[str, Any]


def merge_profiles(profiles: pa.Table | Iterable[pa.RecordBatch], *, by_day: bool = False) -> pa.Table:
    """Merge profiles of the same block, slice and column.

    Args:
        profiles: Rows of `PROFILES_SCHEMA`, in any number and order, or their batches.
        by_day: Whether the hours of a day become one block, which starts with the first of them.

    Returns:
        A table of `PROFILES_SCHEMA`, one row per block, slice and column, in that order.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> profiler = DailyProfiler(ProfilePlan((ColumnBins("seats", "number", edges=(100.0,)),), "UTC", "at"))
    >>> profiler.add(pa.table({"at": [datetime(2013, 4, 2, tzinfo=UTC)], "seats": [50.0]}).to_batches()[0])
    >>> day = profiler.profiles()
    >>> merge_profiles(pa.concat_tables([day, day])).select(["count", "bins", "sum", "max"]).to_pylist()
    [{'count': 2, 'bins': [2, 0, 0], 'sum': 100.0, 'max': 50.0}]
    """
    batches = profiles.to_batches() if isinstance(profiles, pa.Table) else profiles
    merged: dict[tuple[Any, ...], _Row] = {}
    for batch in batches:
        for row in batch.to_pylist():
            key = tuple(row[name] for name in _KEYS if not (by_day and name == "block_start"))
            known = merged.get(key)
            merged[key] = _opened(row) if known is None else _added(known, row)
    rows = [_closed(row) for row in merged.values()]
    rows.sort(key=lambda row: tuple(str(row[name] or "") for name in _KEYS))
    return pa.Table.from_pylist(rows, schema=PROFILES_SCHEMA)


def _opened(row: _Row) -> _Row:
    """A row whose sketches are lists of sketches, to be merged once."""
    sketches = {name: [row.get(name)] for name in ("quantile_sketch", "distinct_sketch")}
    return {**row, **sketches, "bins": np.asarray(row["bins"], dtype=np.int64)}


def _added(known: _Row, row: _Row) -> _Row:
    for name in _SUMMED:
        known[name] += row[name]
    for name, choose in (("min", min), ("max", max), ("block_start", min)):
        both = [each for each in (known[name], row[name]) if each is not None]
        known[name] = choose(both) if both else None
    known["bins"] = known["bins"] + np.asarray(row["bins"], dtype=np.int64)
    for name in ("quantile_sketch", "distinct_sketch"):
        known[name].append(row.get(name))
    if row["status"] != Status.OK.value:
        known["status"] = row["status"]
    return known


def _closed(row: _Row) -> _Row:
    sketches: _Row = {}
    kind: type[QuantileSketch] | type[DistinctSketch]
    for name, kind in (("quantile_sketch", QuantileSketch), ("distinct_sketch", DistinctSketch)):
        held = [each for each in row[name] if each is not None]
        sketches[name] = held[0] if len(held) == 1 else kind.merged(held).to_bytes()
    return {**row, **sketches, "bins": row["bins"].tolist()}

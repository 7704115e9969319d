"""Merging daily profiles: of the same day into one, and of days into a window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA
from lakeloop.drift.sketches import DistinctSketch, QuantileSketch
from lakeloop.statuses import Status

_PART = ("slice_key", "slice_value", "column_name")
EACH_BLOCK, EACH_DAY, WHOLE = ("block", "block_start", *_PART), ("block", *_PART), _PART
"""What stays apart in a merge: every block, every local day, or nothing in time."""

_SUMMED = ("count", "num_nan", "num_zeros", "num_infinite", "sum_squares")
_Row = dict[str, Any]


def merge_profiles(profiles: pa.Table | Iterable[pa.RecordBatch], apart: tuple[str, ...] = EACH_BLOCK) -> pa.Table:
    """Merge profiles of the same slice and column.

    Args:
        profiles: Rows of `PROFILES_SCHEMA`, in any number and order, or their batches.
        apart: What stays apart: `EACH_BLOCK`, `EACH_DAY` or `WHOLE`. A merge starts with its first block.

    Returns:
        A table of `PROFILES_SCHEMA`, one row per block that stays apart, slice and column, in that order.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> profiler = DailyProfiler(ProfilePlan((ColumnBins("seats", "number", edges=(100.0,)),), "UTC", "at"))
    >>> profiler.add(pa.table({"at": [datetime(2013, 4, 2, tzinfo=UTC)], "seats": [50.0]}).to_batches()[0])
    >>> day = profiler.profiles()
    >>> merge_profiles(pa.concat_tables([day, day])).select(["count", "bins", "bin_sums", "max"]).to_pylist()
    [{'count': 2, 'bins': [2, 0, 0], 'bin_sums': [100.0, 0.0, 0.0], 'max': 50.0}]
    """
    batches = profiles.to_batches() if isinstance(profiles, pa.Table) else profiles
    merged: dict[tuple[Any, ...], _Row] = {}
    for batch in batches:
        for row in batch.to_pylist():
            key = tuple(row[name] for name in apart)
            known = merged.get(key)
            merged[key] = _opened(row) if known is None else _added(known, row)
    rows = [_closed(row) for row in merged.values()]
    rows.sort(key=lambda row: tuple(str(row[name] or "") for name in EACH_BLOCK))
    return pa.Table.from_pylist(rows, schema=PROFILES_SCHEMA)


def _opened(row: _Row) -> _Row:
    """A row whose sketches are lists of sketches, to be merged once."""
    sketches = {name: [row.get(name)] for name in ("quantile_sketch", "distinct_sketch")}
    sums = row["bin_sums"]
    arrays = {"bins": np.asarray(row["bins"]), "bin_sums": None if sums is None else np.asarray(sums)}
    return {**row, **sketches, **arrays}


def _added(known: _Row, row: _Row) -> _Row:
    for name in _SUMMED:
        known[name] += row[name]
    for name, choose in (("min", min), ("max", max), ("block", min), ("block_start", min)):
        both = [each for each in (known[name], row[name]) if each is not None]
        known[name] = choose(both) if both else None
    known["bins"] = known["bins"] + np.asarray(row["bins"])
    if row["bin_sums"] is not None:
        known["bin_sums"] = known["bin_sums"] + np.asarray(row["bin_sums"])
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
    arrays = {name: None if row[name] is None else row[name].tolist() for name in ("bins", "bin_sums")}
    return {**row, **sketches, **arrays}


QUANTILE_RANKS = tuple(step / 20 for step in range(21))
"""Ranks of the quantiles that are drawn: every twentieth, from the least value to the greatest."""


def to_counts(profiles: pa.Table) -> pa.Table:
    """Give the counts of all rows by day, column and bin.

    Args:
        profiles: Rows of `PROFILES_SCHEMA`; slices are left out.

    Returns:
        A table of `COUNTS_SCHEMA`.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> profiler = DailyProfiler(ProfilePlan((ColumnBins("seats", "number", edges=(100.0,)),), "UTC", "at"))
    >>> profiler.add(pa.table({"at": [datetime(2013, 4, 2, tzinfo=UTC)] * 2, "seats": [50.0, None]}))
    >>> to_counts(profiler.profiles()).select(["bin", "rows", "total"]).to_pylist()
    [{'bin': 0, 'rows': 1, 'total': 50.0}, {'bin': 2, 'rows': 1, 'total': 0.0}]
    """
    whole = profiles.filter(pc.is_null(profiles["slice_key"]))
    cells = [
        {
            "block": row["block"],
            "column": row["column_name"],
            "bin": place,
            "rows": rows,
            "total": row["bin_sums"][place] if row["bin_sums"] else 0.0,
        }
        for row in whole.select(["block", "column_name", "bins", "bin_sums"]).to_pylist()
        for place, rows in enumerate(row["bins"])
        if rows
    ]
    return pa.Table.from_pylist(cells, schema=COUNTS_SCHEMA)


def describe_profile(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of a column under the names that Databricks data profiling has for them.

    Args:
        row: A row of `PROFILES_SCHEMA`, of a block or of any merge.

    Returns:
        Name -> figure; None where it is not defined: of no rows, or of a category.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> profiler = DailyProfiler(ProfilePlan((ColumnBins("seats", "number", edges=(100.0,)),), "UTC", "at"))
    >>> profiler.add(pa.table({"at": [datetime(2013, 4, 2, tzinfo=UTC)] * 4, "seats": [0.0, 50.0, 100.0, None]}))
    >>> told = describe_profile(profiler.profiles().to_pylist()[0])
    >>> told["count"], told["percent_null"], told["percent_zeros"], told["avg"], told["stddev"], told["median"]
    (4, 25.0, 25.0, 50.0, 50.0, 50.0)
    >>> told["distinct_count"], told["percent_distinct"]
    (3, 100.0)
    """
    count, nulls = int(row["count"]), int(row["bins"][-1])
    is_number = row["bin_sums"] is not None
    finite = count - nulls - int(row["num_infinite"])
    total = math.fsum(row["bin_sums"]) if is_number else 0.0
    avg = total / finite if is_number and finite else None
    quantiles = list(QuantileSketch.merged([row["quantile_sketch"]]).quantiles(QUANTILE_RANKS))
    distinct = DistinctSketch.merged([row["distinct_sketch"]]).estimate if row["distinct_sketch"] is not None else None
    present = count - nulls
    return {
        "count": count,
        "num_nulls": nulls,
        "num_nan": int(row["num_nan"]) if is_number else None,
        "num_zeros": int(row["num_zeros"]) if is_number else None,
        "num_infinite": int(row["num_infinite"]) if is_number else None,
        "percent_null": _percent(nulls, count),
        "percent_nan": _percent(row["num_nan"], count) if is_number else None,
        "percent_zeros": _percent(row["num_zeros"], count) if is_number else None,
        "avg": avg,
        "stddev": _deviation(row["sum_squares"], total, finite) if is_number else None,
        "min": row["min"],
        "max": row["max"],
        "median": quantiles[len(quantiles) // 2] if quantiles else None,
        "quantiles": quantiles or None,
        "distinct_count": distinct,
        "percent_distinct": None if distinct is None or not present else min(100.0, 100.0 * distinct / present),
    }


def _percent(part: int, count: int) -> float | None:
    return 100.0 * part / count if count else None


def _deviation(squares: float, total: float, count: int) -> float | None:
    """The standard deviation of a sample; cancellation can leave a variance just below zero."""
    return math.sqrt(max(0.0, (squares - total * total / count) / (count - 1))) if count > 1 else None

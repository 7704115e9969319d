"""A spine and gold tables for the point-in-time join, and what the join has to give, found by binary search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cached import cached, write_rows

START = datetime(2024, 1, 1, tzinfo=UTC)
SPAN, TTL = timedelta(days=30), timedelta(days=7)
BUILT_THROUGH = START + SPAN
KEY, TS, ROW = "entity_id", "prediction_ts", "row_id"

_MICROSECOND = timedelta(microseconds=1)
_START_US = (START - datetime.fromtimestamp(0, UTC)) // _MICROSECOND
_SPAN_US = SPAN // _MICROSECOND
_INSTANT = pa.timestamp("us", "UTC")
_SPINE_SHARE, _SKEWED_SHARE, _TIED_SHARE, _NULL_SHARE = 0.25, 0.3, 0.01, 0.1

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class JoinCell:
    """A size of the join.

    Attributes:
        rows: Feature rows per table; the spine has a quarter as many.
        tables: Gold tables.
        rows_in_ttl: Feature rows per entity within the ttl of 7 days, on average; the tables span 30.
        is_skewed: Whether one key has 30% of the rows, of spine and tables.
    """

    rows: int
    tables: int
    rows_in_ttl: int
    is_skewed: bool = False

    @property
    def entities(self) -> int:
        """Distinct keys."""
        return max(1, round(self.rows * (TTL / SPAN) / self.rows_in_ttl))

    @property
    def name(self) -> str:
        """The cell in tables."""
        skew = ", 30% in one key" if self.is_skewed else ""
        return f"{self.rows:,} rows x {self.tables}, {self.rows_in_ttl} in ttl{skew}"

    @property
    def slug(self) -> str:
        """The cell in names of files."""
        return f"join-{self.rows}-{self.tables}-{self.rows_in_ttl}{'-skewed' if self.is_skewed else ''}"


def features_of(table: int) -> list[str]:
    """Name the features of a table; the last has nulls, which are values like others."""
    return [f"f{table}_{number}" for number in range(5)]


def write_data(cell: JoinCell) -> Path:
    """Write `spine.parquet` and `table<n>.parquet` of a cell, unless they are there.

    Some spine rows are at the very instant at which a feature row became available. Rows of a table are unique by
    entity and instant, as they are in a gold table, and lie in no order.
    """
    return cached(cell.slug, lambda folder: _write(cell, folder))


def _write(cell: JoinCell, folder: Path) -> None:
    random = np.random.default_rng(7)
    tied_keys, tied_us = np.empty(0, np.int64), np.empty(0, np.int64)
    for table in range(cell.tables):
        keys, instants = _keys(cell, cell.rows, random), random.integers(0, _SPAN_US, cell.rows)
        kept = np.unique(keys * _SPAN_US + instants)
        random.shuffle(kept)
        keys, instants = kept // _SPAN_US, kept % _SPAN_US
        if table == 0:
            tied = max(1, int(cell.rows * _SPINE_SHARE * _TIED_SHARE))
            tied_keys, tied_us = keys[:tied], instants[:tied]
        ts = _instants(instants)
        *plain, last = features_of(table)
        columns = {KEY: pa.array(keys), "event_ts": ts, "available_ts": ts}
        columns |= {name: pa.array(random.normal(size=len(keys))) for name in plain}
        columns[last] = pa.array(random.normal(size=len(keys)), mask=random.random(len(keys)) < _NULL_SHARE)
        write_rows(pa.table(columns), folder / f"table{table}.parquet")
    rows = int(cell.rows * _SPINE_SHARE)
    keys, instants = _keys(cell, rows, random), random.integers(0, _SPAN_US, rows)
    keys[: len(tied_keys)], instants[: len(tied_us)] = tied_keys, tied_us
    spine = {ROW: pa.array(np.arange(rows)), KEY: pa.array(keys), TS: _instants(instants)}
    write_rows(pa.table(spine), folder / "spine.parquet")


def _keys(cell: JoinCell, rows: int, random: np.random.Generator) -> Numbers:
    keys = random.integers(0, cell.entities, rows)
    if cell.is_skewed:
        keys[random.random(rows) < _SKEWED_SHARE] = 0
    return keys


def _instants(after_start: Numbers) -> pa.Array:
    return pa.array(after_start + _START_US).cast(_INSTANT)


def expected_join(folder: Path, cell: JoinCell) -> pa.Table:
    """Compute what the join of a cell has to give: the newest row known at the instant, none when beyond the ttl."""
    spine = pq.read_table(folder / "spine.parquet")
    asked = _order_of(spine, TS)
    joined = {ROW: spine.column(ROW)}
    for table in range(cell.tables):
        rows = pq.read_table(folder / f"table{table}.parquet")
        known = _order_of(rows, "available_ts")
        order = np.argsort(known, kind="stable")
        newest = np.searchsorted(known[order], asked, side="right") - 1
        found = order[np.maximum(newest, 0)]
        age = asked - known[found]  # a row of another entity is older than the ttl
        is_known = (newest >= 0) & (age <= TTL // _MICROSECOND)
        taken = pa.array(found, mask=~is_known)
        joined |= {name: pc.take(rows.column(name), taken) for name in features_of(table)}
    return pa.table(joined)


def _order_of(rows: pa.Table, ts_col: str) -> Numbers:
    """Give numbers in the order of entity and instant; two entities lie farther apart than the ttl."""
    instants = rows.column(ts_col).cast(pa.int64()).to_numpy() - _START_US
    stride = _SPAN_US + 2 * (TTL // _MICROSECOND)
    return np.asarray(rows.column(KEY).to_numpy() * stride + instants, dtype=np.int64)

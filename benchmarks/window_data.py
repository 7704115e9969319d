"""Events for windowed features, and what the state log has to hold, by range frames of DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.cached import cached, write_rows
from lakeloop.config.feature_table import FeatureTable

START = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=30)
THROUGH = START + SPAN
KEY, MEASURE = "entity_id", "amount"
STATISTICS = ("count", "sum", "mean", "min", "max")
WINDOWS = {"1h": 3600, "1d": 86_400, "7d": 7 * 86_400}
TICK_SECONDS = 3600

_SPAN_US = SPAN // timedelta(microseconds=1)
_START_US = int(START.timestamp()) * 1_000_000
_NULL_SHARE = 0.05


@dataclass(frozen=True)
class WindowCell:
    """A size of the windows.

    Attributes:
        rows: Events.
        per_day: Events per entity and day, on average, over 30 days.
    """

    rows: int
    per_day: int

    @property
    def entities(self) -> int:
        """Distinct keys."""
        return max(1, round(self.rows / (self.per_day * SPAN.days)))

    @property
    def name(self) -> str:
        """The cell in tables."""
        return f"{self.rows:,} events, {self.per_day} per entity and day"

    @property
    def slug(self) -> str:
        """The cell in names of files."""
        return f"windows-{self.rows}-{self.per_day}"


def declare_table() -> FeatureTable:
    """Declare the features: five statistics over an hour, a day and a week, at hourly ticks."""
    aggregate: dict[str, Any] = {"of": MEASURE, "as": list(STATISTICS), "over": ["1 hour", "1 day", "7 days"]}
    table = {"feature_table": "amounts", "entity": [KEY], "from": "events", "every": "1 hour", "aggregate": [aggregate]}
    return FeatureTable.model_validate(table)


def feature_names() -> list[tuple[str, str, int]]:
    """List the features: name, statistic, seconds of the window."""
    return [(f"{each}_{MEASURE}_{name}", each, seconds) for each in STATISTICS for name, seconds in WINDOWS.items()]


def write_data(cell: WindowCell) -> Path:
    """Write `events.parquet` of a cell, unless it is there; amounts are whole numbers, so sums do not round."""
    return cached(cell.slug, lambda folder: _write(cell, folder))


def _write(cell: WindowCell, folder: Path) -> None:
    random = np.random.default_rng(11)
    instants = pa.array(random.integers(0, _SPAN_US, cell.rows) + _START_US).cast(pa.timestamp("us", "UTC"))
    amounts = random.integers(-1000, 1000, cell.rows).astype("float64")
    columns = {
        KEY: pa.array(random.integers(0, cell.entities, cell.rows)),
        "event_ts": instants,
        "available_ts": instants,
        MEASURE: pa.array(amounts, mask=random.random(cell.rows) < _NULL_SHARE),
    }
    write_rows(pa.table(columns), folder / "events.parquet")


def log_by_duckdb(data: Path, cores: int) -> pa.Table:
    """Compute the state log: ticks laid among the events, range frames over both, ticks kept.

    Args:
        data: Folder of the events.
        cores: Threads it may use.

    Returns:
        One row per entity and tick at which an event enters or leaves a window, the tick as `tick_us`.
    """
    import duckdb

    tick_us = TICK_SECONDS * 1_000_000
    shifts = ", ".join(str(shift * 1_000_000) for shift in (0, *WINDOWS.values()))
    words = {"mean": "avg"}
    frames = ", ".join(
        f"{words.get(statistic, statistic)}({MEASURE}) over"
        f" (by_time range between {seconds * 1_000_000 - 1} preceding and current row) as {name}"
        for name, statistic, seconds in feature_names()
    )
    query = f"""
        with events as (
            select {KEY}, epoch_us(available_ts) as us, {MEASURE} from '{data}/events.parquet'
        ), ticks as (
            select distinct {KEY}, (us + {tick_us} - 1) // {tick_us} * {tick_us} + shift as us
            from events, unnest([{shifts}]) as shifts(shift)
        ), rows as (
            select {KEY}, us, {MEASURE}, false as is_tick from events
            union all
            select {KEY}, us, null, true from ticks where us <= {int(THROUGH.timestamp()) * 1_000_000}
        ), framed as (
            select {KEY}, us as tick_us, is_tick, {frames}
            from rows window by_time as (partition by {KEY} order by us)
        )
        select * exclude (is_tick) from framed where is_tick
    """
    with duckdb.connect(config={"threads": cores}) as connection:
        return connection.sql(query).to_arrow_table()

"""What the rates of the drift monitor are measured on: rows with days, scores and outcomes, and roles of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.gate_history import MODEL, History, read_history
from benchmarks.gate_scores import Plan, make_scores
from benchmarks.sides import ROOT
from lakeloop.config.loading import load_config
from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins, propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.statuses import Role

_EPOCH = date(1970, 1, 1)
_ROWS_AT_ONCE = 50_000
"""Rows that are placed in bins at once: the counts of a column have a cell per row and bin then."""


@dataclass(frozen=True, eq=False)
class MonitorData:
    """Rows to be monitored, ascending by day.

    Attributes:
        name: Name of the data.
        frame: Monitored columns, one row per row scored.
        days: Day of each row, datetime64[D], shape (n_rows,).
        label: Outcome, 0 and 1; NaN where there is none, shape (n_rows,).
        score: Score of the model of that time; NaN where there was none, shape (n_rows,).
        roles: Column -> role; the others are regime.
        monitor: How windows are compared.
        bias_limit: Absolute bias above which a window alarms.
        unit: Column that is planted in another unit.
        unit_factor: What it is multiplied by then.
        joins: Table -> its columns, which are all null where it is not matched.
    """

    name: str
    frame: pd.DataFrame
    days: NDArray[np.datetime64]
    label: NDArray[np.float64]
    score: NDArray[np.float64]
    roles: Mapping[str, Role]
    monitor: Monitor
    bias_limit: float
    unit: str
    unit_factor: float
    joins: Mapping[str, tuple[str, ...]]

    @property
    def day_numbers(self) -> NDArray[np.int64]:
        """Day of each row, counted from the first, shape (n_rows,)."""
        return np.asarray((self.days - self.days[0]).astype(np.int64))

    @property
    def n_days(self) -> int:
        """Days from the first to the last, those without rows included."""
        return int(self.day_numbers[-1]) + 1

    def date_of(self, number: int) -> date:
        """Give the date of a day's number."""
        first: date = self.days[0].item()
        return first + timedelta(days=number)

    def judged(self) -> tuple[str, ...]:
        """Columns that can raise a flag."""
        return tuple(name for name in self.frame if self.roles.get(name, Role.REGIME) is not Role.SEASONAL)

    def contract(self) -> tuple[str, ...]:
        """Columns of which an alarm means that something broke."""
        return tuple(name for name in self.frame if self.roles.get(name) is Role.CONTRACT)


def freeze_bins(data: MonitorData) -> tuple[ColumnBins, ...]:
    """Propose bins from as many of the first days as a reference has."""
    first = data.frame[data.day_numbers < data.monitor.reference.days]
    return propose_bins(pa.Table.from_pandas(first, preserve_index=False), list(data.frame), data.monitor.bins)


def place_rows(frame: pd.DataFrame, bins: tuple[ColumnBins, ...]) -> dict[str, NDArray[np.int64]]:
    """Give the bin of every row, by lakeloop's own count of bins with every row as a block of its own.

    Args:
        frame: Rows.
        bins: Bins of columns that it has.

    Returns:
        Column -> bin of each row, shape (n_rows,).

    >>> place_rows(pd.DataFrame({"seats": [2.0, None, 180.0]}), (ColumnBins("seats", "number", edges=(100.0,)),))
    {'seats': array([0, 2, 1], dtype=int32)}
    """
    placed: dict[str, list[NDArray[np.int64]]] = {each.name: [] for each in bins}
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        some = frame.iloc[start : start + _ROWS_AT_ONCE]
        numbers = pa.array(np.arange(len(some), dtype=np.int32)).cast(pa.date32())
        for each in bins:
            rows = pa.table({"row": numbers, each.name: pa.Array.from_pandas(some[each.name])})
            placed[each.name].append(count_bins(rows, [each], "row")["bin"].to_numpy())
    return {name: np.concatenate(parts) for name, parts in placed.items()}


def count_days(
    frame: pd.DataFrame, bins: tuple[ColumnBins, ...], days: NDArray[np.int64], n_days: int
) -> dict[str, NDArray[np.int64]]:
    """Count rows by day and bin.

    Args:
        frame: Rows.
        bins: Bins of columns that it has.
        days: Number of each row's day, shape (n_rows,).
        n_days: Days there are.

    Returns:
        Column -> rows, shape (n_days, n_bins).

    >>> bins = (ColumnBins("seats", "number", edges=(100.0,)),)
    >>> count_days(pd.DataFrame({"seats": [2.0, 3.0, 180.0]}), bins, np.array([0, 0, 1]), 2)["seats"].tolist()
    [[2, 0, 0], [0, 1, 0]]
    """
    blocks = pa.array(days.astype(np.int32)).cast(pa.date32())
    found = {}
    for each in bins:
        rows = pa.table({"day": blocks, each.name: pa.Array.from_pandas(frame[each.name])})
        counts = count_bins(rows, [each], "day")
        table = np.zeros((n_days, each.n_bins), dtype=np.int64)
        table[counts["block"].cast(pa.int32()).to_numpy(), counts["bin"].to_numpy()] = counts["rows"].to_numpy()
        found[each.name] = table
    return found


def read_flights(tell: Callable[[str], None]) -> MonitorData:
    """Read the flights' year, with the declared roles; a champion of every 28 days scored it from late April on."""
    config = load_config(ROOT)
    model = config.models[MODEL]
    history = read_history(tell)
    frame = history.frame.rename(columns=lambda name: name.replace("__", ".", 1))
    local = pd.to_datetime(frame.pop("scheduled_departure_ts"), unit="s", utc=True).dt.tz_convert("America/New_York")
    frame["hour_of_day"] = local.dt.hour.astype("float64")
    frame["weekday"] = local.dt.dayofweek.astype("float64")
    roles = {
        name: role
        for name in frame
        for role, patterns in model.monitor.roles.items()
        if any(fnmatch(name, pattern) for pattern in patterns)
    }
    tables = {name.split(".")[0] for name in frame if "." in name}
    return MonitorData(
        name="flights",
        frame=frame,
        days=history.days,
        label=history.label.astype(np.float64),
        score=_flights_scores(history, tell),
        roles=roles,
        monitor=model.monitor,
        bias_limit=float(model.decide.when.bias or 0.0),
        unit="scheduled_minutes",
        unit_factor=60.0,
        joins={table: tuple(name for name in frame if name.startswith(f"{table}.")) for table in sorted(tables)},
    )


def _flights_scores(history: History, tell: Callable[[str], None]) -> NDArray[np.float64]:
    score = np.full(len(history.label), np.nan)
    for holdout in make_scores(Plan(holdouts=9, models=2), 1, tell):
        rows = (history.days >= holdout.days.min()) & (history.days <= holdout.days.max())
        score[rows] = holdout.scores[0]
    return score

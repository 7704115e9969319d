"""The flights' year as a training set of lakeloop, made once and kept: closed rows x features as known.

Remove `benchmarks/.cache/flights_year` after a change of the flights' sources or features.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.sides import CACHE
from lakeloop.config.as_of import parse_as_of
from lakeloop.config.loading import load_config
from lakeloop.demo.flights import land_flights
from lakeloop.runs.context import Context
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_set import make_training_set
from lakeloop.runs.turn import run_turn

MODEL = "late_arrival"
AS_OF = "2013-12-31"
"""The last instant with weather; every label of the days before is closed or void."""

_PROJECT = Path(__file__).parent.parent
_HOME = CACHE / "flights_year"
_ROWS, _DAY, _LABEL = "rows.parquet", "_day", "_label"


@dataclass(frozen=True)
class History:
    """The closed rows of the year, ordered by day.

    Attributes:
        frame: Model inputs, one row per flight.
        label: Whether it came late, shape (n_rows,).
        days: Closed day of the row, datetime64[D], shape (n_rows,).
    """

    frame: pd.DataFrame
    label: NDArray[np.bool_]
    days: NDArray[np.datetime64]


def read_history(tell: Callable[[str], None] = lambda _: None) -> History:
    """Give the year's rows, made by lakeloop's own steps when they are not there yet: tens of minutes, once.

    Args:
        tell: Told what is being done.

    Returns:
        The rows.
    """
    path = history_path()
    if not path.is_file():
        _make(path, tell)
    table = pq.read_table(path)
    days = table.column(_DAY).to_numpy().astype("datetime64[D]")
    frame = table.drop_columns([_DAY, _LABEL]).to_pandas()
    return History(frame, table.column(_LABEL).to_numpy(), days)


def history_path() -> Path:
    """Give the file the rows are kept in."""
    return _HOME / _ROWS


def _make(path: Path, tell: Callable[[str], None]) -> None:
    """Land the year, build the features as of its end, and pin a training set: what a turn does, without a model."""
    shutil.rmtree(_HOME, ignore_errors=True)
    shutil.copytree(_PROJECT / "conf", _HOME / "conf")
    config = load_config(_HOME)
    context = Context(config, parse_as_of(AS_OF, config.project.zone), tell)
    land_flights(config.workspace / "landing", range(1, 13))
    run_turn(context, ())
    pinned = make_training_set(context, MODEL)
    data = read_training_data(context, config.models[MODEL], pinned)
    order = np.argsort(data.days, kind="stable")
    table = pa.Table.from_pandas(data.frame.iloc[order], preserve_index=False)
    table = table.append_column(_DAY, pa.array(data.days[order]))
    table = table.append_column(_LABEL, pa.array(data.label[order].astype(bool)))
    part = path.with_suffix(".part")
    pq.write_table(table, part)
    part.replace(path)
    shutil.rmtree(config.workspace)


if __name__ == "__main__":
    history = read_history(lambda text: print(text, file=sys.stderr, flush=True))
    print(len(history.label), "rows,", len(np.unique(history.days)), "days")

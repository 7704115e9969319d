"""Generated data, kept in a folder: every side of a cell reads the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.sides import CACHE

_DONE = "_done"
_ROW_GROUP = 250_000


def cached(name: str, make: Callable[[Path], object]) -> Path:
    """Give the folder of some data, made when it is not there yet.

    Args:
        name: Tells the data from all others: sizes and kind are part of it.
        make: Writes the data into a folder.

    Returns:
        The folder.
    """
    folder = CACHE / "data" / name
    if (folder / _DONE).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    (folder / _DONE).touch()
    return folder


def write_rows(rows: pa.Table, path: Path) -> None:
    """Write rows as one Parquet file with several row groups, so that Spark can read it in several tasks."""
    pq.write_table(rows, path, row_group_size=_ROW_GROUP)

"""Reading a table a part at a time: every row once, and what is held does not depend on how many there are."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from lakeloop.tables.in_process import read_batches

ROWS_OF_A_FILE, FILES, COLUMNS = 65_536, 24, 8


def test_small_files_share_a_part_and_every_row_comes_once(tmp_path: Path) -> None:
    for number in range(5):
        write_deltalake(tmp_path, pa.table({"number": [10 * number, 10 * number + 1]}), mode="append")
    parts = list(read_batches(str(tmp_path), ["number"], pc.field("number") > 0, 4))
    assert sorted(value for part in parts for value in part["number"].to_pylist()) == [
        1,
        10,
        11,
        20,
        21,
        30,
        31,
        40,
        41,
    ]
    assert [part.num_rows for part in parts[:-1]] == [part.num_rows for part in parts[:-1] if part.num_rows >= 4]
    assert list(read_batches(str(tmp_path), ["number"], pc.field("number") > 99, 4)) == []


def test_what_is_held_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """A reader that is slower than the disk holds a few parts of 4 MiB, of a table of 96 MiB."""
    values = {f"c{place}": np.arange(ROWS_OF_A_FILE) + place / 7 for place in range(COLUMNS)}
    for _ in range(FILES):
        write_deltalake(tmp_path, pa.table(values), mode="append")
    pool = pa.default_memory_pool()
    before, most, rows = pool.bytes_allocated(), 0, 0
    for part in read_batches(str(tmp_path), list(values), pc.field("c0") >= 0, ROWS_OF_A_FILE):
        time.sleep(0.01)  # as long as a part is worked on, what is read ahead is read
        rows, most = rows + part.num_rows, max(most, pool.bytes_allocated() - before)
    assert rows == FILES * ROWS_OF_A_FILE
    assert most < FILES * ROWS_OF_A_FILE * COLUMNS * 8 / 3

"""A stretch is staged whole or not at all, wherever the job is killed. Written by hand: no Spark starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeloop.reading.staging import Stretch, drop_staged, find_staged, folder_of, settle

FIRST = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "4", 3, 0, ("order",), "2024-01-01")
SECOND = Stretch("orders", "delta", 1, "5c1d", "from version 5", "4", "6", 3, 0, ("order",), "2024-01-02")


class KilledError(Exception):
    """Stands for a process that ends."""


def write(staging: Path, stretch: Stretch, files: int = 2, orders: tuple[str, ...] = ("1", "2", "3")) -> None:
    """Write what Spark writes of a stretch, up to a number of its two files."""
    part = staging / f".part-{stretch.content_hash}"
    part.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate((orders[:2], orders[2:])[:files]):
        pq.write_table(pa.table({"order": list(rows)}), part / f"part-{number:05d}.parquet")


def staged(staging: Path) -> dict[str, list[str]]:
    """Every staged stretch with its rows."""
    return {
        each.file: pq.read_table(sorted(folder_of(staging, each).glob("part-*.parquet")))["order"].to_pylist()
        for each in find_staged(staging)
    }


def kill(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KilledError

    monkeypatch.setattr(Path, step, stop)


@pytest.mark.parametrize("moment", ["first file", "files", "write_text", "rename"])
def test_killed_inside_a_stage_a_restart_equals_one_clean_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    for each in (FIRST, SECOND):
        write(clean, each)
        assert settle(clean, each) == 3

    write(killed, FIRST)
    settle(killed, FIRST)
    write(killed, SECOND, files=1 if moment == "first file" else 2)
    if moment in ("write_text", "rename"):
        with monkeypatch.context() as patched:
            kill(patched, moment)
            with pytest.raises(KilledError):
                settle(killed, SECOND)
    assert find_staged(killed) == [FIRST]  # nothing is left of the other
    assert [each.name for each in killed.iterdir()] == [FIRST.content_hash]
    write(killed, SECOND)
    settle(killed, SECOND)
    assert staged(killed) == staged(clean) == {each.file: ["1", "2", "3"] for each in (FIRST, SECOND)}


def test_killed_after_a_stage_the_stretch_is_taken_up_and_read_no_more(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    settle(tmp_path, FIRST)
    assert find_staged(tmp_path) == find_staged(tmp_path) == [FIRST]
    drop_staged(tmp_path, FIRST)
    assert find_staged(tmp_path) == []


@pytest.mark.parametrize("files", [0, 1])
def test_a_stretch_with_other_rows_than_were_counted_is_dropped(tmp_path: Path, files: int) -> None:
    write(tmp_path, FIRST, files)
    assert settle(tmp_path, FIRST) == 2 * files
    assert list(tmp_path.iterdir()) == []

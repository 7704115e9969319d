"""A stream's checkpoint that was moved with its workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakeloop.runs.accounted import drop_moved_checkpoint


def write_checkpoint(checkpoint: Path, *files: Path) -> None:
    """Write a file source's log as Spark does: a version, then a line per file."""
    log = checkpoint / "sources" / "0"
    log.mkdir(parents=True)
    for number, file in enumerate(files):
        entry = {"path": file.as_uri(), "timestamp": 1, "batchId": number}
        (log / str(number)).write_text(f"v1\n{json.dumps(entry)}")
        (log / f".{number}.crc").write_bytes(b"crc")


@pytest.mark.parametrize("folder", ["here", "a place with spaces", "ünïcode"])
def test_a_checkpoint_of_this_place_is_kept(tmp_path: Path, folder: str) -> None:
    staging, checkpoint = tmp_path / folder / "admitted", tmp_path / "checkpoint"
    write_checkpoint(checkpoint, staging / "a.parquet", staging / "b.parquet")
    assert not drop_moved_checkpoint(checkpoint, staging)
    assert (checkpoint / "sources").is_dir()


def test_a_checkpoint_of_another_place_is_dropped(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    write_checkpoint(checkpoint, tmp_path / "there" / "a.parquet")
    assert drop_moved_checkpoint(checkpoint, tmp_path / "here")
    assert not checkpoint.exists()


def test_a_stream_that_never_ran_has_nothing_to_drop(tmp_path: Path) -> None:
    assert not drop_moved_checkpoint(tmp_path / "nothing", tmp_path / "here")

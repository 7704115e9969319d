"""What is announced once stays announced, whatever became of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.project import Notify
from lakeloop.notifications import announce

FIRST, SECOND = {"id": "f1", "kind": "bias"}, {"id": "f2", "kind": "bias"}


@pytest.mark.parametrize("cut", ['{"id": "f9", "ki', "7", '{"kind": "bias"}'], ids=["cut short", "no message", "no id"])
def test_a_line_that_is_no_message_ends_nothing(tmp_path: Path, cut: str) -> None:
    notify, file = Notify(file="told.jsonl"), tmp_path / "told.jsonl"
    assert announce(notify, tmp_path, FIRST)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(cut)  # and the disk was full
    assert not announce(notify, tmp_path, FIRST)
    assert announce(notify, tmp_path, SECOND)
    assert not announce(notify, tmp_path, SECOND)
    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"id": "f1", "kind": "bias"}',
        cut,
        '{"id": "f2", "kind": "bias"}',
    ]

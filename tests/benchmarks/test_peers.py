"""An environment is made once, made anew when its list changes, and never taken for made when pip failed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import make_environment


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be called; each command succeeds, and `venv` writes a Python."""
    called: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        called.append(command)
        if "venv" in command:
            (tmp_path / "venv" / "bin").mkdir(parents=True, exist_ok=True)
            (tmp_path / "venv" / "bin" / "python").touch()
        return subprocess.CompletedProcess(command, int("fails" in (tmp_path / "list.txt").read_text()))

    monkeypatch.setattr("benchmarks.peers.subprocess.run", run)
    return called


def make(tmp_path: Path, packages: str) -> bool:
    (tmp_path / "list.txt").write_text(packages)
    return make_environment("peer", tmp_path / "list.txt", tmp_path / "venv")


def test_what_stands_is_left_alone_until_its_list_changes(tmp_path: Path, commands: list[list[str]]) -> None:
    assert make(tmp_path, "one")
    assert make(tmp_path, "one")
    assert len(commands) == 2, "venv and pip, once"
    assert make(tmp_path, "two")
    assert len(commands) == 4


def test_a_failed_installation_is_done_again(tmp_path: Path, commands: list[list[str]]) -> None:
    assert not make(tmp_path, "fails")
    assert make(tmp_path, "works")
    assert commands[-1][1:4] == ["-m", "pip", "install"]

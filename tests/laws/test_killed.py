"""Law 3 for real: processes that are killed in the middle of a turn, with their JVM, and one that comes to its end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from tests.laws.compare import assert_same_run
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
KILLS = 4
AT_MOST_SECONDS = 300.0


def _commits(workspace: Path) -> int:
    return sum(1 for _ in workspace.glob("*/*/_delta_log/*.json"))


def _start(root: Path, log: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.laws.turn", str(root), TURNS[1].isoformat()],
            env={**os.environ, "PYTHONPATH": path},
            stdout=said,
            stderr=said,
            start_new_session=True,  # one group with its JVM and workers
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def _run_until(root: Path, workspace: Path, log: Path, commits: int | None, delay_seconds: float = 0.0) -> int:
    """Run a turn until there are so many commits, then kill it; without a number, to its end. Gives the exit code."""
    process, deadline = _start(root, log), time.monotonic() + AT_MOST_SECONDS
    try:
        while process.poll() is None and (commits is None or _commits(workspace) < commits):
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-2000:]
            time.sleep(0.02)
        time.sleep(delay_seconds)
    finally:
        _kill(process)
    return process.returncode


def test_a_turn_killed_again_and_again_leaves_what_a_clean_one_leaves(landed_turn_by_turn, tmp_path):
    clean, killed, log = landed_turn_by_turn, write_project(tmp_path / "project"), tmp_path / "turn.log"
    land(killed, TURNS[0])
    run_turn(Context(killed, TURNS[0]), ["late"])
    land(killed, TURNS[1], after=TURNS[0])
    before, after = _commits(killed.workspace), _commits(clean.workspace)
    drawn = random.Random(13)
    stretch = (after - 2 - before) // KILLS
    for part in range(KILLS):
        moment = before + part * stretch + drawn.randint(1, stretch)
        moment = max(moment, _commits(killed.workspace) + 1)  # each attempt gets further than the one before it
        code = _run_until(killed.root, killed.workspace, log, moment, drawn.uniform(0, 0.5))
        assert code == -signal.SIGKILL, log.read_text(encoding="utf-8")[-2000:]
    assert _run_until(killed.root, killed.workspace, log, None) == 0, log.read_text(encoding="utf-8")[-2000:]
    assert_same_run(clean, killed)

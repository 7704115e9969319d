"""Law 3 for real: processes that are killed in the middle of a turn, with their JVM, and one that comes to its end."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn
from tests.laws.compare import assert_same_run
from tests.laws.killed_process import run_until, said
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

KILLS = 4


def _commits(workspace: Path) -> int:
    return sum(1 for _ in workspace.glob("*/*/_delta_log/*.json"))


def test_a_turn_killed_again_and_again_leaves_what_a_clean_one_leaves(landed_turn_by_turn, tmp_path):
    clean, killed, log = landed_turn_by_turn, write_project(tmp_path / "project"), tmp_path / "turn.log"
    land(killed, TURNS[0])
    run_turn(Context(killed, TURNS[0]), ["late"])
    land(killed, TURNS[1], after=TURNS[0])
    before, after = _commits(killed.workspace), _commits(clean.workspace)
    drawn = random.Random(13)
    stretch = (after - 2 - before) // KILLS
    turn = ["-m", "tests.laws.turn", str(killed.root), TURNS[1].isoformat()]
    for part in range(KILLS):
        moment = before + part * stretch + drawn.randint(1, stretch)
        moment = max(moment, _commits(killed.workspace) + 1)  # each attempt gets further than the one before it
        code = run_until(turn, log, lambda at=moment: _commits(killed.workspace) >= at, drawn.uniform(0, 0.5))
        assert code == -signal.SIGKILL, said(log)
    assert run_until(turn, log, None, 0) == 0, said(log)
    assert_same_run(clean, killed)

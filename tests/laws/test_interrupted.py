"""Law 3 from outside: a process interrupted in the middle of a run, and run again, leaves what a clean run leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakeloop.config import Config
from tests.laws.compare import assert_same_models, assert_same_table, tables
from tests.laws.small_loop import TURNS, land, write_project

CALL = "import sys; from lakeloop.cli import main; main(sys.argv[1:])"
LIMIT_SECONDS = 600


def _start(config: Config, as_of: str, errors: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", CALL, "run", "--as-of", as_of, "--project", str(config.root), "-v"]
    with errors.open("wb") as file:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True)


def _interrupted_during(config: Config, as_of: str, step: str, number: int, errors: Path) -> tuple[int, str]:
    """Send a signal when a step has begun; gives the exit code and the last line of standard error."""
    child = _start(config, as_of, errors)
    until = time.monotonic() + LIMIT_SECONDS
    while f" {step}" not in errors.read_text() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)  # into the middle of it
    child.send_signal(number)
    code = child.wait(30)
    return code, errors.read_text().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.loop
def test_a_run_that_is_interrupted_and_run_again_leaves_what_a_clean_run_leaves(landed_turn_by_turn, tmp_path):
    clean, stopped = landed_turn_by_turn, write_project(tmp_path)
    first, second = (turn.strftime("%Y-%m-%dT%H:%M:%SZ") for turn in TURNS)
    errors = tmp_path / "errors.txt"
    land(stopped, TURNS[0])
    for step, number, code in (
        ("ingest orders", signal.SIGINT, 130),
        ("features", signal.SIGTERM, 143),
        ("train late: reading", signal.SIGINT, 130),
    ):
        ended, last = _interrupted_during(stopped, first, step, number, errors)
        assert ended == code
        assert last.endswith("; what is recorded is whole; the same call carries on from there")
        assert "Traceback" not in errors.read_text()
        assert "\tat " not in errors.read_text()
    assert _start(stopped, first, errors).wait(LIMIT_SECONDS) == 0, errors.read_text()
    land(stopped, TURNS[1], after=TURNS[0])
    ended, last = _interrupted_during(stopped, second, "score late", signal.SIGINT, errors)
    assert (ended, last.startswith("interrupted during: ")) == (130, True)
    assert _start(stopped, second, errors).wait(LIMIT_SECONDS) == 0, errors.read_text()

    assert tables(clean) == tables(stopped)
    for table in tables(clean):
        assert_same_table(clean, stopped, table)
    assert_same_models(clean, stopped)

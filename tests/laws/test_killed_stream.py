"""Law 3 for a stream: a process that is killed in the middle of its micro-batches, and one that comes to its end."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.score_stream import score_available
from tests.laws.compare import assert_same_table
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NEXT = TURNS[-1] + timedelta(hours=36)
AT_MOST_SECONDS = 300.0
MOMENTS = ("checkpoints/score/late/metadata", "checkpoints/score/late/offsets/0", "predictions/late/_delta_log")
"""What appears in the workspace while a stream works: it is killed soon after each of them."""


def _start(root: Path, log: Path) -> subprocess.Popen[bytes]:
    code = "from lakeloop.cli import main; main()"
    called = ["score", "--stream", "--as-of", NEXT.isoformat(), "--project", str(root)]
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-c", code, *called],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=said,
            stderr=said,
            start_new_session=True,  # one group with its JVM and workers
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def _seen(workspace: Path, moment: str) -> int:
    path = workspace / moment
    return len(list(path.iterdir())) if path.is_dir() else int(path.exists())


def _run_until(root: Path, workspace: Path, log: Path, moment: str | None, delay_seconds: float = 0.0) -> int:
    """Run a stream until something appears, then kill it; without a moment, to its end. Gives the exit code."""
    before = 0 if moment is None else _seen(workspace, moment)
    process, deadline = _start(root, log), time.monotonic() + AT_MOST_SECONDS
    try:
        while process.poll() is None and (moment is None or _seen(workspace, moment) <= before):
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-2000:]
            time.sleep(0.02)
        time.sleep(delay_seconds)
    finally:
        _kill(process)
    return process.returncode


def test_a_stream_killed_again_and_again_leaves_what_a_clean_one_leaves(spark, tmp_path):
    root = tmp_path / "clean"
    shutil.copytree(finished_project().root, root)
    context = Context(load_config(root), NEXT)
    land(context.config, NEXT, after=TURNS[-1])
    ingest(context)
    build_features(context)
    shutil.copytree(root, tmp_path / "killed")
    killed, log = load_config(tmp_path / "killed"), tmp_path / "stream.log"
    assert score_available(context, "late").rows > 30
    drawn = random.Random(7)
    for moment in MOMENTS:
        code = _run_until(killed.root, killed.workspace, log, moment, drawn.uniform(0, 0.3))
        assert code in (-signal.SIGKILL, 0), log.read_text(encoding="utf-8")[-2000:]
    assert _run_until(killed.root, killed.workspace, log, None) == 0, log.read_text(encoding="utf-8")[-2000:]
    assert_same_table(context.config, killed, "predictions/late")

"""Law 3 for a stream: a process that is killed in the middle of its micro-batches, and one that comes to its end."""

from __future__ import annotations

import random
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.score_stream import score_available
from tests.laws.compare import assert_same_table
from tests.laws.killed_process import run_until, said
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

NEXT = TURNS[-1] + timedelta(hours=36)
MOMENTS = ("checkpoints/score/late/metadata", "checkpoints/score/late/offsets/0", "predictions/late/_delta_log")
"""What appears in the workspace while a stream works: it is killed soon after each of them."""


def _seen(workspace: Path, moment: str) -> int:
    path = workspace / moment
    return len(list(path.iterdir())) if path.is_dir() else int(path.exists())


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
    called = ["score", "--stream", "--as-of", NEXT.isoformat(), "--project", str(killed.root)]
    stream = ["-c", "from lakeloop.cli import main; main()", *called]
    for moment in MOMENTS:
        before = _seen(killed.workspace, moment)
        code = run_until(
            stream, log, lambda at=moment, n=before: _seen(killed.workspace, at) > n, drawn.uniform(0, 0.3)
        )
        assert code in (-signal.SIGKILL, 0), said(log)
    assert run_until(stream, log, None, 0) == 0, said(log)
    assert_same_table(context.config, killed, "predictions/late")

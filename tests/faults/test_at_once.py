"""Jobs at once: one after the other where the workspace is held; where it is not, nothing is lost or doubled either.

Without the lock is as on a storage that machines share, whose commits are atomic: here they are within one Java.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.config import Config, load_config
from lakeloop.errors import LakeloopError
from lakeloop.runs.backfill import backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.context import Context
from lakeloop.runs.decide import decide_action
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.monitor import monitor
from lakeloop.runs.score import score
from lakeloop.tables import Lake
from tests.laws.clean import CleanRun, clean_run
from tests.laws.compare import assert_same_run, assert_same_table, tables
from tests.laws.small_loop import TURNS, land
from tests.misuse.finished import LAST, Call
from tests.shared import finished_project

pytestmark = [pytest.mark.loop, pytest.mark.slow]

NEXT = TURNS[-1] + timedelta(hours=36)
CALL = "import sys; from lakeloop.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def clean(spark: SparkSession) -> CleanRun:
    assert spark
    return clean_run()


def test_two_runs_of_a_turn_at_once_leave_what_one_leaves(call: Call, clean: CleanRun, tmp_path: Path) -> None:
    """Processes of their own: the second waits for the first, or is told to come again."""
    root = Path(shutil.copytree(clean.first, tmp_path / "project"))
    config = load_config(root)
    land(config, TURNS[1], after=TURNS[0])
    command = [sys.executable, "-c", CALL, "run", "--as-of", LAST, "--project", str(root)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=1800)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes)[0] == 0, said
    for code, text in zip(codes, said, strict=True):
        assert "Traceback" not in text
        if code:
            assert code == 6
            assert f"{root}/workspace: busy\n  - lock: another job has held it for 30 seconds" in text
    assert call(root, "run", as_of=LAST).code == 0
    assert_same_run(clean.config, config)


# --- without the lock ------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Begin calls together; give their results, or the errors with which they ended clearly."""
    meeting = threading.Barrier(len(calls))

    def begin(each: Callable[[], object]) -> object:
        meeting.wait(60)
        try:
            return each()
        except LakeloopError as told:
            return told

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "writing", lambda *_, **__: nullcontext())


def of(job: Callable[..., object], *more: Any) -> Callable[[Context], object]:
    return lambda context: job(context, *more)


# An ingest follows its landing folder by a checkpoint on the disk of one machine: it is no job for two.
JOBS = {
    "features": of(build_features),
    "score": of(score, "late"),
    "monitor": of(monitor, "late"),
    "decide": of(decide_action, "late"),
}


@pytest.mark.usefixtures("unlocked")
def test_every_job_but_ingest_twice_at_once_without_the_lock_leaves_what_one_leaves(
    clean: CleanRun, tmp_path: Path
) -> None:
    one, two = (load_config(Path(shutil.copytree(clean.first, tmp_path / name))) for name in ("one", "two"))
    for config in (one, two):
        land(config, TURNS[1], after=TURNS[0])
        ingest(Context(config, TURNS[1]))
    for name, job in JOBS.items():
        job(Context(one, TURNS[1]))
        first, second = (Context(two, TURNS[1]) for _ in range(2))
        ended = at_once(lambda: job(first), lambda: job(second))  # noqa: B023 - called here
        assert not all(isinstance(each, LakeloopError) for each in ended), (name, ended)
        job(Context(two, TURNS[1]))  # whatever was told, the same call comes to its end
        for table in tables(one):
            assert_same_table(one, two, table)
    assert tables(one) == tables(two)


@pytest.fixture
def brought(tmp_path: Path) -> Callable[[str], Config]:
    """Copies of the finished project with the rows of the next day and a half."""

    def copy(name: str) -> Config:
        config = load_config(Path(shutil.copytree(finished_project().root, tmp_path / name)))
        land(config, NEXT, after=TURNS[-1])
        ingest(Context(config, NEXT))
        return config

    return copy


@pytest.mark.usefixtures("clean", "unlocked")
def test_a_backfill_and_a_build_of_one_table_at_once_leave_what_one_after_the_other_leaves(
    brought: Callable[[str], Config],
) -> None:
    one, two = brought("one"), brought("two")
    asked = Asked("shop_delays", TURNS[0] - timedelta(days=3), TURNS[0], None)
    backfill(Context(one, NEXT), asked)
    build_features(Context(one, NEXT))
    at_once(lambda: backfill(Context(two, NEXT), asked), lambda: build_features(Context(two, NEXT)))
    build_features(Context(two, NEXT))
    assert_same_table(one, two, "gold/shop_delays")
    assert_same_table(one, two, "gold/shop_last")

"""A side is checked before it is measured, and one that fails, hangs or differs has no figures. No Spark here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.agreement import Agreement, compare
from benchmarks.side import Task
from benchmarks.sides import ROOT, VENVS, Outcome, SideProgram, SideStatus, run_side

SERVED = """
import sys, time
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from benchmarks.side import Task, Work, serve

def make_work(task):
    print("noise that is no message")
    def run():
        Path(task.data, "was_run").touch()
        {run}
    return Work(lambda path: pq.write_table(pa.table({{"id": [1], "value": [{value}]}}), path), run, {{"fake": "1"}})

serve(make_work)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def run(folder: Path, value: int = 7, run: str = "pass", timeout: float = 60.0) -> Outcome:
    (folder / "fake_side.py").write_text(SERVED.format(value=value, run=run))
    task = Task("fake", {}, str(folder), str(folder / "fake.parquet"), runs=3, cores=1, heap="1g")
    expected = pa.table({"id": [1], "value": [7]})
    return run_side(SideProgram("fake", "fake_side"), task, lambda path: compare(path, expected, ["id"]), timeout)


def test_a_side_with_the_expected_result_is_measured_as_often_as_asked(folder: Path) -> None:
    outcome = run(folder)
    assert (outcome.status, len(outcome.runs), outcome.versions) == (SideStatus.OK, 3, {"fake": "1"})
    assert outcome.agreement == Agreement(1, 1, 0)
    assert outcome.first is not None


def test_a_side_with_another_result_is_never_run_for_time(folder: Path) -> None:
    outcome = run(folder, value=8)
    assert (outcome.status, outcome.detail, outcome.cost) == (SideStatus.DIFFERENT, "1 of 1 values differ", None)
    assert not (folder / "was_run").exists()


def test_a_side_that_fails_points_to_its_log(folder: Path) -> None:
    outcome = run(folder, run="sys.exit('broken')")
    assert (outcome.status, outcome.cost) == (SideStatus.FAILED, None)
    assert outcome.detail == "it ended while it was measured; see benchmarks/.cache/logs/fake.log"


def test_a_side_that_does_not_finish_is_ended(folder: Path) -> None:
    outcome = run(folder, run="time.sleep(600)", timeout=4.0)
    assert (outcome.status, outcome.detail) == (SideStatus.NOT_FINISHED, "not finished in 4 s")


def test_a_side_ends_when_who_asked_is_gone(folder: Path) -> None:
    (folder / "fake_side.py").write_text(SERVED.format(value=7, run="time.sleep(600)"))
    task = Task("fake", {}, str(folder), str(folder / "fake.parquet"), runs=1, cores=1, heap="1g")
    with subprocess.Popen(
        [sys.executable, "-m", "fake_side", json.dumps(asdict(task))],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert "written" in process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.close()
        assert process.wait(timeout=60) == 1


def test_a_side_without_its_environment_is_not_run(folder: Path) -> None:
    task = Task("feast", {}, str(folder), str(folder / "feast.parquet"), runs=1, cores=1, heap="1g")
    program = SideProgram("feast", "benchmarks.feast_side", venv="is not there")
    outcome = run_side(program, task, lambda _: Agreement(0, 0, 0), 60.0)
    assert (outcome.status, outcome.detail) == (SideStatus.NOT_RUN, "no environment: run make bench-peers")
    assert program.python == VENVS / "is not there" / "bin" / "python"
    assert SideProgram("duckdb", "any").python == Path(sys.executable)

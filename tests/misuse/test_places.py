"""A workspace that was moved, is no folder, cannot be written to, or is held by another job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeloop.errors import BusyError
from lakeloop.tables import Lake
from tests.laws.small_loop import TURNS, land
from tests.misuse.finished import LAST, LATER, Call, config_of, edit

pytestmark = pytest.mark.loop

LANDED = datetime(2024, 2, 12, tzinfo=UTC)


def test_a_workspace_that_is_a_file_is_told(call: Call, shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "conf", tmp_path / "conf")
    (tmp_path / "workspace").write_text("in the way")
    for verb in ("run", "decide", "report"):
        ended = call(tmp_path, verb, as_of=LAST)
        assert ended.code == 7
        assert ended.said == (
            f"workspace {tmp_path}/workspace: the environment is not ready\n"
            "  - folder: it cannot be written to: File exists\n"
            "  remedy: name a folder that can be written to as workspace in project.yml, or mend its permissions\n"
        )
    (tmp_path / "workspace").unlink()
    assert call(tmp_path, "decide", as_of=LAST).code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_workspace_that_cannot_be_written_to_is_told(call: Call, shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "conf", tmp_path / "conf")
    (tmp_path / "workspace").mkdir(mode=0o500)
    ended = call(tmp_path, "decide", as_of=LAST)
    assert (ended.code, ended.said.splitlines()[1]) == (7, "  - folder: it cannot be written to: Permission denied")


def test_the_holder_of_the_workspace_is_named(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    told: list[str] = []
    code = (
        "import sys; from datetime import timedelta; from pathlib import Path; from lakeloop.tables import Lake\n"
        "with Lake(None, Path(sys.argv[1]), retention=timedelta(days=1)).writing():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(workspace)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        lake = Lake(None, workspace, retention=timedelta(days=1), tell=told.append)  # type: ignore[arg-type]  # unused
        with pytest.raises(BusyError) as raised, lake.writing(wait_seconds=0.1):
            pass
        said = json.loads((workspace / ".lakeloop.holder").read_text())
        assert said["pid"] == other.pid
        assert f": process {other.pid} on {said['host']}, since {said['since']}: -c {workspace}" in str(raised.value)
        assert told == [
            f"waiting for another job: process {other.pid} on {said['host']}, since {said['since']}: -c {workspace}"
        ]
        other.send_signal(signal.SIGKILL)
    with lake.writing(wait_seconds=5):  # the lock goes with its process, what was said of it is replaced
        assert json.loads((workspace / ".lakeloop.holder").read_text())["pid"] == os.getpid()
    assert not (workspace / ".lakeloop.holder").exists()


def test_what_is_said_of_the_holder_need_not_be_readable(tmp_path: Path) -> None:
    (tmp_path / ".lakeloop.holder").write_text("{")
    code = (
        "import sys; from filelock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / ".lakeloop.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        lake = Lake(None, tmp_path, retention=timedelta(days=1))  # type: ignore[arg-type]  # unused
        with (
            pytest.raises(BusyError, match=r"another job has held it for 0\.1 seconds\n"),
            lake.writing(wait_seconds=0.1),
        ):
            pass
        other.kill()


@pytest.mark.slow
def test_a_moved_workspace_takes_in_what_lands_and_nothing_twice(call: Call, project: Path) -> None:
    moved = project.rename(project.parent / "a new place")
    config = config_of(moved)
    land(config, LANDED, after=TURNS[-1])
    ended = call(moved, "ingest", as_of=LATER)
    assert (ended.code, ended.said) == (0, "")
    counted = [row for row in _batches(moved) if row["source"] == "deliveries"]
    assert len(counted) == 3
    assert sum(row["rows_duplicate"] for row in counted) == 0
    shutil.rmtree(moved / "workspace" / "checkpoints")
    (moved / "workspace/landing/deliveries/again.csv").write_text(_first_rows(moved, 3))
    ended = call(moved, "ingest", as_of="2024-02-13")
    assert (ended.code, ended.said) == (0, "")
    assert [row["rows_duplicate"] for row in _batches(moved) if row["source"] == "deliveries"][3:] == [2]


def _batches(project: Path) -> list[dict]:
    from deltalake import DeltaTable

    rows = DeltaTable(project / "workspace/ops/ingested_batches").to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: row["as_of"])


def _first_rows(project: Path, lines: int) -> str:
    files = sorted((project / "workspace/landing/deliveries").glob("*.csv"))
    return "".join(files[0].read_text().splitlines(keepends=True)[:lines])


@pytest.mark.slow
def test_a_moved_project_goes_on_with_its_own_models(call: Call, project: Path) -> None:
    moved = project.rename(project.parent / "moved")
    config = config_of(moved)
    land(config, LANDED, after=TURNS[-1])
    ended = call(moved, "run", "--model", "late", as_of=LATER)
    assert (ended.code, ended.said) == (0, "")
    assert not project.exists()  # nothing is written to the old place


@pytest.mark.slow
def test_two_runs_at_once_are_one_after_the_other(project: Path) -> None:
    config = config_of(project)
    land(config, LANDED, after=TURNS[-1])
    arguments = ["run", "--as-of", LATER, "--project", str(project), "--model", "late", "-v"]
    command = [sys.executable, "-c", "import sys; from lakeloop.cli import main; main(sys.argv[1:])", *arguments]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = sorted((process.wait(timeout=900), process.communicate()[1]) for process in both)
    assert ended[0][0] == 0
    assert ended[1][0] in (0, 6)
    assert "waiting for another job: process " in ended[0][1] + ended[1][1]
    if ended[1][0] == 6:
        assert ": busy\n  - lock: another job has held it for 30 seconds: process " in ended[1][1]


def test_a_project_without_a_workspace_is_not_taken_for_a_damaged_one(call: Call, shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "conf", tmp_path / "conf")
    edit(tmp_path, "project.yml", "seed: 7", f"seed: 7\nworkspace: {tmp_path}/elsewhere")
    assert call(tmp_path, "decide", as_of=LAST).code == 0
    assert call(tmp_path, "decide", as_of=LAST).code == 0

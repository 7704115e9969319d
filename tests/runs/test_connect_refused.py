"""What a Connect server cannot do for the loop, refused in words by real servers: no trace, and a stable exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.training_set import make_training_set
from lakeloop.runs.turn import run_turn
from tests.laws.small_loop import TURNS, land, write_project
from tests.outside import skip_without
from tests.runs.connect_server import ROOT, client_environment, free_port, running_server
from tests.shared import shared_session

pytestmark = pytest.mark.slow

FIRST = f"{TURNS[0]:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        code: Its exit code.
        told: What it said on standard error.
        error: The error of its JSON line.
    """

    code: int
    told: str
    error: dict[str, Any]


def run_job(job: str, root: Path, address: str) -> Ended:
    """Run a job in a process of its own over Connect."""
    command = [sys.executable, str(ROOT / "jobs" / f"{job}.py"), "--project", str(root), "--as-of", FIRST]
    done = subprocess.run(command, env=client_environment(address), cwd=ROOT, capture_output=True, timeout=600)
    line = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return Ended(done.returncode, done.stderr.decode(), line.get("error", {}))


def assert_refused(ended: Ended, code: int, *parts: str) -> None:
    """Assert that a job ended with a message of its own, and nothing of Java or Python."""
    assert ended.code == code, ended.told
    assert "Traceback" not in ended.told
    assert "\tat org.apache" not in ended.told
    for part in parts:
        assert part in ended.error["message"]
    assert ended.told.rstrip().endswith(ended.error["message"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("connect")) as address:
        yield address


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    land(write_project(root), TURNS[0])
    return root


def test_a_server_that_is_not_there(project: Path) -> None:
    address = f"sc://127.0.0.1:{free_port()}"
    assert_refused(run_job("features", project, address), 7, f"Spark Connect server {address}", "nobody answered there")


def test_a_server_without_delta(project: Path, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", {}) as address:
        ended = run_job("features", project, address)
    assert_refused(ended, 7, "Delta: it does not know DESCRIBE HISTORY", "spark.sql.extensions=io.delta.sql")


def test_a_setting_that_the_server_does_not_let_a_session_have(server: str, project: Path) -> None:
    declared = project / "conf/base/project.yml"
    settings = (
        "spark: {spark.driver.memory: 512m, spark.sql.shuffle.partitions: 1, spark.sql.warehouse.dir: /elsewhere}\n"
    )
    declared.write_text(declared.read_text(encoding="utf-8") + settings, encoding="utf-8")
    ended = run_job("features", project, server)
    assert_refused(ended, 3, "1 mistake", "project.yml: spark: spark.sql.warehouse.dir", "/elsewhere", "--conf")


def _may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.needs(_may_mount(), "the right to mount file systems apart (unshare -m)", "run the tests as root on Linux")
def test_files_that_the_server_does_not_see(project: Path, tmp_path: Path) -> None:
    hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(project))
    with running_server(tmp_path / "server", before=hidden) as address:
        ended = run_job("ingest", project, address)
    assert_refused(
        ended, 7, f"workspace {project / 'workspace'}", "the server does not see a file that this process wrote there"
    )
    assert list((project / "workspace").glob(".seen_by_both*")) == []


@pytest.mark.needs(_may_mount(), "the right to mount file systems apart (unshare -m)", "run the tests as root on Linux")
def test_files_of_the_server_that_this_process_does_not_see(project: Path, tmp_path: Path) -> None:
    place = tmp_path / "over"
    mount = (
        'mkdir -p "$1" && mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" && '
        'mount -t overlay overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" "$0" && shift && exec "$@"'
    )
    over = ("unshare", "-m", "sh", "-c", mount, str(project), str(place))
    if subprocess.run([*over, "true"], capture_output=True, check=False).returncode:
        skip_without("overlay file systems", "run the tests where a folder can be laid over another one")
    (project / "workspace").mkdir(exist_ok=True)
    with running_server(tmp_path / "server", before=over) as address:
        ended = run_job("ingest", project, address)
    assert_refused(ended, 7, "this process does not see a file that the server wrote there")


@pytest.mark.loop
def test_a_fit_that_the_workers_do_together(server: str, project: Path) -> None:
    model = project / "conf/base/models/late.yml"
    declared, search = model.read_text(encoding="utf-8"), "  search: {C: [0.1, 1.0]}\n"
    spread = declared.replace("sklearn.linear_model.LogisticRegression", "xgboost.XGBClassifier").replace(search, "")
    model.write_text(spread.replace("estimator:\n", "estimator:\n  distributed: true\n"), encoding="utf-8")
    shared_session()
    context = Context(load_config(project), TURNS[0])
    run_turn(context, [])
    make_training_set(context, "late")
    ended = run_job("train", project, server)
    assert_refused(
        ended, 2, "estimator.distributed: got a session of Spark Connect", "which Connect does not have", "remedy:"
    )

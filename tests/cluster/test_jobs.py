"""The jobs of the loop on a standalone cluster that loses a worker during each, and on this machine's own Spark.

The workers start from an empty environment: what their executors import is what was sent.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakeloop.config import Config, load_config
from tests.cluster.here import run_here
from tests.cluster.shipped import Shipped, make_archives
from tests.cluster.steps import STEPS, Outcome, Step, note, prepare, write_project
from tests.cluster.submitting import Submitted, submit
from tests.laws.compare import assert_same_run, assert_same_table, tables
from tests.runs.cluster import ROOT, Cluster, bare_environment, running_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

KILLED = [each for each in STEPS if each.kill_after is not None]


@dataclass(frozen=True)
class Done:
    """What was done.

    Attributes:
        here: Step -> how it ended on this machine's own Spark.
        there: Step -> how it ended on the cluster.
        submitted: Step -> what became of the job.
        ours: The project of the first.
        theirs: The project of the second.
        folder: Where the cluster's processes worked.
        imports: What executors told of where they found what they run; one entry per task.
    """

    here: Mapping[str, Outcome]
    there: Mapping[str, Outcome]
    submitted: Mapping[str, Submitted]
    ours: Config
    theirs: Config
    folder: Path
    imports: list[dict[str, str]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """All steps, here and there."""
    return run_all(tmp_path_factory.mktemp("cluster"))


def run_all(folder: Path) -> Done:
    """Run all steps on this machine's own Spark, then on a cluster."""
    ours, theirs, machines = folder / "ours", folder / "theirs", folder / "machines"
    machines.mkdir()
    shipped = make_archives()
    here = run_here(ours, folder / "ours.log")
    write_project(theirs)
    there, submitted = {}, {}
    with running_cluster(machines, workers=2, env=bare_environment(machines), memory="768m") as cluster:
        look = submit(cluster, shipped, ROOT / "tests/cluster/where.py", [], folder / "jobs" / "where")
        assert look.exit_code == 0, look.told[-3000:]
        for step in STEPS:
            prepare(step, theirs)
            submitted[step.name] = _submit(cluster, shipped, step, theirs, folder)
            there[step.name] = note(step, theirs, submitted[step.name].exit_code, submitted[step.name].output)
    imports = json.loads(look.output.strip().splitlines()[-1])
    return Done(here, there, submitted, load_config(ours, "slice"), load_config(theirs, "slice"), machines, imports)


def _submit(cluster: Cluster, shipped: Shipped, step: Step, root: Path, folder: Path) -> Submitted:
    while len(cluster.workers) < 2:
        cluster.add_worker()
    cluster.wait()
    file, place = ROOT / "jobs" / f"{step.job}.py", folder / "jobs" / step.name
    return submit(cluster, shipped, file, step.arguments(root), place, kill_after=step.kill_after)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_job_ends_on_a_cluster_as_it_does_here(done: Done, step: Step) -> None:
    here, there = done.here[step.name], done.there[step.name]
    assert there.exit_code == here.exit_code == step.exit_code
    assert there.line == here.line
    assert there.line["exit_code"] == step.exit_code


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_job_leaves_on_a_cluster_the_tables_that_it_leaves_here(done: Done, step: Step) -> None:
    here, there = (load_config(each[step.name].tables, "slice") for each in (done.here, done.there))
    assert tables(here) == tables(there) != []
    for table in tables(here):
        assert_same_table(here, there, table)


@pytest.mark.parametrize("step", KILLED, ids=lambda step: step.name)
def test_a_worker_was_killed_during_the_job(done: Done, step: Step) -> None:
    job = done.submitted[step.name]
    assert job.killed is not None
    assert job.log.tasks >= step.kill_after
    assert job.log.lost_tasks > 0, "an executor had a task under way"
    assert len(job.log.removed) == 1
    assert job.log.tasks_after > 0, "and the other went on"


def test_the_models_and_announcements_are_the_same(done: Done) -> None:
    assert_same_run(done.ours, done.theirs)


def test_executors_import_what_was_sent_and_nothing_of_this_checkout(done: Done) -> None:
    assert len(done.imports) == 4
    for each in done.imports:
        place = Path(each["working_in"])
        assert place.is_relative_to(done.folder)
        assert Path(each["lakeloop"]).resolve() == place / "lakeloop/lakeloop/__init__.py"
        assert Path(each["python"]).absolute() == place / "environment/bin/python"
        for package in ("numpy", "sklearn", "mlflow"):
            assert Path(each[package]).resolve().is_relative_to(place / "environment")
        assert str(ROOT / "src") not in each["path"].split(":")


def test_a_worker_alone_has_no_lakeloop(tmp_path: Path) -> None:
    found = subprocess.run(
        ["python3", "-c", "import lakeloop"], env=bare_environment(tmp_path), cwd=tmp_path, capture_output=True
    )
    assert found.returncode == 1
    assert b"No module named 'lakeloop'" in found.stderr

"""The DAG: parsed, filled in and run by a real Airflow where there is one; its text without."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

from lakeloop import __version__
from lakeloop.config.loading import load_config
from lakeloop.deployment.airflow import render_airflow
from lakeloop.deployment.plan import Turns, make_deploy_plan
from tests.deployment.conftest import plan_of
from tests.outside import skip_without

HERE = Path(__file__).parent
AIRFLOW = Path(".venvs/airflow/bin/python")


def run_airflow(call: list[str], home: Path, **variables: str) -> str:
    """Run something with Airflow's packages and a home of its own; give what it prints."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    own = {"AIRFLOW_HOME": str(home / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", **variables}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env={**known, **own})
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_dag_is_one_file_that_imports_nothing_of_lakeloop(project: Path) -> None:
    ((name, text),) = render_airflow(plan_of(project, None, Turns.BY_STEP)).items()
    assert name == "lakeloop_flights.py"
    imported = {
        (each.module or "") if isinstance(each, ast.ImportFrom) else each.names[0].name
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.Import | ast.ImportFrom)
    }
    assert {each.partition(".")[0] for each in imported} == {
        *("__future__", "os", "signal", "subprocess", "collections", "datetime", "typing"),
        *("pendulum", "airflow"),
    }
    assert max(len(line) for line in text.splitlines()) <= 120


def test_the_shipped_dag_is_that_of_the_reference_project() -> None:
    plan = make_deploy_plan(load_config(Path()), __version__, publish=["late_arrival"])
    ((name, text),) = render_airflow(plan).items()
    call = "lakeloop deploy airflow --to deploy/airflow --publish late_arrival"
    assert (Path("deploy/airflow") / name).read_text("utf-8") == text, f"write it again: {call}"


def test_every_placeholder_is_filled_in(project: Path) -> None:
    (text,) = render_airflow(plan_of(project)).values()
    assert "@" not in text


def test_no_instant_is_read_from_a_clock(project: Path) -> None:
    (text,) = render_airflow(plan_of(project)).values()
    assert not [each for each in ("now(", "today(", "time.time") if each in text]


def test_the_environment_is_named(project: Path) -> None:
    (text,) = render_airflow(plan_of(project, "prod")).values()
    assert 'arguments=["run", "--as-of", AS_OF, "--env", "prod"]' in text


@pytest.mark.slow
def test_airflow_parses_fills_in_and_runs_the_dag(project: Path, tmp_path: Path) -> None:
    if not AIRFLOW.exists():
        skip_without("Airflow in .venvs/airflow", "make deploy-tools")
    dags, programs = tmp_path / "dags", tmp_path / "programs"
    dags.mkdir()
    programs.mkdir()
    for name, text in render_airflow(plan_of(project, "prod", Turns.BY_STEP, "late_arrival")).items():
        (dags / name).write_text(text, "utf-8")
    for code in (0, 4, 6):
        program = programs / f"ends_{code}"
        program.write_text(f'#!/bin/sh\necho working\necho "{{\\"called\\": \\"$*\\"}}"\nexit {code}\n')
        program.chmod(0o755)
    call = [
        str(AIRFLOW.absolute()),
        str(HERE / "parsed_by_airflow.py"),
        str(dags),
        *map(str, sorted(programs.iterdir())),
    ]
    told = json.loads(run_airflow(call, tmp_path).splitlines()[-1])
    assert told["errors"] == {}
    assert told["dag"] == "lakeloop_flights"
    steps = ["ingest", "features", "score", "monitor", "decide", "answer", "publish"]
    assert told["tasks"] == {step: steps[max(number - 1, 0) : number] for number, step in enumerate(steps)}
    assert (told["retries"], told["limits"], told["runs"]) == ([[3, 60.0]], [14400.0], [False, 1])
    # 06:30 in New York, on the day on which clocks go forward: 10:30 and no longer 11:30 UTC.
    assert (told["summary"], told["first"]) == ("30 6 * * *", "2026-03-08T10:30:00+00:00")
    assert told["scheduled"]["ingest"] == ["ingest", "--as-of", "2026-07-01T10:30:00+00:00", "--env", "prod"]
    assert told["scheduled"]["publish"][:4] == ["publish", "late_arrival", "--as-of", "2026-07-01T10:30:00+00:00"]
    assert told["by_hand"]["ingest"][2] == "2026-07-01T09:00:00+00:00"  # when it was asked for, and no later
    assert {call[call.index("--as-of") + 1] for call in told["scheduled"].values()} == {"2026-07-01T10:30:00+00:00"}
    assert told["ends"] == {
        "ends_0": '{"called": "run --project /there --json"}',
        "ends_4": "AirflowFailException",  # for good
        "ends_6": "AirflowException",  # tried again
    }


@pytest.mark.slow
def test_airflow_runs_the_shipped_dag_to_its_end_as_of_one_instant(tmp_path: Path) -> None:
    if not AIRFLOW.exists():
        skip_without("Airflow in .venvs/airflow", "make deploy-tools")
    program, made = tmp_path / "lakeloop", tmp_path / "made"
    program.write_text(f'#!/bin/sh\necho "$@" >> {made}\necho "{{}}"\n')
    program.chmod(0o755)
    own = {"LAKELOOP_PROGRAM": str(program), "AIRFLOW__CORE__DAGS_FOLDER": str(Path("deploy/airflow").absolute())}
    airflow = str(AIRFLOW.absolute().with_name("airflow"))
    run_airflow([airflow, "db", "migrate"], tmp_path, **own)
    run_airflow([airflow, "dags", "test", "lakeloop_flights", "2026-07-01T10:30:00+00:00"], tmp_path, **own)
    shared = "--as-of 2026-07-01T10:30:00+00:00 --project /project --json"
    assert made.read_text().splitlines() == [f"run {shared}", f"publish late_arrival {shared}"]

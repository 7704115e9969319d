"""`lakeloop deploy`: what is written and said, and what is refused with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeloop import __version__
from lakeloop.cli import main
from tests.config.small_project import PROJECT
from tests.deployment.project import WAREHOUSE_SECRET, write_deployable

Call = Callable[..., tuple[int, str, str]]
HIDDEN = "hunter22-hunter22"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WAREHOUSE_SECRET, HIDDEN)
    return write_deployable(tmp_path / "project")


@pytest.fixture
def call(root: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def called(target: str, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["deploy", target, *arguments, "--project", str(root)])
        said = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        assert HIDDEN not in said.out + said.err
        return stop.value.code, said.out, said.err

    return called


def test_a_bundle_is_written_into_the_project_and_says_what_to_do_next(call: Call, root: Path) -> None:
    code, out, err = call("databricks", "--to", str(root / "deploy/databricks"), "--publish", "late_arrival")
    assert (code, err) == (0, "")
    assert out.splitlines()[-10:] == [
        "next",
        f"  cd {root}/deploy/databricks",
        "  export BUNDLE_VAR_warehouse_id=<id of a SQL warehouse>",
        "  export BUNDLE_VAR_service_principal=<its application id>   # for production",
        "  databricks secrets put-secret flights redis",
        *(f"  databricks bundle {each}" for each in ("validate", "deploy", "run schemas", "run turn", "run keys")),
    ]
    assert f"lakeloop=={__version__}" in (root / "deploy/databricks/databricks.yml").read_text("utf-8")


def test_the_wheel_may_be_built_from_a_source(call: Call, root: Path, tmp_path: Path) -> None:
    call("databricks", "--to", str(root), "--source", str(tmp_path / "lakeloop"), "--target", "dev")
    text = (root / "databricks.yml").read_text("utf-8")
    assert "--wheel-dir dist ../lakeloop\n" in text
    assert "    - conf\n" in text  # the bundle's folder is the project's
    assert "mode: production" not in text


def test_a_dag_is_written_anywhere(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("airflow", "--to", str(tmp_path / "dags"), "--by", "step", "--at", "22:15", "--env", "prod")
    assert code == 0
    assert out.splitlines() == [
        f"airflow: {tmp_path}/dags",
        "  written    lakeloop_flights.py",
        "next",
        "  in the workers' environment: LAKELOOP_PROJECT_FOLDER, LAKELOOP_PROGRAM",
        f"  variables that conf/ names: {WAREHOUSE_SECRET}",
    ]
    assert 'CronTriggerTimetable("15 22 * * *"' in (tmp_path / "dags/lakeloop_flights.py").read_text("utf-8")


def test_manifests_are_written_anywhere_and_reported_as_json(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("kubernetes", "--to", str(tmp_path / "jobs"), "--json")
    told = json.loads(out)
    assert (code, told["verb"], told["outcome"]) == (0, "deploy kubernetes", "done")
    assert told["result"]["written"] == [
        *("kustomization.yml", "network_policy.yml", "persistent_volume_claim.yml", "service_account.yml", "turn.yml"),
    ]


def test_a_changed_file_is_not_overwritten(call: Call, tmp_path: Path) -> None:
    call("airflow", "--to", str(tmp_path))
    (tmp_path / "lakeloop_flights.py").write_text("mine\n")
    code, _, err = call("airflow", "--to", str(tmp_path))
    assert code == 2
    assert "lakeloop_flights.py (changed since)" in err
    assert call("airflow", "--to", str(tmp_path), "--force")[0] == 0


@pytest.mark.parametrize(
    ("target", "given", "code", "told"),
    [
        ("databricks", ["--to", "/tmp/elsewhere"], 2, "a folder in it: what is uploaded with a bundle lies beside"),
        ("databricks", ["--to", "{root}", "--target", "qa"], 2, "--target: got 'qa'; allowed: dev, prod"),
        ("airflow", ["--to", "{root}/dags", "--by", "steps"], 2, "--by: got 'steps'; allowed: turn, step"),
        ("airflow", ["--to", "{root}/dags", "--at", "noon"], 2, "--at: got 'noon'; allowed: a time of day"),
        ("airflow", ["--to", "{root}/dags", "--publish", "late"], 2, "--publish: got 'late'; allowed: late_arrival"),
        ("kubernetes", ["--to", "{root}/jobs", "--by", "step"], 3, "Kubernetes knows no order of jobs"),
        ("kubernetes", ["--to", "{root}/jobs", "--env", "prod"], 3, "the pod has its workspace at /project/workspace"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    call: Call, root: Path, target: str, given: list[str], code: int, told: str
) -> None:
    before = sorted(root.rglob("*"))
    ended, _, err = call(target, *(each.replace("{root}", str(root)) for each in given))
    assert ended == code
    assert told in err
    assert sorted(root.rglob("*")) == before


def test_a_project_without_environments_is_told_what_databricks_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_deployable(tmp_path, {f"conf/{each}/project.yml": None for each in ("dev", "prod")})
    with pytest.raises(SystemExit) as stop:
        main(["deploy", "databricks", "--to", str(root), "--project", str(root)])
    assert stop.value.code == 2
    assert "make conf/dev/project.yml with catalog, workspace and tracking_uri" in capsys.readouterr().err


def test_a_variable_that_another_file_overrides_is_found_too(
    call: Call, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_URI", "https://mlflow")
    text = PROJECT + "tracking_uri: ${MLFLOW_URI}\ndescription: ${TEAM:-ours}\n"
    (root / "conf/base/project.yml").write_text(text, "utf-8")
    code, _, err = call("databricks", "--to", str(root))
    assert code == 3
    assert err.splitlines() == [
        "databricks, target dev: the project cannot run there as it is declared",
        "  - conf/base/project.yml:5: tracking_uri: the environment variable MLFLOW_URI, which is not set",
        "  remedy: a serverless job has no variables: write ${secret:scope/key}, or a default; nothing was written",
    ]


def test_every_reason_against_databricks_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_deployable(tmp_path, {"conf/dev/project.yml": PROJECT, "conf/prod/project.yml": None})
    with pytest.raises(SystemExit) as stop:
        main(["deploy", "databricks", "--to", str(root), "--publish", "late_arrival", "--project", str(root)])
    assert stop.value.code == 3
    assert capsys.readouterr().err.splitlines() == [
        "databricks: the project cannot run there as it is declared",
        "  - dev: no catalog: serverless tables are those of Unity Catalog; declare catalog in project.yml",
        "  - dev: runs and versions are kept elsewhere: write tracking_uri: databricks and registry: "
        "{uri: databricks-uc, schema: <catalog>.<schema>}",
        "  - dev: the online store is a file, which a volume cannot hold: name a server, or publish nothing",
        "  remedy: mend conf/, see docs/databricks.md; nothing was written",
    ]

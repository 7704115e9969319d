"""Secrets by scope: asked for once, only when named, and in no message."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from lakeloop.config.loading import load_config, read_document
from lakeloop.config.variables import variable_of
from lakeloop.errors import ConfigError, EnvironmentProblemError
from lakeloop.runs.plan import describe_plan, make_plan
from lakeloop.secret_scopes import RUNTIME, Variables, known_variables
from tests.config.small_project import PROJECT, write_project

HIDDEN = "hunter22-hunter22"
HELD = {("flights", "mlflow"): f"postgresql://me:{HIDDEN}@db/mlflow"}


class Scope:
    """A stand-in for the scopes of a workspace."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get(self, scope: str, key: str) -> str:
        self.asked.append((scope, key))
        return HELD[scope, key]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    text = PROJECT + 'tracking_uri: "${secret:flights/mlflow}"\ndescription: kept in $${secret:flights/mlflow}\n'
    return write_project(tmp_path, {"conf/base/project.yml": text})


def test_a_secret_is_asked_of_its_scope_once_and_never_shown(project: Path) -> None:
    scope = Scope()
    config = load_config(project, variables=Variables({}, scope.get))
    assert config.tracking_uri == HELD["flights", "mlflow"]
    assert scope.asked == [("flights", "mlflow")]
    assert config.shown_tracking_uri == "${secret:flights/mlflow}"
    assert HIDDEN not in describe_plan(make_plan(config))
    assert config.project.description == "kept in ${secret:flights/mlflow}"


def test_elsewhere_a_variable_stands_for_it_and_wins_over_the_scope(project: Path) -> None:
    scope, name = Scope(), variable_of("secret:flights/mlflow")
    assert name == "LAKELOOP_SECRET_FLIGHTS__MLFLOW"
    for variables in ({name: "https://here"}, Variables({name: "https://here"}, scope.get)):
        assert load_config(project, variables=variables).tracking_uri == "https://here"
    assert scope.asked == []


def test_a_secret_counts_by_its_name_in_the_hash_of_a_declaration(project: Path) -> None:
    hashes = {
        load_config(project, variables={"LAKELOOP_SECRET_FLIGHTS__MLFLOW": uri}).spec_hash("project", "flights")
        for uri in ("https://here", "https://there")
    }
    assert len(hashes) == 1


def test_a_secret_that_is_not_known_is_a_mistake_with_its_remedy(project: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(project, variables={})
    (issue,) = raised.value.issues
    assert issue.got == "the secret flights/mlflow, which is not known here"
    assert issue.remedy.endswith("elsewhere set the variable LAKELOOP_SECRET_FLIGHTS__MLFLOW")


@pytest.mark.parametrize(
    "written", ["${secret:flights}", "${secret:flights/}", "${secret:a/b:-default}", "${secret:a/b c}"]
)
def test_other_forms_are_refused(tmp_path: Path, written: str) -> None:
    text = PROJECT + f'description: "{written}"\n'
    root = write_project(tmp_path, {"conf/base/project.yml": text})
    with pytest.raises(ConfigError, match="without one variable inside another"):
        load_config(root, variables={"LAKELOOP_SECRET_A__B": "x"})


def test_a_scope_that_refuses_is_told_without_what_it_says(project: Path) -> None:
    def refuse(scope: str, key: str) -> str:
        raise RuntimeError(f"token {HIDDEN} may not read {scope}")

    with pytest.raises(EnvironmentProblemError) as raised:
        load_config(project, variables=Variables({}, refuse))
    assert "flights/mlflow: the scope did not give it (RuntimeError)" in str(raised.value)
    assert HIDDEN not in str(raised.value)


def test_a_wrong_value_is_not_in_the_message(tmp_path: Path) -> None:
    text = PROJECT + "seed: ${secret:flights/mlflow}\n"
    root = write_project(tmp_path, {"conf/base/project.yml": text})
    with pytest.raises(ConfigError) as raised:
        load_config(root, variables=Variables({}, Scope().get))
    assert HIDDEN not in str(raised.value)
    assert "${secret:flights/mlflow}" in str(raised.value)


def test_a_file_that_is_read_again_has_its_secrets(tmp_path: Path) -> None:
    text = PROJECT + 'description: "${secret:flights/mlflow}"\n'
    root = write_project(tmp_path, {"conf/base/project.yml": text})
    config = load_config(root, variables=Variables({}, Scope().get))
    assert read_document(config, "project:flights").value_at(("description",)) == HELD["flights", "mlflow"]
    assert HIDDEN not in repr(config.secrets.keys())


def test_a_password_may_be_one(tmp_path: Path) -> None:
    text = PROJECT + 'online_store: {address: "redis://:${secret:flights/redis}@cache:6379/0"}\n'
    root = write_project(tmp_path, {"conf/base/project.yml": text})
    config = load_config(root, variables={"LAKELOOP_SECRET_FLIGHTS__REDIS": HIDDEN})
    assert config.online_store_address == f"redis://:{HIDDEN}@cache:6379/0"


def test_databricks_own_scopes_are_asked_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    scope, runtime = Scope(), ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(secrets=scope)  # type: ignore[attr-defined]  # a stand-in for what it sets
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    assert known_variables({}).get("secret:flights/mlflow") is None
    assert known_variables({RUNTIME: "client.4.1"})["secret:flights/mlflow"] == HELD["flights", "mlflow"]
    assert scope.asked == [("flights", "mlflow")]

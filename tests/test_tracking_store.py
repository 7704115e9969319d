"""A wrong tracking address: told at once, with what to do, and without names and passwords."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from lakeloop.errors import ConflictError, EnvironmentProblemError
from lakeloop.model_versions import ModelVersion
from lakeloop.registry import Registry
from lakeloop.tracking_store import hide_credentials, prepare_store

RETRIES, TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
MEND = "remedy: correct tracking_uri in project.yml, or start the tracking server; then call the same again"


def refusal(uri: str, folder: Path) -> str:
    with pytest.raises(EnvironmentProblemError) as raised:
        Registry(uri, "shops", folder / "mlartifacts")
    assert raised.value.exit_code == 7
    return str(raised.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("htp://host", "tracking_uri 'htp://host': is no address of a tracking store; allowed: sqlite:///<file>, "),
        ("mlruns", "tracking_uri 'mlruns': is no address of a tracking store; allowed: sqlite:///<file>, "),
        ("file:///data/mlruns", "tracking_uri 'file:///data/mlruns': is no address of a tracking store; allowed: "),
        ("sqlite://", "tracking_uri 'sqlite://': is no address of a tracking store; allowed: sqlite:///<file>, "),
        ("http://me:secret@127.0.0.1:9", "tracking_uri 'http://***@127.0.0.1:9': no answer: [Errno 111] Connection"),
        ("postgresql://me:secret@127.0.0.1:9/x", "tracking_uri 'postgresql://***@127.0.0.1:9/x': "),
    ],
    ids=["unknown scheme", "a folder", "file store", "no file named", "refused port", "driver missing"],
)
def test_a_wrong_address_is_refused_at_once(
    uri: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (RETRIES, TIMEOUT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    started = time.monotonic()
    message = refusal(uri, tmp_path)
    assert time.monotonic() - started < 60  # MLflow alone takes minutes for the port
    assert said in message
    assert "secret" not in message
    assert message.endswith(MEND)
    assert list(tmp_path.iterdir()) == []  # nothing is made at a place nobody meant


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("this is a text, and a rather long one, so that nothing takes it for a database")
    before = path.read_bytes()
    assert "mlflow.db': (sqlite3.DatabaseError) file is not a database" in refusal(f"sqlite:///{path}", tmp_path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refusal(f"sqlite:///{tmp_path}/file/mlflow.db", tmp_path)
    assert "its folder cannot be made: " in message


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that MLflow made, with an experiment of the project."""
    folder = tmp_path_factory.mktemp("store")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "shops", folder / "mlartifacts")
    registry._experiment("late")
    return folder


@pytest.fixture
def moved(store: Path, tmp_path: Path) -> Path:
    """The same store at another place."""
    (tmp_path / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    return tmp_path


def execute(folder: Path, statement: str) -> list[tuple[str]]:
    with sqlite3.connect(folder / "mlflow.db") as connection:
        rows: list[tuple[str]] = connection.execute(statement).fetchall()
    connection.close()
    return rows


def test_a_store_of_another_mlflow_says_how_to_upgrade(moved: Path) -> None:
    execute(moved, "UPDATE alembic_version SET version_num = '451aebb31d03'")
    message = refusal(f"sqlite:///{moved}/mlflow.db", moved)
    assert "Detected out-of-date database schema (found version 451aebb31d03" in message
    assert f"take a backup of it, then run `mlflow db upgrade sqlite:///{moved}/mlflow.db`" in message


def locations(folder: Path) -> list[tuple[str]]:
    return execute(folder, "SELECT artifact_location FROM experiments WHERE name = 'shops/late'")


def test_a_store_that_was_moved_names_its_artifacts_at_the_new_place(store: Path, moved: Path) -> None:
    there = (store / "mlartifacts").as_uri()
    assert locations(moved) == [(f"{there}/late",)]
    execute(
        moved,
        "INSERT INTO runs (run_uuid, experiment_id, artifact_uri) "
        f"SELECT 'a', experiment_id, '{there}/late/a/artifacts' FROM experiments WHERE name = 'shops/late'",
    )
    execute(moved, "INSERT INTO runs (run_uuid, artifact_uri) VALUES ('b', 's3://elsewhere/mlartifacts/b')")
    prepare_store(f"sqlite:///{moved}/mlflow.db", moved / "mlartifacts")
    here = (moved / "mlartifacts").as_uri()
    assert locations(moved) == [(f"{here}/late",)]
    runs = execute(moved, "SELECT artifact_uri FROM runs ORDER BY run_uuid")
    assert runs == [(f"{here}/late/a/artifacts",), ("s3://elsewhere/mlartifacts/b",)]
    assert locations(store) == [(f"{there}/late",)]  # a copy leaves the original alone


def test_a_store_that_is_not_in_the_workspace_keeps_its_places(store: Path, moved: Path, tmp_path: Path) -> None:
    before = locations(moved)
    prepare_store(f"sqlite:///{moved}/mlflow.db", tmp_path / "workspace" / "mlartifacts")
    assert locations(moved) == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:secret@host/x failed", "http://***@host/x failed"),
        ("http://token@host and mysql://a:b@c", "http://***@host and mysql://***@c"),
        ("http://host/path@version", "http://host/path@version"),
    ],
)
def test_credentials_of_an_address_are_hidden(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown


def test_what_a_person_has_set_for_slow_networks_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeloop.registry import store

    asked: list[str | None] = []
    monkeypatch.setenv(RETRIES, "4")
    monkeypatch.delenv(TIMEOUT, raising=False)
    look: Callable[[str], str | None] = store.os.environ.get
    with store.answer_quickly():
        asked += [look(RETRIES), look(TIMEOUT)]
    assert asked == ["4", "15"]
    assert look(TIMEOUT) is None


@pytest.mark.parametrize(("with_files", "timeout"), [(False, "30"), (True, None)])
def test_a_store_is_not_waited_for_for_minutes_where_no_file_goes_along(
    with_files: bool, timeout: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakeloop.registry import store

    for name in (RETRIES, TIMEOUT):
        monkeypatch.delenv(name, raising=False)
    with store.answer_in_time(with_files=with_files):
        asked = os.environ.get(RETRIES), os.environ.get(TIMEOUT)
    assert asked == ("5", timeout)
    assert {RETRIES, TIMEOUT}.isdisjoint(os.environ)


def test_a_store_that_went_down_is_asked_for_about_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeloop.registry.answers import ExplainingClient

    for name in (RETRIES, TIMEOUT):
        monkeypatch.delenv(name, raising=False)
    slept: list[float] = []
    own = SimpleNamespace(time=time.time, sleep=slept.append)  # time.sleep is of every thread of the process
    monkeypatch.setattr("urllib3.util.retry.time", own)
    with pytest.raises(EnvironmentProblemError, match=r"no answer: \[Errno 111\] Connection refused"):
        ExplainingClient("http://127.0.0.1:9").search_experiments(max_results=1)
    assert 60 <= sum(slept) <= 65  # with the jitter of each time; MLflow alone sleeps 244


def test_a_server_that_takes_a_call_and_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeloop.registry.answers import ExplainingClient

    monkeypatch.setenv(RETRIES, "0")
    monkeypatch.setenv(TIMEOUT, "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EnvironmentProblemError, match="start the tracking server") as raised:
            ExplainingClient(address).search_experiments(max_results=1)
    assert f"tracking_uri '{address}': no answer: Read timed out. (read timeout=1)\n" in str(raised.value)


@pytest.mark.parametrize("raised", [MlflowException("no answer"), FileNotFoundError("model.skops"), ValueError("{")])
def test_a_version_has_lost_what_a_store_that_answers_does_not_give(raised: Exception, store: Path) -> None:
    from lakeloop.registry.answers import ExplainingClient, explaining_loss

    version = ModelVersion("late", "1", "run", "key", {}, "models:/m-1")
    with (
        pytest.raises(ConflictError, match="its files are gone"),
        explaining_loss(ExplainingClient(f"sqlite:///{store}/mlflow.db"), version, "its files are gone"),
    ):
        raise raised


def test_a_version_has_lost_nothing_where_the_store_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeloop.registry.answers import ExplainingClient, explaining_loss

    monkeypatch.setenv(RETRIES, "0")
    version = ModelVersion("late", "1", "run", "key", {}, "models:/m-1")
    with (
        pytest.raises(EnvironmentProblemError, match=r"no answer: \[Errno 111\] Connection refused"),
        explaining_loss(ExplainingClient("http://127.0.0.1:9"), version, "its files are gone"),
    ):
        raise FileNotFoundError("model.skops")

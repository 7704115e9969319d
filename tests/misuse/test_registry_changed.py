"""The registry changed by hand: the promotions ledger is the truth, and what it names must be there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lakeloop.errors import ConflictError
from lakeloop.registry import Registry
from tests.misuse.finished import LATER, Call, config_of, edit

pytestmark = pytest.mark.loop

MODEL = "late"
LOST = f"model {MODEL} version 2: conflicts with what is recorded\n  - registry: "
STALE = "STALE: built through"
"""What `score` says next: it got past the registry, and the gold tables are of the last turn."""


def client(project: Path) -> MlflowClient:
    address = f"sqlite:///{project}/workspace/mlflow.db"
    return MlflowClient(address, address)


def test_a_champion_deleted_from_the_registry_is_told_before_any_work(call: Call, project: Path) -> None:
    client(project).delete_model_version(MODEL, "2")
    for verb in ("score", "monitor", "run"):
        ended = call(project, verb, "--model", MODEL)
        assert ended.code == 6
        assert ended.said.startswith(f"{LOST}ops.promotions names it, the registry does not have it\n  remedy: put ")
    assert "ingest" not in ended.told


def test_a_version_that_no_longer_serves_may_be_deleted(call: Call, project: Path) -> None:
    client(project).delete_model_version(MODEL, "1")
    assert STALE in call(project, "score", "--model", MODEL).said


def test_another_version_under_the_champion_s_number_does_not_pass_for_it(call: Call, project: Path) -> None:
    registry = client(project)
    source = registry.get_model_version(MODEL, "1").source
    registry.delete_registered_model(MODEL)
    registry.create_registered_model(MODEL)
    for _ in range(2):  # numbers begin at 1 again
        registry.create_model_version(MODEL, source)
    ended = call(project, "score", "--model", MODEL)
    assert (ended.code, ended.said.splitlines()[1]) == (
        6,
        "  - registry: the registry has another one under this number",
    )


@pytest.mark.parametrize("version", [None, "1"], ids=["alias deleted", "alias moved"])
def test_the_alias_follows_the_ledger_again(call: Call, project: Path, version: str | None) -> None:
    registry = client(project)
    registry.delete_registered_model_alias(MODEL, "champion")
    if version is not None:
        registry.set_registered_model_alias(MODEL, "champion", version)
    assert STALE in call(project, "score", "--model", MODEL).said
    assert registry.get_model_version_by_alias(MODEL, "champion").version == 2


def test_a_deleted_store_is_not_begun_anew_in_silence(call: Call, project: Path) -> None:
    store, backup = project / "workspace" / "mlflow.db", project / "backup.db"
    shutil.move(store, backup)
    ended = call(project, "run")
    assert (ended.code, ended.said.splitlines()[1]) == (
        6,
        "  - registry: ops.promotions names it, the registry does not have it",
    )


def test_artifacts_that_are_gone_are_told_and_a_backup_mends_it(call: Call, project: Path) -> None:
    artifacts, aside = project / "workspace" / "mlartifacts", project / "aside"
    artifacts.rename(aside)
    ended = call(project, "monitor", "--model", MODEL)
    assert ended.code == 6
    assert ended.said.startswith(f"{LOST}reference.json of run ")
    aside.rename(artifacts)
    assert call(project, "monitor", "--model", MODEL).code == 0


def test_artifacts_that_were_changed_are_not_loaded(project: Path) -> None:
    config = config_of(project)
    registry = Registry(config.tracking_uri, config.project.project, config.workspace / "mlartifacts")
    found = client(project).get_model_version(MODEL, "2")
    version = registry.get_version(MODEL, "2", found.tags["lakeloop.run_key"])
    for path in config.workspace.glob("mlartifacts/late/models/*/artifacts/requirements.txt"):
        path.write_text("mlflow")
    with pytest.raises(ConflictError, match="checksum: its files are not those that were registered"):
        registry.load_pipeline(version)
    shutil.rmtree(config.workspace / "mlartifacts" / MODEL / "models")
    with pytest.raises(ConflictError, match="registry: its files are gone"):
        registry.load_pipeline(version)


def test_a_deleted_run_of_the_champion_does_not_stop_its_service(call: Call, project: Path) -> None:
    registry = client(project)
    registry.delete_run(registry.get_model_version(MODEL, "2").run_id)
    assert STALE in call(project, "score", "--model", MODEL).said


def test_a_wrong_tracking_address_is_told_before_any_work_and_keeps_its_secret(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKELOOP_TEST_SECRET", "n0b0dy-guesses")
    address = "http://me:${LAKELOOP_TEST_SECRET}@127.0.0.1:9"
    edit(project, "project.yml", "seed: 7", f"seed: 7\ntracking_uri: {address}")
    ended = call(project, "run")
    assert ended.code == 7
    assert ended.said == (
        "MLflow: the environment is not ready\n"
        "  - tracking store: tracking_uri 'http://***@127.0.0.1:9': no answer: [Errno 111] Connection refused\n"
        "  remedy: correct tracking_uri in project.yml, or start the tracking server; then call the same again\n"
    )
    assert "ingest" not in ended.told
    edit(project, "project.yml", f"\ntracking_uri: {address}", "")
    assert STALE in call(project, "score", "--model", MODEL, as_of=LATER).said

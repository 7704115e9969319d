"""Names of three levels: composed in one place, and given to MLflow wherever a model is named. Nothing is run there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from pydantic import ValidationError

from lakeloop.config.registry import RegistrySettings
from lakeloop.registry import Registry

NAME = "main.models.late"
SETTINGS = RegistrySettings(uri="databricks-uc", schema="main.models")


class Calls:
    """Stands for MLflow's client: notes the names it is given."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def _version(self, number: str) -> Any:
        tags = {"lakeloop.run_key": f"key-{number}"}
        return SimpleNamespace(name=NAME, version=number, run_id="run", tags=tags, source="")

    def search_experiments(self, **_: Any) -> list[Any]:
        return []

    def search_model_versions(self, wanted: str, page_token: str | None = None) -> Any:
        self.made.append(("search", wanted))

        class Page(list[Any]):
            token = "" if page_token else "next"

        number = "2" if page_token is None else "1"
        return Page([SimpleNamespace(name=NAME, version=number, run_id="run", tags={}, source="")])

    def get_model_version(self, name: str, version: str) -> Any:
        self.made.append(("get", name, version))
        return self._version(version)

    def get_model_version_by_alias(self, name: str, alias: str) -> Any:
        self.made.append(("alias", name, alias))
        raise MlflowException("none", RESOURCE_DOES_NOT_EXIST)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.made.append(("set", name, alias, version))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls()

    def client(tracking_uri: str, registry_uri: str) -> Calls:
        made.made.append(("client", tracking_uri, registry_uri))
        return made

    monkeypatch.setattr("lakeloop.registry.registry.mlflow.MlflowClient", client)
    monkeypatch.setattr("lakeloop.registry.registry.mlflow.set_tracking_uri", lambda _: None)
    monkeypatch.setattr("lakeloop.registry.registry.mlflow.set_registry_uri", lambda _: None)
    return made


def test_a_model_is_named_with_catalog_and_schema(calls: Calls) -> None:
    registry = Registry("databricks", "shops", settings=SETTINGS)
    found = registry.list_versions("late")
    assert [(each.model, each.version, each.run_key) for each in found] == [
        ("late", "1", "key-1"),
        ("late", "2", "key-2"),
    ]
    assert registry.find_version("late", "key-2") == found[1]
    assert registry.get_version("late", "2", "key-2").model == "late"
    assert registry.set_alias("late", "champion", "2")
    assert calls.made[0] == ("client", "databricks", "databricks-uc")
    assert ("search", f"name = '{NAME}'") in calls.made
    assert ("get", NAME, "2") in calls.made  # a search there tells no tags
    assert ("set", NAME, "champion", "2") in calls.made
    assert all(NAME in str(each[1]) for each in calls.made[1:])


def test_a_flat_registry_is_the_tracking_store(calls: Calls) -> None:
    Registry("https://mlflow.example", "shops")
    assert calls.made == [("client", "https://mlflow.example", "https://mlflow.example")]


@pytest.mark.parametrize(
    "settings",
    [
        {"uri": "databricks-uc"},
        {"schema": "main.models"},
        {"uri": "https://host", "schema": "main.models"},
        {"uri": "databricks-uc", "schema": "models"},
        {"uri": "databricks-uc", "schema": "main.models.late"},
        {"uri": "databricks-uc", "schema": "Main.models"},
        {"uri": "models/here"},
        {"allow_pickle": "perhaps"},
        {"stages": True},
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegistrySettings(**settings)

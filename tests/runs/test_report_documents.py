from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config import load_config
from lakeloop.drift.bins import ColumnBins
from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure
from lakeloop.model_versions import ModelVersion
from lakeloop.reporting.recorded import Recorded
from lakeloop.runs.context import Context
from lakeloop.runs.report_documents import VersionFacts, read_version_facts
from tests.config.small_project import edited, write_project
from tests.reporting.recordings import JUNE, MAY, drift, promotion

BINS = ColumnBins("score", "number", edges=(0.5,))
IMPORTANCE = {"columns": [{"column": "distance", "increase": 0.75}, {"column": "origin", "increase": 0.25}]}
REFERENCE = json.dumps({"bins": [BINS.to_dict()]})
BOTH = {"importance.json": IMPORTANCE, "prediction_reference.json": REFERENCE}


class Shelf:
    """A registry of documents: version -> file -> content; a recalibrated version names its parent."""

    def __init__(self, documents: dict[str, dict[str, Any]], parents: dict[str, str] | None = None) -> None:
        self.documents, self.parents, self.asked = documents, parents or {}, 0

    def get_version(self, model: str, version: str, run_key: str) -> ModelVersion:
        assert run_key == f"key {version}"
        self.asked += 1
        if version not in self.documents:
            raise ConflictError(model, [Failure("version", "it is gone")], "train again")
        parent = self.parents.get(version)
        tags = {} if parent is None else {"parent_version": parent}
        return ModelVersion(model, version, f"run {version}", run_key, tags)

    def read_document(self, version: ModelVersion, name: str) -> Any:
        if name not in self.documents[version.version]:
            raise ConflictError(version.model, [Failure(name, "it is gone")], "train again")
        return self.documents[version.version][name]


class Silent(Shelf):
    """A store that does not answer."""

    def get_version(self, model: str, version: str, run_key: str) -> ModelVersion:
        self.asked += 1
        raise EnvironmentProblemError("MLflow", [Failure("tracking store", "does not answer")], "start it")


def recorded(newest: str = "2") -> Recorded:
    return Recorded(
        drift=[drift("distance", MAY), drift("distance", JUNE, model_version=newest)],
        promotions=[promotion(MAY, number, run_key=f"key {number}") for number in ("1", "2", "3")],
    )


def facts(root: Path, shelf: Shelf, rows: Recorded) -> dict[str, VersionFacts]:
    context = Context(load_config(write_project(root)), JUNE)
    context.config.workspace.mkdir(parents=True)
    (context.config.workspace / "mlflow.db").touch()
    context.__dict__["registry"] = shelf
    return read_version_facts(context, rows)


def test_the_version_that_the_newest_drift_speaks_of_is_asked(tmp_path: Path) -> None:
    found = facts(tmp_path, Shelf({"1": {}, "2": BOTH, "3": {}}), recorded())
    assert found == {"late_arrival": VersionFacts({"distance": 0.75, "origin": 0.25}, {"score": BINS.labels()})}


def test_a_recalibrated_version_has_the_importances_of_its_parent(tmp_path: Path) -> None:
    shelf = Shelf({"1": {"importance.json": IMPORTANCE}, "2": {"prediction_reference.json": REFERENCE}}, {"2": "1"})
    found = facts(tmp_path, shelf, recorded())["late_arrival"]
    assert (found.importances["distance"], found.bins["score"][0]) == (0.75, "<= 0.5")


@pytest.mark.parametrize(
    "documents", [{}, {"2": {}}, {"2": {"importance.json": [], "prediction_reference.json": "no"}}]
)
def test_what_is_gone_is_not_known(tmp_path: Path, documents: dict[str, dict[str, Any]]) -> None:
    assert facts(tmp_path, Shelf(documents), recorded()) == {"late_arrival": VersionFacts()}


def test_versions_that_name_each_other_end(tmp_path: Path) -> None:
    assert facts(tmp_path, Shelf({"1": {}, "2": {}}, {"1": "2", "2": "1"}), recorded()) == {
        "late_arrival": VersionFacts()
    }


def test_a_store_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    shelf = Silent({})
    assert facts(tmp_path, shelf, recorded()) == {}
    assert shelf.asked == 1


def test_a_report_makes_no_store(tmp_path: Path) -> None:
    context = Context(load_config(write_project(tmp_path)), JUNE)
    assert read_version_facts(context, recorded()) == {}
    assert "registry" not in context.__dict__
    assert not context.config.workspace.exists()


def test_a_server_where_nobody_listens_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    changes = edited("conf/base/project.yml", "retention:", "tracking_uri: http://127.0.0.1:9\nretention:")
    context = Context(load_config(write_project(tmp_path, changes)), JUNE)
    assert read_version_facts(context, recorded()) == {}

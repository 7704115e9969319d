"""Servers that tests of the online answer share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lakeloop.serving.settings import ServeSettings
from tests.serving.asking import TOKEN, Place
from tests.serving.factories import fit_pipeline


@pytest.fixture(scope="session")
def pipelines() -> dict[str, Any]:
    return {task: fit_pipeline(task) for task in ("classification", "multiclass", "regression")}


@pytest.fixture
def place(tmp_path: Path, pipelines: dict[str, Any]) -> Place:
    return Place(tmp_path, pipelines)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, pipelines: dict[str, Any]) -> Iterator[TestClient]:
    """A server for tests that change nothing; items are a double."""
    place = Place(tmp_path_factory.mktemp("shared"), pipelines)
    columns = {"shop": "string", "items": "double", "order_ts": "timestamp", "order": "bigint", "count": "int"}
    with place.serve(columns=columns) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, pipelines: dict[str, Any]) -> Iterator[TestClient]:
    """A server with a token."""
    place = Place(tmp_path_factory.mktemp("guarded"), pipelines)
    with place.serve(settings=ServeSettings(token=TOKEN)) as client:
        yield client

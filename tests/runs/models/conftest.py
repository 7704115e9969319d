"""Three registered versions of a model, made once; every test has a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.runs.context import Context
from tests.laws.small_loop import write_project
from tests.runs.models.ledgers import day, register


@pytest.fixture(scope="package")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registered") / "project"
    context = Context(write_project(root), day(0))
    context.lake.create_own(schemas.RUNS)
    for number in (1, 2, 3):
        register(context.registry, number)
    return root


@pytest.fixture
def context(registered: Path, tmp_path: Path) -> Context:
    """The project on its tenth day; nothing is judged yet."""
    root = tmp_path / "project"
    shutil.copytree(registered, root)
    return Context(load_config(root), day(10))

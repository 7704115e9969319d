"""Three registered versions of a model, made once; every test has a copy of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
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
def context(registered: Path, tmp_path: Path) -> Iterator[Context]:
    """The project on its tenth day; nothing is judged yet. Whatever a test does, no row of its ledger goes."""
    root = tmp_path / "project"
    shutil.copytree(registered, root)
    made = Context(load_config(root), day(10))
    yield made
    log = Path(made.lake.own(schemas.PROMOTIONS).path) / "_delta_log"
    actions = [json.loads(line) for each in log.glob("*.json") for line in each.read_text().splitlines()]
    assert not [each["remove"]["path"] for each in actions if each.get("remove", {}).get("dataChange")]

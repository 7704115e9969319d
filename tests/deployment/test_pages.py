"""`docs/databricks.md` and `docs/orchestration.md` say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import typer

from lakeloop.cli.verbs import app
from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.project import Project
from lakeloop.deployment.databricks import ENVIRONMENT_VERSION
from lakeloop.deployment.plan import RETRIES, TIMEOUT_SECONDS, final_codes
from lakeloop.deployment.queries import QUERIES

DATABRICKS = Path("docs/databricks.md").read_text("utf-8")
SCHEDULERS = Path("docs/orchestration.md").read_text("utf-8")
MAKEFILE = Path("Makefile").read_text("utf-8")


def test_the_project_that_is_shown_is_read() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", DATABRICKS, re.DOTALL)
    document = parse_yaml(block, "conf/prod/project.yml", {"LAKELOOP_SECRET_FLIGHTS__REDIS": "x"})
    assert document.issues == ()
    assert Project.model_validate({"retention": "1 day", **document.data}).catalog == "flights"


def test_every_question_is_listed_with_the_tables_it_asks() -> None:
    rows = re.findall(r"^\| `(\w+)`: .*? \| (.*?) \|$", DATABRICKS, re.MULTILINE)
    assert [(name, set(re.findall(r"`(\S+?)`", tables))) for name, tables in rows] == [
        (each.name, {".".join(found) for found in re.findall(r"\b(monitoring|ops)\.(\w+)", each.sql)})
        for each in QUERIES
    ]


@pytest.mark.parametrize("target", ["databricks", "airflow", "kubernetes"])
def test_every_option_is_documented(target: str) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, click.Group | typer.core.TyperGroup)
    group = root.commands["deploy"]
    assert isinstance(group, click.Group | typer.core.TyperGroup)
    shared = {"--project", "--json", "--verbose", "-v", "--log-format", "--help", "-h"}
    options = {name for each in group.commands[target].params for name in each.opts} - shared
    documented = set(re.findall(r"`(--[a-z]+)", SCHEDULERS + DATABRICKS))
    assert options <= documented


def test_numbers_are_those_of_the_code() -> None:
    assert f"`retries`, {RETRIES} times" in SCHEDULERS
    assert f"{TIMEOUT_SECONDS // 3600} hours a task" in SCHEDULERS
    assert f"({', '.join(map(str, final_codes()))})" in SCHEDULERS
    assert f"(version {ENVIRONMENT_VERSION}, Python 3.12)" in DATABRICKS
    for package, page in (("databricks-bundles", DATABRICKS), ("apache-airflow", SCHEDULERS)):
        (version,) = re.findall(rf"{package}==([\d.]+)", MAKEFILE)
        assert version in page

"""The projects that the page on migrating shows are valid, and mean what it says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakeloop.cli.verbs import app
from lakeloop.config.loading import load_config
from lakeloop.runs.plan import make_plan

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^ *```yaml\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
BLOCKS = [textwrap.dedent(found["text"]) for found in _BLOCK.finditer(PAGE)]


def write(root: Path) -> None:
    """Write every block where its first line says."""
    for text in BLOCKS:
        path = root / text.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists(), f"{path} is shown twice"
        path.write_text(text, encoding="utf-8")


def test_every_block_says_which_file_it_is() -> None:
    assert len(BLOCKS) == PAGE.count("```yaml")
    assert not [text for text in BLOCKS if not re.match(r"# (feast|stacks|notebook)/conf/\w+/(\w+/)?\w+\.yml\n", text)]


@pytest.mark.parametrize(
    ("project", "env", "sources", "tables", "columns"),
    [
        ("feast", None, ["driver_stats", "trip_ends", "trips"], ["driver_hourly_stats"], 6),
        ("stacks", None, ["ride_requests", "rides"], ["pickup_zip"], 3),
        ("stacks", "prod", ["ride_requests", "rides"], ["pickup_zip"], 3),
        ("notebook", None, ["purchases"], ["customer_spending"], 6),
    ],
)
def test_the_shown_projects_have_plans(
    tmp_path: Path, project: str, env: str | None, sources: list[str], tables: list[str], columns: int
) -> None:
    write(tmp_path)
    plan = make_plan(load_config(tmp_path / project, env))
    assert [each.source for each in plan.sources] == sources
    assert [each.feature_table for each in plan.feature_tables] == tables
    assert [len(each.columns) for each in plan.models] == [columns]


@pytest.mark.parametrize(
    ("project", "command"),
    [
        ("stacks", ["databricks", "--target", "prod"]),
        ("feast", ["airflow", "--publish", "trip_completed"]),
        ("notebook", ["airflow", "--at", "06:30"]),
        ("notebook", ["kubernetes", "--at", "06:30"]),
    ],
)
def test_the_shown_projects_are_deployed_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str, command: list[str]
) -> None:
    assert f"lakeloop deploy {command[0]}" in PAGE
    write(tmp_path)
    monkeypatch.chdir(tmp_path / project)
    done = CliRunner().invoke(app, ["deploy", *command, "--to", f"deploy/{command[0]}"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / project / "deploy" / command[0] / f"lakeloop-{command[0]}.json").is_file()

"""The site: its reference pages name all there is, its pages are found and linked, and it can be built."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site.command_line import list_verbs
from docs.site.pages import list_pages, render_reference, write_pages
from docs.site.results import list_statuses
from lakeloop import errors
from lakeloop.aggregates import AGGREGATES
from lakeloop.config.preprocess import Step
from lakeloop.config.rules import RULES, word_of
from lakeloop.distances import DISTANCES, TESTS
from lakeloop.errors import EXIT_CODES
from lakeloop.on_demand.functions import FUNCTIONS
from lakeloop.schemas import OWN_TABLES
from tests.outside import skip_without

ROOT = Path(__file__).resolve().parents[2]
PAGES = render_reference()


def page(name: str) -> str:
    """Give a reference page."""
    return PAGES[f"reference/{name}.md"]


def test_every_kind_has_a_page() -> None:
    assert sorted(PAGES) == [
        *(
            f"reference/{each}.md"
            for each in (
                "command_line", "config/aggregates", "config/feature_table", "config/metrics", "config/model",
                "config/on_demand", "config/project", "config/rules", "config/source", "config/statistics",
                "errors", "statuses", "tables",
            )
        )
    ]  # fmt: skip
    for name, text in PAGES.items():
        assert text.startswith("# "), name
        assert not re.search(r"\|[^|\n]*\n[^|\n]+\|$", text), name  # no cell holds a line's end


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("project", ["project", "notify.channels.<name>.on"]),
        ("source", ["source", "read.jdbc", "columns.<name>.type"]),
        ("feature_table", ["feature_table", "aggregate[].over"]),
        ("model", ["model", "decide.when.bias", "gate.slices", "preprocess[].steps"]),
    ],
)
def test_every_key_has_a_row(name: str, keys: list[str]) -> None:
    text = page(f"config/{name}")
    assert [each for each in keys if f"| `{each}` |" not in text] == []
    configuration = (ROOT / "docs/configuration.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row not in configuration] == []


def test_every_word_has_a_row() -> None:
    for name, words in (
        ("rules", [word_of(each) for each in RULES]),
        ("aggregates", AGGREGATES),
        ("statistics", [*DISTANCES, *TESTS]),
    ):
        assert [each for each in words if f"| `{each}` |" not in page(f"config/{name}")] == []
    assert [each for each in FUNCTIONS if f"| `{each}(" not in page("config/on_demand")] == []
    assert [each for each in Step if f"`{each.value}" not in page("config/model")] == []


def test_every_verb_has_its_options() -> None:
    text = page("command_line")
    for name, command in list_verbs():
        assert re.search(rf"^##+ lakeloop {name}$", text, re.MULTILINE), name
        for each in command.params:
            assert (
                each.name in ("help", "context")
                or each.opts[0] in text
                or f"`{each.metavar or each.name.upper()}`" in text
            ), (name, each.name)
            assert each.param_type_name == "argument" or each.help, f"{name} {each.opts[0]} has no help"


def test_every_table_has_its_columns() -> None:
    text = page("tables")
    for table in OWN_TABLES:
        _, _, section = text.partition(f"\n## {table.layer}.{table.name}\n")
        section = section.partition("\n## ")[0]
        assert [each.name for each in table.columns if f"| `{each.name}` |" not in section] == [], table.name
        assert table.grain.replace("|", "\\|") in section
        assert all(re.search(rf"^\| `{each}` .*volatile", section, re.MULTILINE) for each in table.volatile)


def test_every_error_has_its_exit_code() -> None:
    text = page("errors")
    tree = ast.parse(Path(errors.__file__).read_text("utf-8"))
    names = [each.name for each in tree.body if isinstance(each, ast.ClassDef) and each.name.endswith("Error")]
    for name in names:
        if not name.startswith("_"):
            assert f"| `{name}` | {getattr(errors, name).exit_code} |" in text
    assert all(f"| {code} | {meaning} |" in text for code, meaning in EXIT_CODES.items())


def test_every_status_has_its_words() -> None:
    text = page("statuses")
    for each in list_statuses():
        assert f"## {each.__name__}\n" in text
        assert ", ".join(f"`{word.value}`" for word in each) in text


def test_every_page_is_laid_out_and_in_the_table_of_contents(tmp_path: Path) -> None:
    write_pages(ROOT, tmp_path)
    start = (tmp_path / "index.md").read_text("utf-8")
    for each in list_pages(ROOT):
        assert each == "README.md" or (tmp_path / each).is_file()
        contents = (tmp_path / "docs/adr/README.md").read_text("utf-8") if each.startswith("docs/adr/") else start
        name = each.removeprefix("docs/adr/") if each != "docs/adr/README.md" else each
        assert each in ("README.md", "docs/adr/README.md") or f"\n{name.removesuffix('.md')}\n" in contents, each
    assert all(f"\n{each.removesuffix('.md')}\n" in start for each in PAGES)
    assert (tmp_path / "LICENSE").is_file()  # a link takes a file of the repository along
    assert "](conf/base)" not in start  # and a folder becomes text


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    make = ["make", "-o", "environment", f"PY={sys.executable}", f"SITE={tmp_path}"]
    ready = subprocess.run([*make, ".venvs/docs/made"], cwd=ROOT, capture_output=True, text=True, check=False)
    if ready.returncode:
        skip_without("the packages of the site (Sphinx)", "an index of Python packages that can be reached")
    built = subprocess.run([*make, "docs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    shown = (tmp_path / "html/reference/python/lakeloop/plugins/rules/index.html").read_text("utf-8")
    assert "lakeloop.plugins.rules.DeclaredRule" in shown
    assert "decide.when.bias" in (tmp_path / "html/reference/config/model.html").read_text("utf-8")
    assert 'href="docs/cli.html"' in (tmp_path / "html/index.html").read_text("utf-8")

"""What is stored of the notebooks: no outputs, names that exist, and a way to find each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.executing import FOLDER

ROOT = FOLDER.parent
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_five_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "a_training_sets_life",
        "explore_the_feature_store",
        "first_look",
        "reading_drift",
        "replay",
    ]


@each_notebook
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@each_notebook
def test_a_notebook_is_named_in_the_readme_or_the_docs(path):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(f"notebooks/{path.name})" in page.read_text(encoding="utf-8") for page in pages)


@each_notebook
def test_a_notebook_ends_with_pages_that_exist(path):
    last = nbformat.read(path, as_version=4).cells[-1]
    linked = re.findall(r"\]\(([^)]+)\)", last.source)
    assert last.cell_type == "markdown"
    assert "## Read next" in last.source
    assert linked
    assert [each for each in linked if not (FOLDER / each).exists()] == []


@each_notebook
def test_what_a_notebook_imports_of_lakeloop_exists(path):
    imported = list(_imported(path))
    assert imported
    assert [f"{module}.{name}" for module, name in imported if name not in _defined(module)] == []


def _imported(path: Path) -> Iterator[tuple[str, str]]:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            for each in ast.walk(ast.parse(cell.source)):
                if isinstance(each, ast.ImportFrom) and str(each.module).startswith("lakeloop"):
                    yield from ((str(each.module), alias.name) for alias in each.names)


def _defined(module: str) -> set[str]:
    """Names of a module by its text: to import it may take seconds."""
    place = ROOT / "src" / Path(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    names: set[str] = set()
    for each in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            names.add(each.name)
        elif isinstance(each, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in each.names}
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names

"""docs/laws.md names tests that are there, for every law."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\d)\. [^\n]+\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def _marks(function: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(each) for each in function.decorator_list)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_is_there_and_slow_where_it_says_so(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    (found,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name]
    module_marks = " ".join(ast.unparse(each) for each in tree.body if isinstance(each, ast.Assign))
    (line,) = [each for each in re.split(r"\n- ", PAGE) if f"{file}::{name}`" in each]
    assert ("(slow)" in line.partition("`")[0]) == ("mark.slow" in f"{_marks(found)} {module_marks}")


def test_every_law_names_its_tests():
    assert sorted(SECTIONS) == [str(law) for law in range(1, 9)]
    for section in SECTIONS.values():
        assert re.search(r"`tests/[\w/]+\.py::\w+`", section)


def test_every_test_of_a_law_is_named():
    """Those of the files of tests/laws that the page speaks of."""
    own = {
        (file, each.name)
        for file in {file for file, _ in NAMED if file.startswith("tests/laws/")}
        for each in ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    }
    left_out = {name for _, name in own - set(NAMED)}
    assert left_out == {
        "test_a_word_reached_elsewhere_is_asserted_there",
        "test_a_turn_in_which_no_window_has_ended_is_empty",
        "test_a_rebuild_with_other_declarations_is_refused",
        "test_a_set_that_was_never_pinned_is_not_ready",
    }

"""The lint rule for calls that bring rows to the driver, and the project held to it."""

from __future__ import annotations

import json

import pytest

from tests.lint.code import ROOT, code_files
from tests.lint.collects import BRINGING, COUNTED, find_in

RUNS = "src/lakeloop/runs/score.py"
CODE = dict(code_files(ROOT))


@pytest.mark.parametrize("path", list(CODE))
def test_every_call_that_brings_rows_to_the_driver_says_why_they_are_few(path):
    assert [str(each) for each in find_in(path, CODE[path])] == []


def test_the_rule_reads_sources_jobs_and_notebooks():
    folders = {path.split("/")[0] for path in CODE}
    assert folders == {"src", "jobs", "notebooks"}


@pytest.mark.parametrize("method", sorted(BRINGING - COUNTED))
def test_a_call_without_a_reason_is_found_at_its_line(method):
    (found,) = find_in(RUNS, f"def read(rows):\n    return rows.{method}()\n")
    assert str(found) == f"{RUNS}:2: {method}: say why the rows are few: `# bounded: one per file`"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("x = rows.collect()  # bounded: one row per day", []),
        ("x = rows.collect()  # bounded:  ", [1]),  # no reason is none
        ("x = rows.collect()  # noqa: S101  # bounded: two rows", []),
        ("x = (\n    rows.where('a')\n    .collect()  # bounded: one\n)", []),
        ("x = (  # bounded: one\n    rows.where('a')\n    .collect()\n)", [3]),  # not on the line of the call
        ("x = rows.take(5), rows.head(), rows.first()", []),  # the number stands there
        ("x = rows.take(n)", [1]),
        ("x = rows.head(n=many)", [1]),
        ("x = rows.agg(F.first('a'))", []),
        ("collect(rows)", []),  # another function
        ("columns = rows.columns", []),
    ],
)
def test_the_reason_stands_on_the_line_of_the_call(code, lines):
    assert [each.line for each in find_in(RUNS, code)] == lines


def test_elsewhere_no_reason_helps():
    (found,) = find_in("src/lakeloop/drift/verdicts.py", "x = rows.collect()  # bounded: one")
    assert "rows come to the driver only in" in found.problem


def test_code_of_notebooks_is_read_without_its_magics(tmp_path):
    (tmp_path / "notebooks").mkdir()
    cells = [
        {"cell_type": "markdown", "source": ["rows.collect()"]},
        {"cell_type": "code", "source": ["%pip list\n", "x = rows.toPandas()\n"]},
    ]
    (tmp_path / "notebooks" / "look.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    ((path, code),) = code_files(tmp_path)
    assert [(each.line, each.name) for each in find_in(path, code)] == [(2, "toPandas")]

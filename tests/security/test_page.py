"""`docs/security.md`: every claim names a test that is there; `docs/observability.md`: its examples run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.openlineage import OpenLineage
from lakeloop.schemas import RUNS
from lakeloop.tables.in_process import append_rows, create_table

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "docs/security.md").read_text("utf-8")
OBSERVABILITY = (ROOT / "docs/observability.md").read_text("utf-8")


def test_every_claim_names_a_test_that_is_there() -> None:
    claims = [line.split(" | ") for line in SECURITY.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    claims = [each for each in claims if each[2] not in ("test |", "not trusted with |") and "`tests/" in each[2]]
    assert len(claims) > 15
    for claim, _, tests in claims:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", tests)
        assert named, claim
        for file, test in named:
            assert (ROOT / file).is_file(), claim
            assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), test


@pytest.mark.parametrize("section", SECURITY.split("\n### ")[1:])
def test_no_row_of_what_is_defended_is_without_a_test(section: str) -> None:
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    assert [row for row in rows if row != "| claim | by | test |" and "`tests/" not in row] == []


def test_the_columns_of_the_page_are_those_of_the_ledger() -> None:
    named = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (?:s|bytes|rows, bytes|JSON) \|", OBSERVABILITY, re.MULTILINE)
    columns = {name for each in named for name in re.findall(r"\w+", each)}
    assert columns == {
        *("seconds", "cpu_seconds", "peak_python_bytes", "peak_java_bytes"),
        *("rows_written", "bytes_written", "tables"),
    }
    assert columns <= RUNS.volatile
    assert columns <= set(RUNS.columns.fieldNames())


def test_the_query_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, noon = str(tmp_path / "workspace/ops/runs"), datetime(2024, 2, 4, 12, tzinfo=UTC)
    create_table(path, RUNS.columns, "One row per step of a job.", {})
    row = {"run_id": "7d", "job": "run", "step": "score", "subject": "late", "outcome": "done", "result": "{}"}
    row |= {"as_of": noon, "peak_java_bytes": 2**30, "rows_written": 70}
    old = {**row, "started_ts": noon - timedelta(days=30), "seconds": 99.0}
    steps = [{**row, "started_ts": noon, "seconds": each} for each in (1.0, 2.0, 6.0)]
    ingest = {**row, "step": "ingest", "subject": None, "started_ts": noon, "seconds": 9.0, "rows_written": 0}
    append_rows(path, RUNS.columns, [old, *steps, ingest], "write 1", "{}")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", OBSERVABILITY, re.DOTALL)
    known: dict[str, Any] = {}
    exec(compile(block, "docs/observability.md", "exec"), known)
    assert known["slowest"].rows() == [
        ("ingest", None, 1, 9.0, 9.0, 0, 1024.0),
        ("score", "late", 3, 2.0, 6.0, 210, 1024.0),
    ]


def test_the_project_of_the_page_is_read() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", OBSERVABILITY, re.DOTALL)
    document = parse_yaml(block, "project.yml", {"LINEAGE_KEY": "x"})
    assert document.issues == ()
    assert OpenLineage.model_validate(document.data["openlineage"]).namespace == "shops"

"""Data Docs: what the quality gate recorded, as pages of Great Expectations. Nothing is judged again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lakeloop import schemas
from lakeloop.expectations import StoredResult, StoredVerdict, write_data_docs
from lakeloop.reporting.quality import MAX_QUALITY_TURNS
from lakeloop.reporting.recorded import keep_last_attempts
from lakeloop.runs.context import Context
from lakeloop.runs.table_rules import SUITE
from lakeloop.statuses import Severity

FOLDER = "data_docs"
_TOLD_APART = ("problem", "expectation")


def build_data_docs(context: Context) -> Path:
    """Write the Data Docs of what the gate recorded up to the logical now, of the last turns.

    Args:
        context: Project, lake and logical now.

    Returns:
        `<workspace>/data_docs/index.html`; what an earlier call wrote is replaced.

    >>> index = build_data_docs(fresh)  # nothing was judged there
    >>> index.parent.name, index.name, index.exists()
    ('data_docs', 'index.html', True)
    """
    context.progress("data docs")
    results = read_results(context)
    folder = context.config.workspace / FOLDER
    part, old = (folder.with_name(f".{FOLDER}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    for each in (part, old):
        shutil.rmtree(each, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    write_data_docs(results, part)
    if folder.exists():
        folder.replace(old)
    part.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder / "index.html"


def read_results(context: Context) -> list[StoredResult]:
    """Read what the gate recorded: the last attempt per source of the last turns, where there was a verdict.

    Args:
        context: Project, lake and logical now.

    Returns:
        The results, oldest first, sources by name.

    >>> orders = [each for each in read_results(context) if each.source == "orders"]
    >>> [(each.rows, each.passed, len(each.verdicts)) for each in orders]
    [(600, True, 6), (240, True, 6)]
    """
    rows = keep_last_attempts(context.lake.own_rows(schemas.QUALITY, context.as_of), "source")
    turns = sorted({row["as_of"] for row in rows})[-MAX_QUALITY_TURNS:]
    grouped: dict[tuple[datetime, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["as_of"] in turns:
            grouped.setdefault((row["as_of"], row["source"]), []).append(row)
    found = (_result(source, as_of, grouped[as_of, source]) for as_of, source in sorted(grouped))
    return [each for each in found if each is not None]


def _result(source: str, as_of: datetime, rows: list[Mapping[str, Any]]) -> StoredResult | None:
    whole = next(row for row in rows if row["check"] == SUITE)
    if whole["passed"] is None:
        return None
    verdicts = tuple(_verdict(row) for row in sorted(rows, key=lambda row: str(row["check"])) if row is not whole)
    return StoredResult(source, as_of, whole["rows"], whole["passed"], verdicts)


def _verdict(row: Mapping[str, Any]) -> StoredVerdict:
    observed = json.loads(row["observed"])
    expectation = observed.get("expectation") or {}
    return StoredVerdict(
        check=row["check"],
        severity=Severity(row["severity"]),
        passed=row["passed"],
        problem=observed.get("problem") or (None if row["status"] == "OK" else row["status"]),
        type=expectation.get("type"),
        arguments=expectation.get("arguments", {}),
        found={name: value for name, value in observed.items() if name not in _TOLD_APART},
    )

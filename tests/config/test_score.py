"""`score`: which engine answers, and that it is no part of what a version is made by."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.config.score import ScoringEngine
from lakeloop.errors import ConfigError
from lakeloop.runs.declared import serving_hash
from tests.laws.small_loop import write_project


def declare(root: Path, text: str) -> None:
    path = root / "conf" / "base" / "models" / "late.yml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize("engine", list(ScoringEngine))
def test_an_engine_changes_no_hash(tmp_path: Path, engine: ScoringEngine) -> None:
    before = write_project(tmp_path)
    assert before.models["late"].score.engine is ScoringEngine.AUTO
    declare(tmp_path, f"score: {{engine: {engine}}}\n")
    after = load_config(tmp_path)
    assert after.models["late"].score.engine is engine
    assert after.spec_hash("model", "late") == before.spec_hash("model", "late")
    assert serving_hash(after, after.models["late"]) == serving_hash(before, before.models["late"])


@pytest.mark.parametrize(
    ("written", "where"), [("{engine: polars}", "score.engine"), ("{engines: arrow}", "score.engines")]
)
def test_another_engine_or_key_is_refused(tmp_path: Path, written: str, where: str) -> None:
    write_project(tmp_path)
    declare(tmp_path, f"score: {written}\n")
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path)
    assert [issue.where for issue in refused.value.issues] == [where]

"""The page on troubleshooting: what it says a person sees is what tests have seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "troubleshooting.md"
ROW = re.compile(r"^\| (?!you see)(?!-)(.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)
SHOWN_BY = [
    *sorted((TESTS / "misuse").glob("test_*.py")),
    *(
        TESTS / name
        for name in (
            "tables/test_integrity.py",
            "cli/test_machine.py",
            "test_transient.py",
            "config/test_loading.py",
            "test_tracking_store.py",
            "test_tables.py",
            "runs/test_quality.py",
            "runs/test_backfill.py",
            "features/test_tick_lists.py",
        )
    ),
    *(TESTS / "runs" / name for name in ("test_failed_models.py", "test_outdated.py")),
    *(
        TESTS / "runs" / name
        for name in ("test_audit.py", "test_engine.py", "test_manifests.py", "test_spine.py", "test_table_rules.py")
    ),
    *(TESTS / "runs" / name for name in ("test_training_read.py", "test_distributed_fit.py")),
    *sorted((TESTS / "runs" / "models").glob("test_*.py")),
    *(TESTS / name for name in ("registry/test_loading.py", "runs/test_held.py", "training/test_gate_rules.py")),
    TESTS / "training/test_storable.py",
    *(TESTS / name for name in ("cli/test_deploy.py", "deployment/test_write.py", "test_secret_scopes.py")),
    TESTS / "cli/test_store_failure.py",
    *(TESTS / name for name in ("storage/test_store.py", "tables/test_formats.py", "config/test_wrong_files.py")),
    *(TESTS / "runs" / name for name in ("test_declared.py", "test_ingest.py", "test_stopped_source.py")),
    TESTS / "runs/test_connect_refused.py",
]


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def phrases() -> list[str]:
    found = [phrase for seen, _, _ in rows() for phrase in re.findall(r"`([^`]+)`", seen)]
    assert len(found) >= len(rows()) > 25
    return found


@pytest.mark.parametrize("phrase", phrases())
def test_every_phrase_of_the_page_is_seen_by_a_test(phrase: str) -> None:
    texts = [path.read_text(encoding="utf-8").replace("\\", "") for path in SHOWN_BY if path != Path(__file__)]
    assert any(phrase in text for text in texts)


def test_every_row_says_why_and_what_to_do() -> None:
    assert all(why and do for _, why, do in rows())

"""A missing program is a skip of its name, and an error where all is required."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.outside import skip_without


def test_what_is_missing_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^missing: redis-server; install redis-server$"):
        skip_without("redis-server", "install redis-server")


def test_what_is_missing_is_an_error_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=r"^missing: redis-server; .* \(REQUIRE_ALL=1\)$"):
        skip_without("redis-server", "install redis-server")


def test_no_test_is_skipped_in_another_way() -> None:
    """What a machine lacks for good is another thing than a program that is missing: those are named here."""
    tests = Path(__file__).parent
    skips = re.compile(r"pytest\.(?:skip|importorskip)\(|mark\.skip")
    found = {
        each.relative_to(tests).as_posix()
        for each in tests.rglob("*.py")
        if each != Path(__file__) and skips.search(each.read_text(encoding="utf-8"))
    }
    assert found == {
        "outside.py",
        "benchmarks/test_measure.py",  # no /proc: not Linux
        "misuse/test_places.py",  # nothing is read-only for root
    }

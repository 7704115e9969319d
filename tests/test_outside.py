"""A missing program is a skip of its name, and an error where all is required."""

from __future__ import annotations

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

"""The benchmark of the online stores at a tiny size."""

from __future__ import annotations

import pytest

from benchmarks import online_store


def test_the_costs_of_a_store_are_a_row_of_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(online_store, "LOOK_UPS", 20)
    monkeypatch.setattr("sys.argv", ["online_store", "--entities", "200"])
    online_store.main()
    title, _, head, _, *rows = capsys.readouterr().out.splitlines()
    assert title == "7 tables x 200 entities x 15 features"
    assert [row.split("|")[1].strip() for row in rows][:1] == ["SQLite"]
    assert all(row.count("|") == head.count("|") for row in rows)

"""The benchmark of leaks says what it needs; no Spark starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.leakage import find_newest
from lakeloop.errors import NotReadyError
from lakeloop.runs.context import Context
from tests.laws.small_loop import write_project


def test_without_a_set_it_says_how_to_pin_one(tmp_path: Path) -> None:
    context = Context(write_project(tmp_path), datetime(2024, 2, 4, tzinfo=UTC))
    with pytest.raises(NotReadyError, match="training set: none is pinned") as missing:
        find_newest(context, "late")
    assert "lakeloop training-set build" in str(missing.value)

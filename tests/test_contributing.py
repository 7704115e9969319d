"""The files that CONTRIBUTING shows work as they stand there."""

from __future__ import annotations

import doctest
import re
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from lakeloop import aggregates
from lakeloop.aggregates import AGGREGATES
from lakeloop.features import windows
from lakeloop.quality.rules import holds
from tests.factories import EVENT_COLUMNS, declare_windows, frame, instant, make_event, rows_of
from tests.shared import scratch

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"```python\n# (?P<path>src/\S+\.py)\n(?P<text>.*?)```", re.DOTALL)
SHOWN = {found["path"]: found["text"] for found in _BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text("utf-8"))}


@cache
def load(path: str) -> ModuleType:
    """Load a file that is shown."""
    name = Path(path).stem
    file = scratch() / f"{name}.py"
    file.write_text(SHOWN[path], encoding="utf-8")
    spec = spec_from_file_location(f"shown_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # pydantic looks up names there
    spec.loader.exec_module(module)
    return module


def load_kind(kind: str) -> ModuleType:
    """Load the file that shows a kind of thing."""
    return load(next(path for path in SHOWN if Path(path).parent.name == kind))


def test_a_rule_an_aggregate_and_a_statistic_are_shown():
    assert sorted(Path(path).parent.name for path in SHOWN) == ["aggregates", "distances", "rules"]
    assert not [path for path in SHOWN if (ROOT / path).exists()]  # a real one needs no showing


@pytest.mark.parametrize("path", sorted(SHOWN))
def test_what_is_shown_runs(path):
    assert doctest.testmod(load(path)).failed == 0


def test_the_shown_rule_judges_rows(spark):
    rule = load_kind("rules").RULE.model_validate({"rule": "length", "column": "tail", "at_most": 4})
    (condition,) = rule.conditions()
    rows = spark.createDataFrame([("N123",), ("N1234",), ("",), (None,)], "tail string")
    found = [row[0] for row in rows.select(holds(condition)).collect()]
    assert found == [True, False, True, True]


def test_the_shown_aggregate_is_computed(spark, monkeypatch):
    monkeypatch.setattr(aggregates, "AGGREGATES", {**AGGREGATES, "max": load_kind("aggregates").AGGREGATE})
    events = [make_event("2013-05-01 10:00", delay=4.0), make_event("2013-05-01 10:30", delay=10.0)]
    found = windows.aggregate_windows(
        frame(spark, EVENT_COLUMNS, events), declare_windows(), None, instant("2013-05-01 14:00")
    )
    assert [row["max_delay_2h"] for row in rows_of(found, "available_ts")] == [0.0, 6.0, 0.0, None]


def test_the_shown_statistic_is_a_distance():
    distance = load_kind("distances").DISTANCE
    assert distance.between([0.36, 0.64], [0.64, 0.36]) == pytest.approx(0.2)  # sqrt(1 - 2 * 0.6 * 0.8)

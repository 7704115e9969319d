"""What a batch whose accepted rows are written may still be ended by."""

from __future__ import annotations

from typing import Any

import pytest

from lakeloop.errors import ConflictError
from lakeloop.runs.judgement import note_judgement, read_judgement
from lakeloop.tables import Commit
from tests.factories import SOURCE, declare_source, instant

JUNE = instant("2014-06-01 00:00")
WIND = {"rule": "range", "column": "wind_mph", "min": 0}
ORIGIN = {"rule": "unique", "columns": ["origin"]}
AT = {"rule": "unique", "columns": ["observed_ts"]}
FRESH = {"rule": "freshness", "within": "2 days"}
TEXT = {**SOURCE["columns"], "wind_mph": {"type": "string"}}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    done = Commit(1, "a1", "ingest", "batch", "", rows=0, notes=note_judgement(declare_source(**before), JUNE))
    try:
        assert read_judgement(declare_source(**after), done, "weather.yml") == JUNE
    except ConflictError as refused:
        return [each.name for each in refused.failures]
    return []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"rules": [WIND, FRESH]}, {"rules": [WIND], "owner": "ops", "gate": {"min_rows": 0}}, []),
        ({"rules": [WIND, ORIGIN]}, {"rules": [ORIGIN, WIND]}, []),
        ({"rules": [ORIGIN, AT]}, {"rules": [AT, ORIGIN]}, ["order of rules"]),
        ({"rules": [WIND]}, {"rules": [{**WIND, "min": 1}]}, ["rule range_wind_mph"]),
        ({"rules": [WIND]}, {"rules": [{**WIND, "severity": "warn"}]}, ["rule range_wind_mph"]),
        ({}, {"rules": [WIND]}, ["rule range_wind_mph"]),
        ({}, {"columns": TEXT, "available_ts": "observed_ts"}, ["available_ts", "columns"]),
        ({}, {"history": None}, ["history"]),
        ({}, {"landing": {"path": "elsewhere", "new_columns": "quarantine"}}, ["new_columns"]),
    ],
)
def test_what_decides_where_a_row_goes_has_to_be_the_same(
    before: dict[str, Any], after: dict[str, Any], found: list[str]
) -> None:
    assert differences(before, after) == found


def test_a_commit_that_does_not_tell_asks_for_nothing() -> None:
    done = Commit(1, "a1", "ingest", "batch", "", rows=0)
    assert read_judgement(declare_source(), done, "weather.yml") is None

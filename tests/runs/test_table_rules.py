"""Rules over a turn's rows at the gate, turn after turn: what is recorded, and what later turns compare with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.runs.bronze import bronze_schema, create_tables
from lakeloop.runs.context import Context
from lakeloop.runs.data_docs import build_data_docs
from lakeloop.runs.quality import check_quality
from lakeloop.tables import WriteIdentity
from tests.factories import SOURCE, instant

FIRST, DAY = instant("2014-06-01 00:00"), timedelta(days=1)
STATIONS = {
    **SOURCE,
    "source": "stations",
    "landing": {"path": "landing/stations"},
    "columns": {"origin": {"type": "string"}, "observed_ts": {"type": "timestamp"}},
    "key": ["origin"],
    "gate": {"min_rows": 0},
}


def open_context(root: Path, rules: Sequence[dict[str, Any]], **changes: Any) -> Context:
    """A project of readings and the stations that made them, at the first of June."""
    files = {
        "project": {"project": "small", "retention": "30 days"},
        "sources/weather": {**SOURCE, "rules": list(rules), **changes},
        "sources/stations": STATIONS,
    }
    for file, content in files.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Context(load_config(root), FIRST)


def accept(context: Context, source: str, *rows: tuple[str, datetime, float | None]) -> None:
    """Put rows into bronze: an airport, the instant it was observed and known at, the wind."""
    declared = context.config.sources[source]
    create_tables(context.lake, declared)
    schema = bronze_schema(declared)
    given = [
        {"origin": origin, "observed_ts": at, "wind_mph": wind, "event_ts": at, "available_ts": at}
        for origin, at, wind in rows
    ]
    tuples = [tuple(row.get(name) for name in schema.fieldNames()) for row in given]
    frame = context.spark.createDataFrame(tuples, schema).coalesce(1)
    with context.lake.writing():
        context.lake.append(frame, context.lake.address("bronze", source), WriteIdentity("test", str(rows)))


def judge(context: Context) -> tuple[bool | None, list[str]]:
    """Ask the gate about the readings, twice: the same is said, and nothing more is recorded."""
    said = check_quality(context).sources
    recorded = context.lake.own_rows(schemas.QUALITY, None)
    assert check_quality(context).sources == said
    assert context.lake.own_rows(schemas.QUALITY, None) == recorded
    (weather,) = (each for each in said if each.source == "weather")
    return weather.passed, [each.name for each in weather.failures]


def recorded(context: Context, check: str) -> tuple[str, bool | None, dict[str, Any]]:
    """What the last attempt at this instant recorded of a check."""
    rows = context.lake.own_rows(schemas.QUALITY, None)
    chosen = [row for row in rows if row["check"] == check and row["as_of"] == context.as_of]
    last = max(chosen, key=lambda row: row["attempt"])
    return last["status"], last["passed"], json.loads(last["observed"])


@pytest.mark.slow
@pytest.mark.loop
def test_a_turn_is_compared_with_earlier_turns_that_passed(spark: SparkSession, tmp_path: Path) -> None:
    mean, count = "column_statistics_wind_mph_mean", "row_count_of_history"
    rules = [
        {
            "rule": "column_statistics",
            "column": "wind_mph",
            "statistics": ["mean"],
            "within": "20%",
            "over": "1 turn",
        },
        {"rule": "row_count", "min": 1, "of_history": "0.5 to 2", "over": "1 turn", "severity": "warn"},
    ]
    context = open_context(tmp_path, rules)
    hour = timedelta(hours=1)
    turns = [context.at(FIRST + DAY * index) for index in range(4)]
    accept(context, "weather", ("EWR", FIRST - hour, 5.0), ("JFK", FIRST - hour, 5.0))
    accept(context, "weather", ("EWR", FIRST + DAY - hour, 7.0))  # of the future for the first turn
    assert judge(turns[0]) == (True, [])  # too little history is neither a pass nor a failure
    waiting = {"turns": 0, "problem": "0 of 1 turns to compare with"}
    assert recorded(turns[0], mean) == ("INSUFFICIENT_REFERENCE", None, {"value": 5.0, **waiting})
    assert recorded(turns[0], count) == ("INSUFFICIENT_REFERENCE", None, {"value": 2, **waiting})
    assert recorded(turns[0], "row_count")[:2] == ("OK", True)

    assert judge(turns[1]) == (False, [mean])
    status, passed, observed = recorded(turns[1], mean)
    assert (status, passed) == ("OK", False)
    assert observed == {
        **{"value": 7.0, "turns": 1, "low": 4.0, "high": 6.0},
        "problem": "mean is 7, expected 4 to 6 from the last 1 turns",
    }
    assert recorded(turns[1], count)[:2] == ("OK", True)  # one of two, the bound

    # What failed is judged with the next turn's rows, and is nothing to compare with: the mean of 7 and 5 is 6.
    accept(context, "weather", ("EWR", FIRST + DAY + hour, 5.0))
    assert judge(turns[2]) == (True, [])
    assert recorded(turns[2], mean)[2] == {"value": 6.0, "turns": 1, "low": 4.0, "high": 6.0, "problem": None}
    accept(context, "weather", ("EWR", FIRST + DAY * 2 + hour, None))
    assert judge(turns[3]) == (False, [mean])  # all values went missing
    assert recorded(turns[3], mean)[:2] == ("ALL_NULL", None)

    index = build_data_docs(turns[3])
    pages = {page.parts[-3]: page for page in index.parent.rglob("weather.html")}
    assert len(pages) == 4
    assert "mean is 7, expected 4 to 6" not in index.read_text(encoding="utf-8")
    first = {page: page.read_bytes() for page in index.parent.rglob("*.html")}
    assert build_data_docs(turns[3]) == index
    assert {page: page.read_bytes() for page in index.parent.rglob("*.html")} == first


@pytest.mark.loop
def test_a_source_may_be_silent_as_long_as_it_is_fresh(spark: SparkSession, tmp_path: Path) -> None:
    rules = [{"rule": "freshness", "within": "2 days"}, {"rule": "row_count", "min": 1, "severity": "warn"}]
    context = open_context(tmp_path, rules, gate={"min_rows": 0})
    assert judge(context) == (False, ["freshness_event_ts"])  # nothing ever came
    first, fresh, old = (context.at(FIRST + DAY * days) for days in (1, 2, 3))
    accept(context, "weather", ("EWR", first.as_of - DAY, 5.0), ("EWR", first.as_of + DAY * 9, 5.0))
    assert judge(first) == (True, [])
    assert judge(fresh) == (None, [])  # two days, the bound
    assert recorded(fresh, "freshness_event_ts") == ("OK", True, {"age_seconds": 172800.0, "problem": None})
    assert recorded(fresh, "row_count")[:2] == ("OK", False)
    assert judge(old) == (False, ["freshness_event_ts"])


@pytest.mark.slow
@pytest.mark.loop
def test_a_foreign_key_is_asked_again_when_the_other_source_has_more(spark: SparkSession, tmp_path: Path) -> None:
    key = {"rule": "foreign_key", "columns": ["origin"], "to": "stations", "references": ["origin"]}
    context = open_context(tmp_path, [key, {"rule": "no_gaps", "every": "1 hour", "severity": "warn"}])
    known = FIRST - timedelta(hours=3)
    accept(context, "weather", ("EWR", known, 5.0), ("JFK", known, 5.0))
    accept(context, "stations", ("EWR", known, None), ("JFK", FIRST + DAY, None))  # JFK is known only later
    assert judge(context) == (False, ["foreign_key_origin_stations"])
    assert recorded(context, "foreign_key_origin_stations") == (
        "OK",
        False,
        {"unexpected_rows": 1, "problem": "1 row"},
    )
    assert recorded(context, "no_gaps_event_ts")[:2] == ("OK", True)
    accept(context, "stations", ("JFK", known, None))
    assert judge(context) == (True, [])
    assert recorded(context, "foreign_key_origin_stations")[:2] == ("OK", True)

"""What is told of feature tables that a statement or a function computes: pages, impact and plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config import Config
from lakeloop.discovery import build_catalogue, find_impact
from lakeloop.discovery.dependencies import Part
from lakeloop.discovery.impact_text import describe_impact
from lakeloop.discovery.show import describe_shown, find_shown
from lakeloop.runs.plan import PlannedTable, describe_plan, make_plan
from tests.discovery.computed_project import load_computed


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_computed(tmp_path)


def touched(config: Config, what: str) -> dict[str, list[str]]:
    """Table -> its features that a change would touch."""
    found: dict[str, list[str]] = {}
    for each in find_impact(config, what).of(Part.FEATURE):
        found.setdefault(each.of, []).append(each.name)
    return found


BUSY, TREND = ["flights", "wind"], ["wind_slope"]


def test_a_feature_of_a_statement_is_shown_with_all_it_stands_on(config: Config) -> None:
    page = describe_shown(find_shown(build_catalogue(config), "busy.wind"))
    assert (
        page
        == """\
busy.wind
  strongest wind
  owner         dispatch
  tags          traffic, storm, pii
  type          double
  unit          mph
  entity        carrier
  kind          sql, 28d every 1d
  made of       select o.carrier, count(*) as flights, max(r.wind_mph) as wind
                from outcomes o left join schedules s using (tailnum, flight)
                left join gold.readings r on r.origin = s.origin where
                o.delay_minutes > 0 and o.departure_ts < :tick group by
                o.carrier
  lineage       weather.wind_mph, weather.origin
                -> outcomes.tailnum, schedules.tailnum, outcomes.flight,
                schedules.flight, outcomes.carrier, gold.readings.wind_mph,
                gold.readings.origin, schedules.origin, outcomes.delay_minutes,
                outcomes.departure_ts
                -> gold.busy.wind
                -> late_arrival
  used by       late_arrival"""
    )


def test_tables_of_both_kinds_are_shown(config: Config) -> None:
    catalogue = build_catalogue(config)
    lines = describe_shown(find_shown(catalogue, "busy")).splitlines()
    assert lines[:4] == [
        "busy  [traffic]",
        "  sql, every 1d; per carrier; from outcomes, schedules, gold.readings; dispatch",
        "  used by       late_arrival",
        "  declared in   conf/base/features/busy.yml",
    ]
    assert "flights  long  [traffic, pii]" in lines
    assert (
        describe_shown(find_shown(catalogue, "trend"))
        == """\
trend
  python, every 1h; per origin; from weather
  used by       late_arrival
  declared in   conf/base/features/trend.yml

wind_slope  double, mph per day
  weather.origin, weather.observed_ts, weather.wind_mph, weather.gust_mph ->
  gold.trend.wind_slope -> late_arrival"""
    )


@pytest.mark.parametrize(
    ("what", "tables"),
    [
        ("outcomes.delay_minutes", {"busy": BUSY}),  # what it filters by
        ("outcomes.flight", {"busy": BUSY}),  # what it joins by
        ("schedules.tailnum", {"busy": BUSY}),
        ("schedules.origin", {"busy": BUSY}),
        ("schedules.distance", {}),
        ("readings.wind_mph", {"busy": BUSY}),  # through another table
        ("readings.gust_ratio", {}),
        ("weather.gust_mph", {"trend": TREND}),  # a function is given every column
        ("weather.wind_mph", {"busy": BUSY, "trend": TREND}),
        ("weather.observed_ts", {"busy": BUSY, "trend": TREND}),  # the instants both are built by
        ("trend", {"trend": TREND}),
    ],
)
def test_a_change_reaches_what_a_statement_or_a_function_is_made_of(
    config: Config, what: str, tables: dict[str, list[str]]
) -> None:
    found = touched(config, what)
    assert {name: found.get(name, []) for name in ("busy", "trend")} == {"busy": [], "trend": []} | tables
    used = {name for names in tables.values() for name in names}
    reached = {each.name.rpartition("__")[2] for each in find_impact(config, what).of(Part.MODEL_FEATURE)}
    assert used <= reached  # and on to the model
    assert max(len(line) for line in describe_impact(find_impact(config, what)).splitlines()) <= 80


def test_a_feature_of_a_statement_reaches_its_models(config: Config) -> None:
    effects = [(each.part, each.name) for each in find_impact(config, "busy.wind").effects]
    assert effects == [(Part.MODEL_FEATURE, "busy__wind"), (Part.MONITOR, "busy__wind (regime)")]


def test_the_plan_names_both_kinds(config: Config) -> None:
    plan = make_plan(config)
    planned = {each.feature_table: each for each in plan.feature_tables}
    inputs = "outcomes, schedules, gold.readings"
    assert planned["busy"] == PlannedTable(
        "busy", "sql", ("carrier",), inputs, "1d", ("flights", "wind"), ("late_arrival",), needs="28d"
    )
    assert planned["trend"] == PlannedTable(
        "trend", "python", ("origin",), "weather", "1h", ("wind_slope",), ("late_arrival",), needs="7d"
    )
    text = " ".join(describe_plan(plan).split())
    assert f"sql, every 1d, over the last 28d, per carrier, from {inputs}; used by late_arrival" in text
    assert "python, every 1h, over the last 7d, per origin, from weather; used by late_arrival" in text

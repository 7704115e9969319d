"""What a change would break, through every step of the flow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakeloop.config import Config, load_config
from lakeloop.discovery import Impact, find_impact
from lakeloop.discovery.dependencies import Part, Thing, dependencies
from lakeloop.discovery.impact_text import describe_impact
from lakeloop.errors import UsageError
from tests.config.small_project import edited, write_project

FLIGHTS = load_config(Path(__file__).parents[2])
ALL_OF_FLIGHTS = [str(each) for each in (*FLIGHTS.sources, *FLIGHTS.feature_tables, "outcomes.arrival_utc")]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path))


def names(impact: Impact, part: Part) -> list[str]:
    return [each.name for each in impact.of(part)]


def test_a_measure_reaches_features_label_and_monitors(config: Config) -> None:
    found = find_impact(config, "outcomes.delay_minutes")
    assert names(found, Part.DERIVED) == ["is_late"]
    assert set(names(found, Part.FEATURE)) == {
        *("mean_is_late_3h", "mean_is_late_1d", "count_is_late_3h", "count_is_late_1d", "max_delay_minutes_1d")
    }
    assert [(each.of, each.through) for each in found.of(Part.LABEL)] == [
        ("late_arrival", "column outcomes.delay_minutes")
    ]
    assert names(found, Part.TABLE) == [], "the table stays: its keys and its time do not stand on the measure"
    assert names(found, Part.VOID) == []
    assert len(found.of(Part.MONITOR)) == 5
    assert (found.models, found.feature_tables) == (("late_arrival",), ("carrier_delays",))


def test_a_column_that_makes_the_time_reaches_whole_tables(config: Config) -> None:
    found = find_impact(config, "outcomes.arrival_ts")
    assert names(found, Part.TIME) == ["event_ts", "available_ts"]
    assert names(found, Part.TABLE) == [""]
    assert len(found.of(Part.FEATURE)) == 5
    assert names(found, Part.VOID) == ["diverted"]


def test_a_column_of_the_spine_reaches_known_columns_calls_slices_and_rules(config: Config) -> None:
    found = find_impact(config, "schedules.distance")
    assert names(found, Part.RULE) == ["range_distance", "before_arrival"]
    assert (names(found, Part.KNOWN), names(found, Part.ON_DEMAND)) == (["distance"], ["gust_per_mile"])
    assert names(found, Part.MONITOR) == ["distance (contract)", "gust_per_mile (regime)"]
    assert (names(found, Part.SPINE), found.feature_tables) == ([], ())
    assert names(find_impact(config, "schedules.origin"), Part.SLICE) == ["origin"]
    assert names(find_impact(config, "schedules.flight"), Part.SLICE) == ["flight"], "an id column"


def test_the_instant_of_the_prediction_reaches_what_is_made_of_it(config: Config) -> None:
    found = find_impact(config, "schedules.zone")
    assert names(found, Part.DERIVED) == ["departure_ts"]
    assert len(found.of(Part.SPINE)) == len(found.of(Part.LABEL)) == 1
    assert "hour_of_day" in names(found, Part.ON_DEMAND)


def test_a_feature_reaches_the_calls_that_read_it(config: Config) -> None:
    found = find_impact(config, "readings.gust_ratio")
    assert (names(found, Part.MODEL_FEATURE), names(found, Part.ON_DEMAND)) == (
        ["readings__gust_ratio"],
        ["gust_per_mile"],
    )
    assert find_impact(config, "gold.readings.gust_ratio").effects == found.effects


def test_what_nobody_uses_breaks_nothing(config: Config) -> None:
    found = find_impact(config, "readings.wind_mph")
    assert found.effects == ()
    assert describe_impact(found).splitlines()[-1] == "  nothing else: nobody uses it"


def test_a_source_reaches_all_that_any_of_its_columns_does(config: Config) -> None:
    whole = {(each.part, each.of, each.name) for each in find_impact(config, "outcomes").effects}
    for column in (*config.sources["outcomes"].all_columns, "event_ts", "available_ts"):
        part = find_impact(config, f"outcomes.{column}")
        assert {(each.part, each.of, each.name) for each in part.effects} <= whole, column


def test_a_name_of_both_a_source_and_a_table_means_both() -> None:
    found = find_impact(FLIGHTS, "weather")
    assert found.changed == (Thing(Part.SOURCE, "weather"), Thing(Part.TABLE, "weather"))
    assert found.models == ("arrival_delay", "late_arrival")


@pytest.mark.parametrize(("what", "meant"), [("outcoms", "outcomes"), ("outcomes.is_lat", "outcomes.is_late")])
def test_an_unknown_name_is_refused_with_what_was_meant(config: Config, what: str, meant: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_impact(config, what)
    assert refused.value.remedy == f"did you mean '{meant}'?"


def test_a_model_is_no_thing_to_ask_for(config: Config) -> None:
    with pytest.raises(UsageError):
        find_impact(config, "late_arrival")


@pytest.mark.parametrize("what", ALL_OF_FLIGHTS)
def test_lines_stay_within_80_columns(what: str) -> None:
    assert max(len(line) for line in describe_impact(find_impact(FLIGHTS, what)).splitlines()) <= 80


def test_everything_that_is_needed_is_declared() -> None:
    needs = dependencies(FLIGHTS)
    assert {str(each) for below in needs.values() for each in below if each not in needs} == set()


def test_a_column_reaches_the_rules_of_other_sources_that_look_it_up(tmp_path: Path) -> None:
    old = "  - {rule: range, column: distance, min: 50}\n"
    looked_up = "  - {rule: foreign_key, columns: [origin], to: weather, references: [origin]}\n"
    changes = edited("conf/base/sources/schedules.yml", old, old + looked_up)
    found = find_impact(load_config(write_project(tmp_path, changes)), "weather.origin")
    assert [(each.of, each.name) for each in found.of(Part.RULE)] == [("schedules", "foreign_key_origin_weather")]


def test_a_column_reaches_the_order_of_versions(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/weather.yml", "event_ts:", "mode: upsert\norder_by: wind_mph + 1\nevent_ts:")
    found = find_impact(load_config(write_project(tmp_path, changes)), "weather.wind_mph")
    assert [(each.of, each.name) for each in found.of(Part.ORDER)] == [("weather", "wind_mph + 1")]
    assert "  versions      1: wind_mph + 1" in describe_impact(found).splitlines()


def test_the_key_of_a_look_up_reaches_the_features_looked_up(config: Config) -> None:
    found = find_impact(config, "schedules.carrier")
    assert len(names(found, Part.MODEL_FEATURE)) == 5
    assert "gust_per_mile" not in names(found, Part.ON_DEMAND), "it is looked up by another key"
    assert names(find_impact(config, "schedules.tailnum"), Part.MODEL_FEATURE) == []


def test_a_key_that_is_no_known_column_reaches_the_model_too() -> None:
    """`dest` finds the weather there, and is no known column of a model of its own."""
    model = FLIGHTS.models["late_arrival"]
    predict = model.predict.model_copy(
        update={"known": tuple(each for each in model.predict.known if each != "origin")}
    )
    config = replace(FLIGHTS, models={"late_arrival": model.model_copy(update={"predict": predict})})
    needs = dependencies(config)
    wind = next(each for each in needs if each.part is Part.MODEL_FEATURE and each.name.startswith("weather__"))
    assert Thing(Part.COLUMN, "schedules", "origin") in needs[wind]


def test_the_order_of_events_reaches_first_and_last_alone(tmp_path: Path) -> None:
    old = "  - {of: delay_minutes, as: [max], over: [1 day]}\n"
    changes = edited("conf/base/features/carrier_delays.yml", old, old + old.replace("[max]", "[first, last]"))
    needs = dependencies(load_config(write_project(tmp_path, changes)))
    time = Thing(Part.TIME, "outcomes", "event_ts")
    features = {each.name for each, below in needs.items() if each.part is Part.FEATURE and time in below}
    assert features == {"first_delay_minutes_1d", "last_delay_minutes_1d"}


def test_the_order_of_versions_reaches_what_reads_the_newest(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/weather.yml", "event_ts:", "mode: upsert\norder_by: wind_mph + 1\nevent_ts:")
    changes |= edited("conf/base/sources/schedules.yml", "event_ts:", "mode: upsert\norder_by: distance\nevent_ts:")
    config = load_config(write_project(tmp_path, changes))
    assert [each.of for each in find_impact(config, "weather.wind_mph").of(Part.TABLE)] == ["readings"]
    assert [each.of for each in find_impact(config, "schedules.distance").of(Part.SPINE)] == ["late_arrival"]
    order = Thing(Part.ORDER, "outcomes", "delay_minutes")
    outcomes = config.sources["outcomes"].model_copy(update={"order_by": "delay_minutes"})
    needs = dependencies(replace(config, sources={**config.sources, "outcomes": outcomes}))
    assert [each.part for each, below in needs.items() if order in below] == [Part.LABEL], "windows count all events"

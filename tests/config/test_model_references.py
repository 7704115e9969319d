"""What is wrong in what a model says of sources, features and on-demand functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.config.model_references import WRITTEN
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, write_project
from tests.config.wrong_project import DELAYS, MODEL, OUTCOMES, SCHEDULES, Wrong, assert_refused

WRONG = [
    # models
    Wrong(
        MODEL,
        "from: schedules",
        "from: shedules",
        "predict.from",
        "the source 'shedules'",
        "outcomes, schedules, weather",
        "mean 'schedules'?",
    ),
    Wrong(
        MODEL,
        "from: outcomes",
        "from: truth",
        "label.from",
        "the source 'truth'",
        "outcomes, schedules",
        "conf/base/sources/truth.yml",
    ),
    Wrong(
        MODEL,
        "known: [carrier, origin, distance]",
        "known: [carrier, origin, distance, dest]",
        "predict.known[3]",
        "'dest'",
        "source schedules",
        "declare it",
    ),
    Wrong(
        MODEL,
        "id: [carrier, flight, departure_ts]",
        "id: [carrier, flight, departure_ts, origin]",
        "predict.id[3]",
        "'origin'",
        "columns of source outcomes too",
        "derive origin in source outcomes",
    ),
    Wrong(
        MODEL,
        "id: [carrier, flight, departure_ts]",
        "id: [carrier, departure_ts]",
        "predict.id",
        "carrier, departure_ts",
        "all of the key of source schedules: carrier, flight, departure_ts",
        "add flight",
        issues=2,  # the gate slices by the flight too
    ),
    Wrong(
        MODEL,
        "departure_ts - interval",
        "departur_ts - interval",
        "predict.at",
        "'departur_ts'",
        "source schedules",
        "mean 'departure_ts'?",
    ),
    Wrong(
        MODEL,
        "as: delay_minutes",
        "as: dely_minutes",
        "label.as",
        "'dely_minutes'",
        "source outcomes",
        "mean 'delay_minutes'?",
    ),
    Wrong(
        MODEL,
        "arrival_ts is null",
        "arival_ts is null",
        "label.void.diverted",
        "'arival_ts'",
        "source outcomes",
        "mean 'arrival_ts'?",
    ),
    Wrong(
        MODEL,
        "of: departure_ts",
        "of: departure_local",
        "label.closes.of",
        "of type local_timestamp",
        "timestamp: departure_ts",
        "mean 'departure_ts'?",
    ),
    Wrong(
        MODEL,
        "features: [carrier_delays.*,",
        "features: [carrier_dealys.*,",
        "features[0]",
        "'carrier_dealys.*'",
        "carrier_delays, readings",
        "mean 'carrier_delays'?",
    ),
    Wrong(
        MODEL,
        "readings.gust_ratio]",
        "readings.gust_ratio, readings.gust_rate]",
        "features[2]",
        "'readings.gust_rate'",
        "readings.wind_mph, readings.gust_ratio",
        "mean 'readings.gust_ratio'?",
    ),
    Wrong(
        MODEL,
        "readings.gust_ratio]",
        "readings.gust_ratio, tailnum]",
        "features[2]",
        "the feature 'tailnum'",
        "<feature_table>.<feature>",
        "tailnum is a column of source schedules that is not declared known at prediction_ts",
    ),
    Wrong(
        MODEL,
        "readings.gust_ratio]",
        "readings.gust_ratio, schedules.tailnum]",
        "features[2]",
        "'schedules.tailnum'",
        "<feature_table>",
        "not declared known at prediction_ts",
    ),
    Wrong(
        MODEL,
        "readings.gust_ratio]",
        "readings.gust_ratio, distance]",
        "features[2]",
        "'distance'",
        "<feature_table>",
        "a known column is a model column already",
    ),
    Wrong(
        MODEL, "hour(departure_ts)", "hur(departure_ts)", "on_demand.hour_of_day", "'hur'", "hour", "did you mean hour"
    ),
    Wrong(
        MODEL,
        "hour(departure_ts)",
        "hour(departure_ts, 2)",
        "on_demand.hour_of_day",
        "got 2 arguments",
        "hour(",
        "of this form",
    ),
    Wrong(
        MODEL,
        "hour(departure_ts)",
        "hour departure_ts",
        "on_demand.hour_of_day",
        "'hour departure_ts'",
        "function(argument, ...)",
        "of this form",
    ),
    Wrong(
        MODEL,
        "hour(departure_ts)",
        "hour(departur_ts)",
        "on_demand.hour_of_day",
        "'departur_ts'",
        "prediction_ts and features",
        "mean 'departure_ts'?",
    ),
    Wrong(
        MODEL,
        "hour(departure_ts)",
        "hour(departure_local)",
        "on_demand.hour_of_day",
        "'departure_local'",
        "known columns, id columns",
        "not declared known at prediction_ts",
    ),
    Wrong(
        MODEL,
        "gust_per_mile: ratio",
        "distance: ratio",
        "on_demand.distance",
        "a second time",
        "no known, id or feature",
        "rename it",
        on="distance: ratio",
    ),
    Wrong(
        MODEL,
        "columns: [carrier, origin]",
        "columns: [carrier, orign]",
        "preprocess[0].columns[1]",
        "'orign', which matches no model column",
        "model columns: carrier, origin",
        "mean 'origin'?",
    ),
    Wrong(
        MODEL,
        '  - {columns: ["*"], steps: [pass]}\n',
        "",
        "preprocess",
        "no group for distance, hour_of_day, gust_per_mile",
        "every model column",
        "['*']",
        on="  - {columns: [carrier,",
    ),
    Wrong(
        MODEL,
        "contract: [distance,",
        "contract: [tailnum,",
        "monitor.roles.contract[0]",
        "'tailnum'",
        "model columns",
        "not declared known",
    ),
    Wrong(
        MODEL,
        "monitor: {roles",
        "monitor: {slices: [carrier, tailnum], roles",
        "monitor.slices[1]",
        "'tailnum'",
        "model columns",
        "not declared known",
    ),
    Wrong(
        MODEL,
        "monitor: {roles",
        "monitor: {slices: {far: distanse > 1000}, roles",
        "monitor.slices.far",
        "'distanse'",
        "model columns",
        "'distance'",
    ),
    Wrong(
        MODEL,
        "monitor: {roles",
        "monitor: {slices: {far: {column: tailnum}}, roles",
        "monitor.slices.far",
        "'tailnum'",
        "model columns",
        "not declared known",
    ),
    Wrong(
        MODEL,
        "seasonal: [readings.*]",
        "seasonal: [reading.*]",
        "monitor.roles.seasonal[0]",
        "'reading.*'",
        "model columns",
        "",
    ),
    Wrong(
        MODEL,
        "slices: [origin, flight]",
        "slices: [origin, zone]",
        "gate.slices[1]",
        "the column 'zone'",
        "known, id or model columns: carrier",
        "not declared known",
    ),
    Wrong(
        MODEL,
        "hour_of_day: hour(departure_ts)",
        "hour_of_day: hour(departure_ts)\n  score: hour(departure_ts)",
        "on_demand.score",
        "the column 'score'",
        "names other than those that lakeloop writes: as_of, block",
        "rename it",
        on="score: hour",
    ),
]


def test_the_names_that_lakeloop_writes_are_those_of_its_tables() -> None:
    tables = {field.name for field in (*schemas.PREDICTION_COLUMNS, *schemas.TRAINING_COLUMNS)}
    assert {name for name in tables if not name.startswith("_")} == WRITTEN - {"block", "void_reason"}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_model_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)


def test_a_date_is_refused_as_a_known_column_and_as_a_feature(tmp_path: Path) -> None:
    derived = 'departure_day: {as: "date(departure_ts)", type: date}'
    zoned = 'departure_local, zone)", type: timestamp}\n'
    spine = edited(SCHEDULES, zoned, f"{zoned}  {derived}\n")
    truth = edited(OUTCOMES, "derive:\n", f"derive:\n  {derived}\n")
    assert load_config(write_project(tmp_path / "unused", {**spine, **truth})).models
    last = edited(
        DELAYS,
        "as: [max], over: [1 day]}",
        "as: [max], over: [1 day]}\n  - {of: departure_day, as: [last], over: [1 day]}",
    )
    known = edited(MODEL, "origin, distance]\n", "origin, departure_day, distance]\n")
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(tmp_path / "used", {**spine, **truth, **last, **known}))
    assert [(each.where, each.got) for each in raised.value.issues] == [
        ("predict.known[2]", "departure_day, a column of type date"),
        ("features[0]", "carrier_delays__last_departure_day_1d, of type date"),
    ]
    assert "as in day(departure_day)" in raised.value.issues[0].remedy

"""What is wrong between the files and inside expressions: names and columns that do not exist where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, line_of, write_project
from tests.config.wrong_project import DELAYS, OUTCOMES, READINGS, SCHEDULES, Wrong, assert_refused

WEATHER = "conf/base/sources/weather.yml"

WRONG = [
    # versions of a key
    Wrong(WEATHER, "key: [", "mode: upsert\nkey: [", "mode", "'upsert' alone", "order_by", "add `order_by", on="mode:"),
    Wrong(
        WEATHER,
        "key: [",
        "order_by: observed_ts\nkey: [",
        "order_by",
        "with mode append",
        "mode upsert",
        "add `mode: upsert`",
        on="order_by:",
    ),
    Wrong(
        WEATHER,
        "key: [",
        "mode: upsert\norder_by: observd_ts\nkey: [",
        "order_by",
        "'observd_ts'",
        "columns of source weather",
        "mean 'observed_ts'?",
        on="order_by:",
    ),
    Wrong(
        WEATHER,
        "key: [",
        "mode: upsert\norder_by: observed_ts\nrules: [{rule: unique, columns: [gust_mph]}]\nkey: [",
        "rules[0]",
        "where keys have versions",
        "rules over one row",
        "share their values",
        on="rules:",
    ),
    # columns of a source
    Wrong(
        SCHEDULES,
        "key: [carrier, flight, departure_ts]",
        "key: [carrier, fligth]",
        "key[1]",
        "the column 'fligth'",
        "columns of source schedules: carrier, flight",
        "mean 'flight'?",
    ),
    Wrong(
        SCHEDULES,
        "columns: [carrier, flight]",
        "columns: [carrier, fligth]",
        "rules[0].columns[1]",
        "'fligth'",
        "source schedules",
        "mean 'flight'?",
    ),
    Wrong(
        SCHEDULES,
        "column: distance, min",
        "column: dist, min",
        "rules[1].column",
        "'dist'",
        "source schedules",
        "'distance'",
    ),
    Wrong(
        SCHEDULES,
        "column: distance, min",
        "column: zone, min",
        "rules[1].column",
        "of type string",
        "numbers",
        "rule: expression",
    ),
    Wrong(
        SCHEDULES,
        "that: distance > 0",
        "that: distnce > 0",
        "rules[3].that",
        "'distnce'",
        "source schedules",
        "mean 'distance'?",
    ),
    Wrong(
        SCHEDULES,
        'as: "to_utc_timestamp(departure_local, zone)"',
        "as: departure_ts + interval 1 hour",
        "derive.departure_ts.as",
        "a circle: departure_ts -> departure_ts",
        "source schedules that do not stand on departure_ts",
        "make departure_ts of landed columns",
    ),
    Wrong(
        SCHEDULES,
        "event_ts: departure_ts\n",
        "event_ts: available_ts\n",
        "event_ts",
        "a circle: event_ts -> available_ts -> event_ts",
        "columns of source",
        "break the circle",
    ),
    Wrong(
        SCHEDULES,
        "event_ts - interval 3 hours",
        "event_tss - interval 3 hours",
        "available_ts",
        "'event_tss'",
        "departure_ts, event_ts",
        "mean 'event_ts'?",
    ),
    Wrong(
        SCHEDULES,
        "  zone: {type: string}",
        "  zone: {type: string}\n  event_ts: {type: timestamp}",
        "columns.event_ts",
        "'event_ts'",
        "other names",
        "rename it",
        on="event_ts: {",
    ),
    Wrong(
        SCHEDULES,
        "  departure_ts: {as",
        "  zone: {as: origin, type: string}\n  departure_ts: {as",
        "derive.zone",
        "a second time",
        "no landed column",
        "rename",
        on="zone: {as",
    ),
    # expressions
    Wrong(
        OUTCOMES,
        "delay_minutes >= 15",
        "delay_minutes >= ",
        "derive.is_late.as",
        "does not parse",
        "one Spark SQL expression",
        "backticks",
    ),
    Wrong(
        OUTCOMES,
        "delay_minutes >= 15",
        "(delay_minutes >= 15",
        "derive.is_late.as",
        "does not parse",
        "one Spark SQL",
        "mend it",
    ),
    Wrong(
        OUTCOMES,
        "event_ts + interval 30 minutes",
        "current_timestamp()",
        "available_ts",
        "differs from run to run",
        "one Spark SQL",
        "use a column",
    ),
    Wrong(
        OUTCOMES,
        "delay_minutes >= 15",
        "max(delay_minutes) > 1",
        "derive.is_late.as",
        "more than a value of one row",
        "over the columns of a row",
        "remove that part",
    ),
    # feature tables
    Wrong(
        DELAYS,
        "from: outcomes",
        "from: outcome",
        "from",
        "the source 'outcome'",
        "outcomes, schedules, weather",
        "mean 'outcomes'?",
    ),
    Wrong(
        DELAYS, "entity: [carrier]", "entity: [career]", "entity[0]", "'career'", "source outcomes", "mean 'carrier'?"
    ),
    Wrong(DELAYS, "of: is_late,", "of: is_lte,", "aggregate[0].of", "'is_lte'", "source outcomes", "mean 'is_late'?"),
    Wrong(
        DELAYS,
        "of: delay_minutes,",
        "of: arrival_ts,",
        "aggregate[1].of",
        "of type timestamp",
        "numbers or booleans",
        "derive a number",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max]",
        "of: carrier, as: [last, max]",
        "aggregate[1].of",
        "type string, for max",
        "numbers or booleans",
        "or take distinct, first, last of it",
        issues=2,  # last_carrier_1d is text, and the model takes its median
    ),
    Wrong(
        DELAYS,
        "as: [max], over: [1 day]}",
        "as: [max], over: [1 day], where: is_lte}",
        "aggregate[1].where",
        "'is_lte'",
        "source outcomes",
        "mean 'is_late'?",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "rate: delay_minuts > 60, name: bad, over",
        "aggregate[1].rate",
        "'delay_minuts'",
        "source outcomes",
        "mean 'delay_minutes'?",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "rate: max(delay_minutes) > 60, name: bad, over",
        "aggregate[1].rate",
        "more than a value of one row",
        "over the columns of a row",
        "remove that part",
    ),
    Wrong(
        READINGS,
        "{as: wind_mph}",
        "{as: wnd_mph}",
        "attributes.wind_mph.as",
        "'wnd_mph'",
        "source weather",
        "mean 'wind_mph'?",
    ),
    Wrong(
        READINGS,
        "  wind_mph: {as",
        "  origin: {as: origin}\n  wind_mph: {as",
        "attributes.origin",
        "the feature 'origin'",
        "other than the entity's",
        "rename",
        on="origin: {",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_reference_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)


def test_windows_over_versions_are_refused_where_they_are_declared(tmp_path: Path) -> None:
    changes = edited(OUTCOMES, "key: [", "mode: upsert\norder_by: event_ts\nkey: [")
    with pytest.raises(ConfigError) as raised:
        load_config(write_project(tmp_path, changes))
    (issue,) = raised.value.issues
    assert (issue.file, issue.line, issue.where) == (DELAYS, line_of({}, DELAYS, "aggregate:"), "aggregate")
    assert issue.got == "windows over source outcomes, whose keys have versions"
    assert "every version would count" in issue.remedy

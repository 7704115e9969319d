"""The small project with feature tables that a statement and a function compute."""

from __future__ import annotations

from pathlib import Path

from lakeloop.config import Config, load_config
from tests.config.small_project import MODEL, OUTCOMES, SCHEDULES, write_project

COMPUTED = {
    "conf/base/features/busy.yml": """\
feature_table: busy
owner: dispatch
tags: [traffic]
entity: [carrier]
every: 1 day
needs: 28 days
sql: |
  select o.carrier, count(*) as flights, max(r.wind_mph) as wind
  from outcomes o left join schedules s using (tailnum, flight)
  left join gold.readings r on r.origin = s.origin
  where o.delay_minutes > 0 and o.departure_ts < :tick
  group by o.carrier
features:
  flights: {type: long, description: late flights}
  wind: {type: double, unit: mph, description: strongest wind, tags: [storm]}
""",
    "conf/base/features/trend.yml": """\
feature_table: trend
entity: [origin]
from: weather
every: 1 hour
needs: 7 days
python: trends.slope
features: {wind_slope: {type: double, unit: mph per day}}
""",
    "features_py/trends.py": "def slope(rows):\n    return {'wind_slope': 0.0}\n",
    "conf/base/sources/outcomes.yml": OUTCOMES.replace(
        "  flight: {type: integer}", "  flight: {type: integer}\n  tailnum: {type: string}"
    ),
    "conf/base/sources/schedules.yml": SCHEDULES.replace(
        "  tailnum: {type: string}", "  tailnum: {type: string, tags: [pii]}"
    ),
    "conf/base/models/late_arrival.yml": MODEL.replace(
        "features: [carrier_delays.*, readings.gust_ratio]",
        "features: [carrier_delays.*, readings.gust_ratio, busy.*, trend.*]",
    ).replace("columns: [carrier_delays.*, readings.*]", "columns: [carrier_delays.*, readings.*, busy.*, trend.*]"),
}


def load_computed(root: Path) -> Config:
    """Write the project below a folder and load it."""
    return load_config(write_project(root, COMPUTED))

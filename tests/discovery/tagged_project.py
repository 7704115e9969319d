"""The small project with tags, units and a person's data in it."""

from __future__ import annotations

from pathlib import Path

from lakeloop.config import Config, load_config
from tests.config.small_project import CARRIER_DELAYS, MODEL, OUTCOMES, READINGS, SCHEDULES, WEATHER, write_project

TAGGED = {
    "conf/base/sources/schedules.yml": SCHEDULES.replace(
        "  tailnum: {type: string}", "  tailnum: {type: string, tags: [pii]}"
    ).replace(
        "derive:\n",
        'derive:\n  owner: {as: "substring(tailnum, 1, 3)", type: string}\n'
        "  owner_length: {as: length(owner), type: integer}\n",
    ),
    "conf/base/sources/outcomes.yml": OUTCOMES.replace(
        "  delay_minutes: {type: integer}",
        "  delay_minutes: {type: integer, unit: minutes, description: Actual minus scheduled arrival}",
    ),
    "conf/base/sources/weather.yml": WEATHER.replace(
        "  gust_mph: {type: double}", "  gust_mph: {type: double, unit: mph, tags: [pii]}"
    ),
    "conf/base/features/carrier_delays.yml": CARRIER_DELAYS.replace("entity:", "tags: [delays]\nentity:")
    .replace("as: [max], over: [1 day]", "as: [max], over: [1 day], unit: min, tags: [slow], description: How late")
    .replace("aggregate:\n", "aggregate:\n  - {of: delay_minutes, as: [mean, count], over: [3 hours]}\n"),
    "conf/base/features/readings.yml": READINGS
    + '  wind_level: {as: "cast(wind_mph / 10 as int)", unit: Beaufort, tags: [storm]}\n',
    "conf/base/models/late_arrival.yml": MODEL.replace(
        "known: [carrier, origin, distance]", "known: [carrier, origin, distance, owner_length]"
    ).replace(
        "on_demand:\n",
        "on_demand:\n  owner_per_mile: ratio(owner_length, distance)\n",
    ),
}


def load_tagged(root: Path) -> Config:
    """Write the project below a folder and load it."""
    return load_config(write_project(root, TAGGED))

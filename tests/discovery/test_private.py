"""The tag `pii`: everything that is made of a tagged column is hidden, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config import Config, load_config
from lakeloop.config.private_columns import private_source_columns
from lakeloop.discovery import build_catalogue, private_columns
from lakeloop.discovery.private import private_gold_columns
from tests.config.small_project import edited, write_project
from tests.discovery.tagged_project import load_tagged


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_tagged(tmp_path)


def private_names(config: Config) -> list[str]:
    return [each.name for each in build_catalogue(config).features if each.is_private]


def test_derived_columns_inherit_through_any_number_of_steps(config: Config) -> None:
    assert private_source_columns(config.sources["schedules"]) == {"tailnum", "owner", "owner_length"}
    assert private_source_columns(config.sources["outcomes"]) == set()


def test_features_inherit_from_the_columns_they_name(config: Config) -> None:
    assert private_names(config) == ["readings.gust_ratio"]


def test_model_inputs_and_on_demand_columns_inherit(config: Config) -> None:
    assert private_columns(config, config.models["late_arrival"]) == {
        *("owner_length", "owner_per_mile"),  # known, and a call of it
        *("readings__gust_ratio", "gust_per_mile"),  # a feature, and a call of it
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "private"),
    [
        (
            "features/carrier_delays",
            "as: [max], over: [1 day]",
            "as: [max], over: [1 day], tags: [pii]",
            ["carrier_delays.max_delay_minutes_1d"],
        ),
        ("features/readings", "ttl:", "tags: [pii]\nttl:", ["readings.wind_mph", "readings.gust_ratio"]),
        ("features/readings", "{as: wind_mph}", "{as: wind_mph, tags: [pii]}", ["readings.wind_mph"]),
        ("sources/weather", "landing:", "tags: [pii]\nlanding:", ["readings.wind_mph", "readings.gust_ratio"]),
        (
            "sources/outcomes",
            "type: boolean}",
            "type: boolean, tags: [pii]}",
            [f"carrier_delays.{word}_is_late_{window}" for word in ("mean", "count") for window in ("3h", "1d")],
        ),
        ("sources/outcomes", "carrier: {type: string}", "carrier: {type: string, tags: [pii]}", []),  # a key only
        ("sources/weather", "gust_mph: {type: double}", "gust_mph: {type: double, tags: [windy]}", []),
    ],
)
def test_a_tag_hides_what_is_made_of_it(tmp_path: Path, file: str, old: str, new: str, private: list[str]) -> None:
    config = load_config(write_project(tmp_path, edited(f"conf/base/{file}.yml", old, new)))
    assert private_names(config) == private


def test_an_instant_made_of_a_tagged_column_is_hidden(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/schedules.yml", "zone: {type: string}", "zone: {type: string, tags: [pii]}")
    config = load_config(write_project(tmp_path, changes))
    found = private_columns(config, config.models["late_arrival"])
    assert {"departure_ts", "prediction_ts", "hour_of_day"} == found


CUSTOMERS = """\
feature_table: customers
entity: [carrier, tailnum]
from: schedules
every: 1 hour
aggregate:
  - {of: distance, as: [max], over: [1 day]}
"""
BEST = """\
feature_table: best
entity: [origin]
every: 1 day
needs: 7 days
sql: select 'EWR' as origin, max_by(tailnum, max_distance_1d) as best_tail from gold.customers
features: {best_tail: {type: string}}
"""
BY_BEST = """\
feature_table: by_best
entity: [tail]
every: 1 day
needs: 7 days
sql: select tailnum as tail, count(*) as n from gold.customers group by tailnum
features: {n: {type: long}}
"""
ABOVE = """\
feature_table: above
entity: [origin]
every: 1 day
needs: 7 days
sql: select 'EWR' as origin, max(tail) as last_tail from gold.by_best
features: {last_tail: {type: string}}
"""


def test_a_private_key_of_a_gold_table_stays_private_in_statements(tmp_path: Path) -> None:
    tables = {"customers": CUSTOMERS, "best": BEST, "by_best": BY_BEST, "above": ABOVE}
    files: dict[str, str | None] = {f"conf/base/features/{name}.yml": text for name, text in tables.items()}
    plain = load_config(write_project(tmp_path / "plain", files))
    assert private_names(plain) == []
    tagged = edited(
        "conf/base/sources/schedules.yml", "tailnum: {type: string}", "tailnum: {type: string, tags: [pii]}"
    )
    config = load_config(write_project(tmp_path / "tagged", {**files, **tagged}))
    assert sorted(private_names(config)) == ["above.last_tail", "best.best_tail", "by_best.n"]
    assert private_gold_columns(config, config.feature_tables["customers"]) == {"tailnum"}


def test_a_private_time_of_an_attribute_table_stays_private_in_statements(tmp_path: Path) -> None:
    seen = BEST.replace("'EWR' as origin, max_by(tailnum, max_distance_1d) as best_tail from gold.customers", "{}")
    seen = seen.replace("{}", "origin, cast(max(event_ts) as string) as best_tail from gold.readings group by origin")
    tagged = edited(
        "conf/base/sources/weather.yml", "observed_ts: {type: timestamp}", "observed_ts: {type: timestamp, tags: [pii]}"
    )
    config = load_config(write_project(tmp_path, {"conf/base/features/best.yml": seen, **tagged}))
    assert private_names(config) == ["best.best_tail"]

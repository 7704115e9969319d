from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.columns import FeatureRef, input_columns, matching_columns, model_columns, resolve_features
from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, write_project

FEATURES = (
    "carrier_delays__mean_is_late_3h",
    "carrier_delays__mean_is_late_1d",
    "carrier_delays__count_is_late_3h",
    "carrier_delays__count_is_late_1d",
    "carrier_delays__max_delay_minutes_1d",
    "readings__gust_ratio",
)
COLUMNS = ("carrier", "origin", "distance", "hour_of_day", "gust_per_mile", *FEATURES)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path))


def test_features_come_in_the_order_of_the_model(config: Config) -> None:
    features = resolve_features(config, config.models["late_arrival"])
    assert tuple(feature.column for feature in features) == FEATURES
    assert features[-1] == FeatureRef("readings", "gust_ratio")


def test_a_feature_named_twice_is_one_feature(tmp_path: Path) -> None:
    again = "[readings.gust_ratio, readings.*, carrier_delays.mean_*]"
    changes = edited("conf/base/models/late_arrival.yml", "[carrier_delays.*, readings.gust_ratio]", again)
    config = load_config(write_project(tmp_path, changes))
    assert [feature.column for feature in resolve_features(config, config.models["late_arrival"])] == [
        "readings__gust_ratio",
        "readings__wind_mph",
        "carrier_delays__mean_is_late_3h",
        "carrier_delays__mean_is_late_1d",
    ]


def test_a_feature_of_a_model_from_elsewhere_is_not_passed_over(config: Config) -> None:
    model = config.models["late_arrival"].model_copy(update={"features": ("readings.none",)})
    with pytest.raises(ConfigError, match=r"late_arrival\.yml: features\n.*'readings\.none'"):
        resolve_features(config, model)


def test_model_columns_are_known_on_demand_and_features(config: Config) -> None:
    assert model_columns(config, config.models["late_arrival"]) == COLUMNS


def test_input_columns_hold_the_arguments_instead_of_the_on_demand_columns(config: Config) -> None:
    assert (
        input_columns(config, config.models["late_arrival"])
        == (
            "carrier",
            "origin",
            "distance",
            "departure_ts",
            "readings__gust_ratio",  # an argument before it is a feature; each once
            *FEATURES[:-1],
        )
    )


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["distance"], ("distance",)),
        (["readings.*"], ("readings__gust_ratio",)),
        (["readings.gust_ratio"], ("readings__gust_ratio",)),
        (["readings__gust_ratio"], ("readings__gust_ratio",)),
        (["carrier_delays.mean_*"], FEATURES[:2]),
        (["hour_*"], ("hour_of_day",)),
        (["*"], COLUMNS),
        (["*", "distance"], COLUMNS),  # each once
        (["hour_of_day", "carrier"], ("carrier", "hour_of_day")),  # in the order of the columns
        (["carrier"], ("carrier",)),  # not carrier_delays
        (["weather.*"], ()),
        ([], ()),
    ],
)
def test_patterns_match_model_columns(patterns: list[str], expected: tuple[str, ...]) -> None:
    assert matching_columns(patterns, COLUMNS) == expected


@given(patterns=st.lists(st.sampled_from(["*", "distance", "readings.*", "*_ratio", "x", "hour_?f_day"])))
def test_matching_is_the_union_over_patterns(patterns: list[str]) -> None:
    together = set(matching_columns(patterns, COLUMNS))
    assert together == {column for pattern in patterns for column in matching_columns([pattern], COLUMNS)}

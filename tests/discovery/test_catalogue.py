"""What is declared of features: types, units, descriptions, tags, where they come from and who uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config import Config, load_config
from lakeloop.discovery import FeatureEntry, build_catalogue
from lakeloop.discovery.catalogue import Kind
from lakeloop.errors import ConfigError
from tests.config.small_project import CARRIER_DELAYS, OUTCOMES, edited, write_project
from tests.discovery.tagged_project import TAGGED, load_tagged


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_tagged(tmp_path)


def features(config: Config) -> dict[str, FeatureEntry]:
    return {each.name: each for each in build_catalogue(config).features}


@pytest.mark.parametrize(
    ("name", "type_", "unit"),
    [
        ("carrier_delays.mean_delay_minutes_3h", "double", "minutes"),  # the measure's
        ("carrier_delays.max_delay_minutes_1d", "double", "min"),  # the aggregate's own
        ("carrier_delays.count_delay_minutes_3h", "long", None),  # a count has none
        ("carrier_delays.mean_is_late_3h", "double", None),  # the measure has none
        ("readings.wind_mph", "double", None),
        ("readings.wind_level", "integer", "Beaufort"),  # cast as a whole
        ("readings.gust_ratio", None, None),  # only Spark knows
    ],
)
def test_type_and_unit_of_a_feature(config: Config, name: str, type_: str | None, unit: str | None) -> None:
    found = features(config)[name]
    assert (found.type, found.unit) == (type_, unit)


def test_description_says_the_window_and_what_the_measure_means(config: Config) -> None:
    found = features(config)
    assert found["carrier_delays.mean_delay_minutes_3h"].description == (
        "mean of delay_minutes over the trailing 3 hours: Actual minus scheduled arrival"
    )
    assert found["carrier_delays.max_delay_minutes_1d"].description.endswith("trailing 1 day: How late")
    assert found["carrier_delays.mean_is_late_1d"].description == "mean of is_late over the trailing 1 day"


def test_tags_are_the_table_s_and_its_own(config: Config) -> None:
    found = features(config)
    assert found["carrier_delays.max_delay_minutes_1d"].tags == ("delays", "slow")
    assert found["carrier_delays.mean_is_late_3h"].tags == ("delays",)
    assert found["readings.wind_mph"].tags == ()


def test_lineage_goes_from_what_landed_to_the_models(config: Config) -> None:
    found = features(config)
    late = found["carrier_delays.mean_is_late_3h"]
    assert (late.columns, late.landed) == (("outcomes.is_late",), ("outcomes.delay_minutes",))
    assert (
        late.lineage
        == "outcomes.delay_minutes -> outcomes.is_late -> gold.carrier_delays.mean_is_late_3h -> late_arrival"
    )
    assert found["readings.gust_ratio"].landed == ("weather.wind_mph", "weather.gust_mph")
    assert found["readings.wind_mph"].lineage == "weather.wind_mph -> gold.readings.wind_mph -> no model"


def test_a_table_says_its_kind_keys_and_models(config: Config) -> None:
    delays, readings = build_catalogue(config).tables
    assert (delays.kind, delays.every, delays.ttl, delays.entity) == (Kind.WINDOWED, "1h", None, ("carrier",))
    assert (readings.kind, readings.every, readings.ttl, readings.source) == (Kind.ATTRIBUTES, None, "6h", "weather")
    assert (delays.models, readings.models) == (("late_arrival",), ("late_arrival",))
    assert readings.file == "conf/base/features/readings.yml"
    assert [each.feature for each in readings.features] == ["wind_mph", "gust_ratio", "wind_level"]


def test_a_project_without_feature_tables_has_an_empty_catalogue(tmp_path: Path) -> None:
    left_out = ("features/carrier_delays", "features/readings", "models/late_arrival")
    changes: dict[str, str | None] = {f"conf/base/{each}.yml": None for each in left_out}
    assert build_catalogue(load_config(write_project(tmp_path, changes))).tables == ()


def test_words_for_people_are_no_part_of_a_declaration(tmp_path: Path) -> None:
    """A table that is built may be described: its declaration stays the one it was built by."""
    kept = "conf/base/features/carrier_delays.yml"
    described = {
        kept: CARRIER_DELAYS.replace("entity:", "tags: [delays]\nentity:").replace(
            "as: [max], over: [1 day]", "as: [max], over: [1 day], unit: min, description: How late, tags: [slow]"
        ),
        "conf/base/sources/outcomes.yml": OUTCOMES.replace("landing:", "tags: [feed]\nlanding:").replace(
            "{as: delay_minutes >= 15, type: boolean}", "{as: delay_minutes >= 15, type: boolean, tags: [pii]}"
        ),
    }
    plain, changed = load_config(write_project(tmp_path / "a")), load_config(write_project(tmp_path / "b", described))
    assert changed.feature_tables["carrier_delays"].tags == ("delays",)
    for kind, name in (("feature_table", "carrier_delays"), ("source", "outcomes")):
        assert plain.spec_hash(kind, name) == changed.spec_hash(kind, name)


@pytest.mark.parametrize(
    ("tags", "where", "remedy"),
    [
        ("[PII]", "columns.tailnum.tags[0]", "did you mean 'pii'?"),
        ("[a person]", "columns.tailnum.tags[0]", "write it so"),
        ("pii", "columns.tailnum.tags", "write it as a list"),
        ("[pii, pii]", "columns.tailnum.tags[1]", "remove it"),
    ],
)
def test_a_tag_that_would_not_be_found_is_refused(tmp_path: Path, tags: str, where: str, remedy: str) -> None:
    """A tag that hides something must not be lost by its spelling."""
    changes = edited(
        "conf/base/sources/schedules.yml", "tailnum: {type: string}", f"tailnum: {{type: string, tags: {tags}}}"
    )
    with pytest.raises(ConfigError) as refused:
        load_config(write_project(tmp_path, changes))
    (issue,) = refused.value.issues
    assert issue.where == where
    assert remedy in issue.remedy


def test_the_tagged_project_differs_from_the_plain_one_in_every_changed_file() -> None:
    assert all("tags: " in text or "owner_length" in text or "unit: " in text for text in TAGGED.values())

"""Bronze and gold tables that stand say what is declared now. No Spark starts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from lakeloop.config import load_config
from lakeloop.runs.bronze import create_tables, describe_tables
from lakeloop.runs.context import Context
from lakeloop.runs.features import describe_gold
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.schemas import DOUBLE, INSTANT, TEXT, column
from lakeloop.tables import Lake, TableAddress
from tests.config.small_project import MODEL, OUTCOMES, READINGS, SCHEDULES, write_project
from tests.factories import SOURCE, declare_source, instant

PLAIN = {"conf/base/features/readings.yml": READINGS}
SAID = {
    "conf/base/features/readings.yml": READINGS.replace(
        "entity:", "description: What the wind did\nowner: weather desk\ntags: [wind]\nentity:"
    ).replace("{as: wind_mph}", "{as: wind_mph, unit: mph, description: Speed, tags: [storm]}")
}


@pytest.fixture(autouse=True)
def _no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeloop.runs.context.open_session", lambda *_: pytest.fail("Spark was started"))


def open_project(root: Path, changes: dict[str, str]) -> Context:
    return Context(load_config(write_project(root, changes)), instant("2013-05-01 00:00"))


def comments(address: TableAddress) -> dict[str, str]:
    return {each.name: each.metadata["comment"] for each in DeltaTable(address.path).schema().fields}


def properties(address: TableAddress) -> dict[str, str]:
    return dict(DeltaTable(address.path).metadata().configuration)


def test_a_gold_table_follows_the_words_of_its_declaration(tmp_path: Path) -> None:
    plain = open_project(tmp_path, PLAIN)
    address = plain.lake.address("gold", "readings")
    values = {"wind_mph": DOUBLE, "gust_ratio": DOUBLE}
    times = [column(name, INSTANT, "") for name in ("event_ts", "available_ts")]
    made = [column("origin", TEXT, ""), *times, *(column(name, each, "") for name, each in values.items())]
    plain.lake.create(address, StructType(made), "", {})
    assert describe_gold(plain, plain.config.feature_tables["readings"])
    assert comments(address)["wind_mph"] == ""
    assert "lakeloop.unit.wind_mph" not in properties(address)

    told = open_project(tmp_path, SAID)
    assert describe_gold(told, told.config.feature_tables["readings"])
    assert comments(address)["wind_mph"] == "Speed [mph]"
    assert DeltaTable(address.path).metadata().description == "What the wind did"
    found = {key: value for key, value in properties(address).items() if key.startswith("lakeloop.")}
    assert (
        found.items()
        >= {
            "lakeloop.owner": "weather desk",
            "lakeloop.tags": "wind",
            "lakeloop.unit.wind_mph": "mph",
            "lakeloop.tags.wind_mph": "wind, storm",
            "lakeloop.tags.gust_ratio": "wind",
        }.items()
    )
    version = told.lake.version(address)
    assert not describe_gold(told, told.config.feature_tables["readings"])
    assert told.lake.version(address) == version

    again = open_project(tmp_path, PLAIN)  # taken back
    assert describe_gold(again, again.config.feature_tables["readings"])
    assert (comments(address)["wind_mph"], properties(address)["lakeloop.unit.wind_mph"]) == ("", "")


def test_a_column_that_was_added_by_hand_is_left_as_it_is(tmp_path: Path) -> None:
    told = open_project(tmp_path, SAID)
    address = told.lake.address("gold", "readings")
    made = [column("origin", TEXT, ""), *(column(name, INSTANT, "") for name in ("event_ts", "available_ts"))]
    made += [column("gust_ratio", DOUBLE, ""), column("noted_by_hand", TEXT, "ours")]
    told.lake.create(address, StructType([*made, column("wind_mph", DOUBLE, "")]), "", {})
    assert describe_gold(told, told.config.feature_tables["readings"])
    assert (comments(address)["noted_by_hand"], comments(address)["wind_mph"]) == ("ours", "Speed [mph]")


def test_bronze_and_quarantine_follow_the_words_of_their_source(tmp_path: Path) -> None:
    lake = Lake(lambda: pytest.fail("Spark was started"), tmp_path, retention=timedelta(days=30))
    source = declare_source()
    assert describe_tables(lake, source) == ()  # nothing has landed yet
    create_tables(lake, source)
    assert describe_tables(lake, source) == ()
    told = declare_source(
        owner="weather desk",
        columns={**SOURCE["columns"], "wind_mph": {"type": "double", "description": "speed", "unit": "knots"}},
    )
    assert describe_tables(lake, told) == ("bronze.weather", "quarantine.weather")
    bronze, quarantine = (lake.address(layer, "weather") for layer in ("bronze", "quarantine"))
    assert (comments(bronze)["wind_mph"], comments(quarantine)["wind_mph"]) == ("speed [knots]", "as landed: speed")
    assert properties(bronze)["lakeloop.owner"] == "weather desk"
    assert describe_tables(lake, told) == ()
    assert (lake.version(bronze), lake.version(quarantine)) == (2, 1)


def test_bronze_and_quarantine_say_which_columns_are_of_a_person(tmp_path: Path) -> None:
    lake = Lake(lambda: pytest.fail("Spark was started"), tmp_path, retention=timedelta(days=30))
    create_tables(lake, declare_source())
    speed = {"type": "double", "tags": ["storm", "pii"]}
    derive = {"calm": {"as": "wind_mph < 1", "type": "boolean"}}
    private = declare_source(tags=["feed"], columns={**SOURCE["columns"], "wind_mph": speed}, derive=derive)
    create_tables(lake, declare_source())
    describe_tables(lake, private)
    bronze, quarantine = (lake.address(layer, "weather") for layer in ("bronze", "quarantine"))
    tags = [
        {k: v for k, v in properties(each).items() if k.startswith("lakeloop.tags")} for each in (bronze, quarantine)
    ]
    landed = {"lakeloop.tags": "feed", "lakeloop.tags.wind_mph": "storm, pii"}
    assert tags == [landed | {"lakeloop.tags.calm": "pii"}, landed]
    assert describe_tables(lake, private) == ()
    assert describe_tables(lake, declare_source()) == ("bronze.weather", "quarantine.weather")  # taken back
    assert not any(value for key, value in properties(bronze).items() if key.startswith("lakeloop.tags"))


def test_predictions_and_training_sets_follow_the_words_of_their_model(tmp_path: Path) -> None:
    plain = open_project(tmp_path, {})
    made = StructType([column(name, TEXT, "") for name in ("prediction_id", "carrier", "origin")])
    for layer in ("predictions", "training_sets"):
        address = plain.lake.address(layer, "late_arrival")
        describe_model_table(plain, plain.config.models["late_arrival"], address, made, "Answers.", "prediction_id")
        assert (plain.lake.version(address), properties(address)["lakeloop.owner"]) == (0, "")

        schedules = SCHEDULES.replace("  carrier: {type: string}", "  carrier: {type: string, tags: [pii]}")
        files = {"conf/base/sources/schedules.yml": schedules}
        files["conf/base/models/late_arrival.yml"] = MODEL.replace("predict:", "owner: operations\npredict:", 1)
        told = open_project(tmp_path, files)
        said = StructType([column(each.name, TEXT, "its airline") for each in made.fields])
        for _ in range(2):
            describe_model_table(told, told.config.models["late_arrival"], address, said, "Answers of it.", "id")
        assert properties(address)["lakeloop.owner"] == "operations"
        assert {k: v for k, v in properties(address).items() if "tags" in k} == {"lakeloop.tags.carrier": "pii"}
        assert comments(address)["carrier"] == "its airline"
        assert DeltaTable(address.path).metadata().description == "Answers of it."
        version = told.lake.version(address)
        describe_model_table(told, told.config.models["late_arrival"], address, said, "Answers of it.", "id")
        assert told.lake.version(address) == version
        open_project(tmp_path, {})


def test_words_change_no_fingerprint(tmp_path: Path) -> None:
    described = {
        **SAID,
        "conf/base/sources/outcomes.yml": OUTCOMES.replace(
            "landing:", "description: What came of it\nowner: operations\nlanding:"
        ).replace("{type: integer}\nderive", "{type: integer, unit: minutes, description: How late}\nderive"),
    }
    plain, told = open_project(tmp_path / "a", PLAIN).config, open_project(tmp_path / "b", described).config
    assert told.sources["outcomes"].columns["delay_minutes"].unit == "minutes"
    for kind, name in (("feature_table", "readings"), ("source", "outcomes"), ("model", "late_arrival")):
        assert plain.spec_hash(kind, name) == told.spec_hash(kind, name)

"""A windowed table of every kind of declaration, through bronze and gold, turn by turn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.tables import Lake
from tests.factories import instant, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.loop

FILES = {
    "project.yml": "project: shops\nretention: 400 days\n",
    "sources/deliveries.yml": """\
source: deliveries
landing: {path: landing/deliveries}
key: [shop, delivered_ts]
event_ts: delivered_ts
available_ts: delivered_ts + interval 10 minutes
history: {trusted_until: 2030-01-01}
columns:
  shop: {type: string}
  delivered_ts: {type: timestamp}
  delay_minutes: {type: integer}
""",
    "features/habits.yml": """\
feature_table: habits
entity: [shop]
from: deliveries
every: 1 hour
delay: 30 minutes
aggregate:
  - {of: delay_minutes, as: [last, stddev, distinct], over: [2 hours]}
  - {of: delay_minutes, as: [count], over: [1 hour], offset: 1 hour, where: delay_minutes > 0, name: late_before}
  - {rate: delay_minutes > 10, name: is_late, over: [2 hours]}
""",
}
HEADER = "shop,delivered_ts,delay_minutes\n"


def test_a_table_of_the_whole_vocabulary_is_built_turn_by_turn(spark: SparkSession, tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = load_config(tmp_path)
    landing = config.workspace / "landing/deliveries"
    landing.mkdir(parents=True)

    def turn(at: str, record: str) -> int:
        (landing / f"{record[13:15]}.csv").write_text(f"{HEADER}{record}\n")
        context = Context(config, instant(at))
        ingest(context)
        (built,) = build_features(context).tables
        return built.rows

    # Known at 09:30, used from 10:00 on; known at 10:20, used from 11:00 on.
    assert turn("2024-01-01 10:15", "A,2024-01-01T09:20:00Z,5") == 1
    assert turn("2024-01-01 14:20", "A,2024-01-01T10:10:00Z,30") == 3

    lake = Lake(spark, config.workspace, retention=config.project.retention)
    gold = lake.read(lake.address("gold", "habits"), instant("2024-01-01 14:20"))
    names = config.feature_tables["habits"].feature_names
    assert [(f"{row['available_ts']:%H}", *(row[name] for name in names)) for row in rows_of(gold, "available_ts")] == [
        ("10", 5, None, 1, 0, 0.0),
        ("11", 30, pytest.approx(625**0.5 / 2**0.5), 2, 1, 0.5),
        ("12", 30, None, 1, 1, 1.0),
        ("13", None, None, 0, 0, None),
    ]
    meanings = {field.name: field.metadata.get("comment") for field in gold.schema.fields}
    assert {name: (gold.schema[name].dataType.simpleString(), meanings[name]) for name in names} == {
        "last_delay_minutes_2h": ("int", "last of delay_minutes over the trailing 2 hours"),
        "stddev_delay_minutes_2h": ("double", "stddev of delay_minutes over the trailing 2 hours"),
        "distinct_delay_minutes_2h": ("bigint", "distinct of delay_minutes over the trailing 2 hours"),
        "count_delay_minutes_late_before_1h": (
            "bigint",
            "count of delay_minutes where delay_minutes > 0 over 1 hour that ended 1 hour before",
        ),
        "rate_is_late_2h": ("double", "share with delay_minutes > 10 over the trailing 2 hours"),
    }

    # Other words are said by the next run, at the same instant too, and make nothing anew.
    file = tmp_path / "conf/base/features/habits.yml"
    said = file.read_text().replace("entity:", "owner: dispatch\nentity:")
    file.write_text(said.replace("as: [last, stddev, distinct]", "as: [last, stddev, distinct], unit: minutes"))
    told, versions = Context(load_config(tmp_path), instant("2024-01-01 14:20")), []
    for _ in range(2):
        assert [each.outcome.value for each in build_features(told).tables] == ["SKIPPED"]
        versions.append(lake.version(lake.address("gold", "habits")))
    assert versions == [5, 5]  # made, two turns, the comments of last and stddev, properties
    comment = told.lake.columns(lake.address("gold", "habits"))["last_delay_minutes_2h"].metadata["comment"]
    assert comment == "last of delay_minutes over the trailing 2 hours [minutes]"

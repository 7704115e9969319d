"""A later build writes the rows that new, late and corrected rows change, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from lakeloop.config.loading import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from tests.factories import instant, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.loop, pytest.mark.slow]

FILES = {
    "project.yml": "project: shops\nretention: 400 days\n",
    "sources/deliveries.yml": """\
source: deliveries
landing: {path: landing/deliveries}
key: [shop, delivered_ts]
event_ts: delivered_ts
available_ts: delivered_ts
gate: {min_rows: 0}
columns: {shop: {type: string}, delivered_ts: {type: timestamp}, delay_minutes: {type: integer}}
""",
    "sources/plans.yml": """\
source: plans
landing: {path: landing/plans}
key: [shop]
mode: upsert
order_by: revision
event_ts: planned_ts
available_ts: planned_ts
gate: {min_rows: 0}
columns: {shop: {type: string}, revision: {type: long}, planned_ts: {type: timestamp}, seats: {type: integer}}
""",
    "features/delays.yml": """\
feature_table: delays
entity: [shop]
from: deliveries
every: 1 hour
aggregate: [{of: delay_minutes, as: [sum], over: [1 day]}]
""",
    "features/planned.yml": """\
feature_table: planned
entity: [shop]
from: plans
attributes: {seats: {as: seats}}
""",
}
TURNS = {
    "10": (  # four shops
        [
            "A,2024-01-01T09:10:00Z,1",
            "B,2024-01-01T09:10:00Z,2",
            "C,2024-01-01T09:10:00Z,3",
            "D,2024-01-01T09:10:00Z,4",
        ],
        ["A,1,2024-01-01T09:00:00Z,10", "B,1,2024-01-01T09:00:00Z,20", "C,2,2024-01-01T09:00:00Z,30"],
    ),
    "11": (  # a new row, and one of the week before; a corrected row, and one that was overtaken already
        ["A,2024-01-01T10:30:00Z,5", "B,2023-12-25T09:00:00Z,6"],
        ["A,2,2024-01-01T09:00:00Z,11", "C,1,2024-01-01T10:30:00Z,31"],
    ),
    "12": ([], ["A,3,2024-01-01T11:30:00Z,12", "B,2,2024-01-01T08:00:00Z,21"]),  # the last speaks of an earlier instant
}


def test_a_build_writes_only_what_new_late_and_corrected_rows_change(spark: SparkSession, tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = load_config(tmp_path)
    context, built = Context(config, instant("2024-01-01 00:00")), {}
    for hour, (deliveries, plans) in TURNS.items():
        for source, records in (("deliveries", deliveries), ("plans", plans)):
            folder = config.landing_path(config.sources[source])
            folder.mkdir(parents=True, exist_ok=True)
            if records:
                names = ",".join(config.sources[source].columns)
                (folder / f"{hour}.csv").write_text("\n".join((names, *records)) + "\n")
        context = context.at(instant(f"2024-01-01 {hour}:00"))
        ingest(context)
        built[hour] = {each.feature_table: each.rows for each in build_features(context).tables}
    # The late row counts from the turn that brought it on: nothing published changes.
    assert built == {
        "10": {"delays": 4, "planned": 3},
        "11": {"delays": 2, "planned": 1},
        "12": {"delays": 0, "planned": 1},
    }
    for table, written in (("delays", [4, 2, 0]), ("planned", [3, 1, 1])):
        history = DeltaTable(context.lake.address("gold", table).path).history()
        writes = [each for each in reversed(history) if each["operation"] == "WRITE"]
        assert [int(each["operationMetrics"]["numOutputRows"]) for each in writes] == written

    def log(table: str, feature: str) -> list[tuple[str, str, int]]:
        rows = rows_of(context.lake.read_uncut(context.lake.address("gold", table)), "available_ts", "shop")
        return [(f"{row['available_ts']:%H:%M}", row["shop"], row[feature]) for row in rows]

    assert log("delays", "sum_delay_minutes_1d") == [
        *(("10:00", shop, delay) for shop, delay in zip("ABCD", (1, 2, 3, 4), strict=True)),
        ("11:00", "A", 6),
        ("11:00", "B", 8),
    ]
    assert log("planned", "seats") == [
        ("10:00", "A", 10),
        ("10:00", "B", 20),
        ("10:00", "C", 30),
        ("11:00", "A", 11),
        ("12:00", "A", 12),
    ]

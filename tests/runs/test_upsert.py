"""A source whose keys have versions, from the landed file to what a model reads."""

from __future__ import annotations

from datetime import datetime

import pytest
from pyspark.sql import SparkSession

from lakeloop.config.loading import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import SourceIngest, ingest
from lakeloop.runs.monitor_counts import count_outcomes
from lakeloop.runs.spine import spine_as_of
from tests.factories import frame, instant, rows_of
from tests.laws.small_loop import write_project

END = instant("2024-01-20 00:00")
ORDERS = """order,shop,items,due_ts,known_ts
1,A,1,2024-01-10T12:00:00Z,2024-01-09T10:00:00Z
1,A,2,2024-01-10T12:00:00Z,2024-01-09T11:00:00Z
1,A,2,2024-01-10T12:00:00Z,2024-01-09T11:00:00Z
1,B,1,2024-01-10T12:00:00Z,2024-01-09T12:00:00Z
1,C,3,2024-01-10T12:00:00Z,2024-01-10T11:00:00Z
2,B,1,2024-01-10T12:00:00Z,2024-01-10T11:00:00Z
"""
DELIVERIES = """order,shop,delivered_ts,delay_minutes
1,A,2024-01-10T12:05:00Z,5
1,A,2024-01-12T12:25:00Z,25
"""


@pytest.fixture(scope="module")
def context(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Orders with versions, the last of which came after the instant of prediction; a delivery that was corrected."""
    root = tmp_path_factory.mktemp("upsert")
    write_project(root)
    base = root / "conf/base"
    (base / "features/shop_delays.yml").unlink()
    for file, old, new in (
        ("sources/orders.yml", "key: [order]", "key: [order]\nmode: upsert\norder_by: items"),
        ("sources/orders.yml", "available_ts: due_ts - interval 1 day", "available_ts: known_ts"),
        ("sources/orders.yml", "  due_ts: {", "  known_ts: {type: timestamp}\n  due_ts: {"),
        ("sources/deliveries.yml", "key: [order]", "key: [order]\nmode: upsert\norder_by: delivered_ts"),
        ("models/late.yml", "[shop_delays.*, shop_last.*]", "[shop_last.*]"),
    ):
        text = (base / file).read_text(encoding="utf-8")
        assert old in text
        (base / file).write_text(text.replace(old, new), encoding="utf-8")
    config = load_config(root)
    for source, text in (("orders", ORDERS), ("deliveries", DELIVERIES)):
        folder = config.landing_path(config.sources[source])
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(text, encoding="utf-8")
    opened = Context(config, END)
    found = {each.source: each for each in ingest(opened).sources}
    assert found["orders"] == SourceIngest("orders", 1, 0, 0, 0, 6, 4, 0, 1, 1)
    assert found["deliveries"] == SourceIngest("deliveries", 1, 0, 0, 0, 2, 2, 0, 0, 0)
    return opened


def test_the_spine_has_the_newest_version_known_at_its_instant(context: Context) -> None:
    model = context.config.models["late"]

    def spine(as_of: datetime) -> list[tuple[int, str, int]]:
        rows = rows_of(spine_as_of(context.at(as_of), model), "order")
        return [(row["order"], row["shop"], row["items"]) for row in rows]

    # Predicted at 10:00; the third version, and the other order, came at 11:00.
    assert spine(instant("2024-01-10 09:59")) == []
    assert spine(instant("2024-01-10 10:00")) == [(1, "A", 2)]
    assert spine(END) == [(1, "A", 2)]


def test_a_label_is_the_newest_version_known(context: Context) -> None:
    model = context.config.models["late"]
    predictions = frame(
        context.spark,
        "prediction_id string, prediction_ts timestamp, score double, order bigint, due_ts timestamp",
        [
            {
                "prediction_id": "a",
                "prediction_ts": instant("2024-01-10 10:00"),
                "score": 0.5,
                "order": 1,
                "due_ts": instant("2024-01-10 12:00"),
            }
        ],
    )
    for as_of, late in ((instant("2024-01-11 06:00"), 0.0), (END, 1.0)):
        cells, void, *_ = count_outcomes(context.at(as_of), model, predictions, target_rate=0.5)
        assert (cells["rows"].to_pylist(), cells["label"].to_pylist(), void) == ([1], [late], [])


def test_attributes_log_every_version_that_became_known(context: Context) -> None:
    build_features(context)  # behind the gate: versions of a key break no uniqueness
    gold = context.lake.read_uncut(context.lake.address("gold", "shop_last"))
    found = rows_of(gold, "available_ts")
    assert [(row["available_ts"], row["last_delay_minutes"]) for row in found] == [
        (instant("2024-01-10 12:15"), 5.0),
        (instant("2024-01-12 12:35"), 25.0),
    ]

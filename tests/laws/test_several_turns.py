"""Several turns build what one build over the same stretch builds: windows, attributes, rows that come late."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from tests.laws.compare import assert_same_table, rows
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def built_at_once(spark, tmp_path_factory):
    """Everything that had landed by the last turn, ingested and built in one go."""
    config = write_project(tmp_path_factory.mktemp("once"))
    land(config, TURNS[-1])
    ingest(Context(config, TURNS[-1]))
    build_features(Context(config, TURNS[-1]))
    return config


@pytest.mark.parametrize("table", ["bronze/orders", "bronze/deliveries", "gold/shop_delays", "gold/shop_last"])
def test_several_turns_build_what_one_build_builds(landed_turn_by_turn, built_at_once, table):
    assert len(rows(landed_turn_by_turn, table)) > 100
    assert_same_table(landed_turn_by_turn, built_at_once, table)


def test_the_stretch_holds_rows_that_come_late_and_windows_that_empty(landed_turn_by_turn):
    """Else the comparison would say less than it seems to."""
    deliveries = sorted(rows(landed_turn_by_turn, "bronze/deliveries"), key=lambda row: row["available_ts"])
    late = [b for a, b in pairwise(deliveries) if b["event_ts"] < a["event_ts"]]
    across = [row for row in deliveries if row["event_ts"] <= TURNS[0] < row["available_ts"]]
    assert len(late) > 20
    assert across
    emptied = [row for row in rows(landed_turn_by_turn, "gold/shop_delays") if row["count_is_late_6h"] == 0]
    assert emptied
    assert all(row["mean_is_late_6h"] is None for row in emptied)


def test_event_ts_never_decreases_along_available_ts(landed_turn_by_turn):
    for table in ("gold/shop_delays", "gold/shop_last"):
        states = sorted(rows(landed_turn_by_turn, table), key=lambda row: (row["shop"], row["available_ts"]))
        for a, b in pairwise(states):
            assert a["shop"] != b["shop"] or (a["event_ts"] <= b["event_ts"] and a["available_ts"] < b["available_ts"])

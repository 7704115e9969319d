"""Law 1: what becomes available after an instant changes nothing at or before it."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

import pytest

from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import ingest
from lakeloop.runs.turn import run_turn
from tests.laws.compare import assert_same_models, assert_same_table, models, rows, tables
from tests.laws.small_loop import TURNS, land, write_project

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def landed_all_at_once(spark, tmp_path_factory):
    """The whole history and a falsified future are there before the first turn."""
    config = write_project(tmp_path_factory.mktemp("whole"))
    land(config, TURNS[-1] + timedelta(days=30), tamper_after=TURNS[-1])
    for turn in TURNS:
        run_turn(Context(config, turn), ["late"])
    return config


def test_a_workspace_that_holds_the_future_gives_the_same_tables(landed_turn_by_turn, landed_all_at_once):
    by_landing = {"ops/ingested_files", "ops/ingested_batches"}
    compared = [table for table in tables(landed_turn_by_turn) if table not in by_landing]
    assert {table.split("/")[0] for table in compared} == {
        "bronze", "gold", "monitoring", "ops", "predictions", "quarantine", "training_sets",
    }  # fmt: skip
    for table in compared:
        if not table.startswith("quarantine/"):  # rejected when it landed: see below
            assert_same_table(landed_turn_by_turn, landed_all_at_once, table, TURNS[-1])


def test_the_same_rows_are_rejected_for_the_same_reasons_whenever_they_land(landed_turn_by_turn, landed_all_at_once):
    """But for the `as_of` of the ingest, which is that of the landing."""

    def rejected(config):
        until = TURNS[-1] + timedelta(days=1)  # an order is known a day before it is due
        found = [row for row in rows(config, "quarantine/orders") if datetime.fromisoformat(row["due_ts"]) <= until]
        return [{key: value for key, value in row.items() if key != "as_of"} for row in found]

    assert rejected(landed_turn_by_turn) == rejected(landed_all_at_once)
    assert {row["_reasons"] for row in rejected(landed_turn_by_turn)} == {
        ((("column", "items"), ("message", "is outside 1.0 to inf"), ("rule", "range_items")),),
    }


def test_landing_alone_explains_what_is_recorded_of_files_and_batches(landed_turn_by_turn, landed_all_at_once):
    for config in (landed_turn_by_turn, landed_all_at_once):
        for source in config.sources:
            files = [row for row in rows(config, "ops/ingested_files") if row["source"] == source]
            batches = [row for row in rows(config, "ops/ingested_batches") if row["source"] == source]
            lines = [
                len((config.landing_path(config.sources[source]) / each["file"]).read_text().splitlines()) - 1
                for each in files
            ]
            assert [each["raw_rows"] for each in files] == lines
            assert sum(each["rows_read"] for each in batches) == sum(lines)
            assert sum(each["rows_accepted"] for each in batches) == len(rows(config, f"bronze/{source}"))


def test_a_workspace_that_holds_the_future_gives_the_same_models(landed_turn_by_turn, landed_all_at_once):
    assert_same_models(landed_turn_by_turn, landed_all_at_once)
    assert [(name, version) for name, version, _, _ in models(landed_turn_by_turn)] == [("late", "1"), ("late", "2")]


def test_no_prediction_comes_from_a_model_that_knew_more(landed_turn_by_turn):
    trained_through = {
        row["model_version"]: row["trained_through"] for row in rows(landed_turn_by_turn, "ops/promotions")
    }
    production = [row for row in rows(landed_turn_by_turn, "predictions/late") if row["purpose"] == "production"]
    assert production
    assert all(row["prediction_ts"] > trained_through[row["model_version"]] for row in production)


def test_no_feature_used_was_published_after_the_prediction(landed_turn_by_turn):
    by_shop: dict[str, list[dict]] = {}
    for row in rows(landed_turn_by_turn, "gold/shop_last"):
        by_shop.setdefault(row["shop"], []).append(row)
    for prediction in rows(landed_turn_by_turn, "predictions/late"):
        known = [r for r in by_shop[prediction["shop"]] if r["available_ts"] <= prediction["prediction_ts"]]
        newest = max(known, key=lambda row: row["available_ts"], default=None)
        fresh = newest is not None and (prediction["prediction_ts"] - newest["event_ts"]).days < 2
        expected = newest["last_delay_minutes"] if fresh else None
        assert prediction["shop_last__last_delay_minutes"] == expected


def test_rows_that_gold_could_never_take_are_refused(landed_turn_by_turn):
    """Observed now, at an instant up to which gold is built: they would be available and never be built on."""
    observed = {
        name: source.model_copy(update={"history": None}) for name, source in landed_turn_by_turn.sources.items()
    }
    config = dataclasses.replace(landed_turn_by_turn, sources=observed)
    land(config, TURNS[1] + timedelta(days=1), after=TURNS[1])
    before = rows(config, "ops/ingested_files")
    with pytest.raises(ConflictError, match="a later instant"):
        ingest(Context(config, TURNS[1]))
    assert rows(config, "ops/ingested_files") == before
    for path in config.workspace.glob(f"landing/*/until_{TURNS[1] + timedelta(days=1):%Y%m%d}.csv"):
        path.unlink()  # the workspace is compared with others

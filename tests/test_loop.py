"""The whole loop on a small slice of the real flights."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from lakeloop.config import load_config
from lakeloop.decisions.policy import recompute
from lakeloop.on_demand.calls import apply_calls
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.report import write_report
from lakeloop.runs.training_set import find_training_set, training_rows
from lakeloop.statuses import Action, Outcome
from tests.flights_slice import run_again
from tests.laws.compare import models, rows

pytestmark = pytest.mark.loop


def test_a_first_turn_only_trains_and_what_it_trained_scores_later(flights_loop):
    first = flights_loop.first.models[0]
    assert (first.score, first.monitor) == (None, None)
    assert first.decision.action is Action.RETRAIN
    assert first.train.model_version == "1"
    assert first.train.gate.outcome == "promoted"
    assert flights_loop.score.model_version == "1"
    assert flights_loop.score.outcome is Outcome.WRITTEN
    assert flights_loop.monitor.windows == 3


@pytest.mark.slow
def test_the_next_turn_scores_and_trains_again(flights_loop, tmp_path):
    """As the laws show on the small project in less time."""
    shutil.copytree(flights_loop.config.root, tmp_path / "project")
    config = load_config(tmp_path / "project", "slice")
    second = run_again(config).models[0]
    assert second.score.model_version == "1"
    assert second.score.outcome is Outcome.WRITTEN
    assert second.monitor.windows == 1  # the three before it were judged a week ago
    assert second.decision.action is Action.RETRAIN
    assert second.train.model_version == "2"
    assert_decisions_can_be_computed_again(config, 3)
    assert_alias_follows_ledger(config)


def test_every_row_landed_is_accounted_for(flights_loop):
    config = flights_loop.config
    landed = sum(row["raw_rows"] for row in rows(config, "ops/ingested_files"))
    batches = rows(config, "ops/ingested_batches")
    assert landed == sum(row["rows_read"] for row in batches)
    for row in batches:
        parts = ("rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
        assert row["rows_read"] == sum(row[part] for part in parts)


def test_every_flight_of_the_turn_is_scored_once_before_it_leaves(flights_loop):
    config = flights_loop.config
    predictions = rows(config, "predictions/late_arrival")
    (first,) = [
        row for row in rows(config, "ops/promotions") if row["model_version"] == "1" and row["model"] == "late_arrival"
    ]
    as_of = rows(config, "predictions/late_arrival")[0]["as_of"]
    flights = [
        row
        for row in rows(config, "bronze/schedules")
        if first["trained_through"] < row["scheduled_departure_ts"] - timedelta(hours=2) <= as_of
    ]
    assert len(predictions) == len({row["prediction_id"] for row in predictions}) == len(flights)
    assert all(0 < row["score"] < 1 for row in predictions)
    assert all(row["prediction_ts"] == row["scheduled_departure_ts"] - timedelta(hours=2) for row in predictions)


def test_on_demand_columns_are_logged_by_the_function_the_model_uses(flights_loop):
    config = flights_loop.config
    model = config.models["late_arrival"]
    frame = DeltaTable(str(config.workspace / "predictions/late_arrival")).to_pandas()
    seconds = frame[["scheduled_departure_ts"]].astype("datetime64[ns, UTC]").astype("int64") / 1e9
    expected = apply_calls(model.on_demand, seconds, model.label.closes.timezone)
    for name in model.on_demand:
        assert frame[name].tolist() == expected[name].tolist()


def test_features_in_training_sets_and_predictions_are_the_gold_values(flights_loop):
    config = flights_loop.config
    gold: dict[str, list[dict]] = {}
    for row in rows(config, "gold/carrier_delays"):
        gold.setdefault(row["carrier"], []).append(row)
    for table in ("predictions/late_arrival", "training_sets/late_arrival"):
        for row in rows(config, table)[::50]:
            known = [each for each in gold[row["carrier"]] if each["available_ts"] <= row["prediction_ts"]]
            newest = max(known, key=lambda each: each["available_ts"], default=None)
            assert row["carrier_delays__status"] == ("NO_ROW" if newest is None else "OK")
            expected = None if newest is None else newest["mean_is_late_1d"]
            assert row["carrier_delays__mean_is_late_1d"] == expected


def test_only_closed_days_train(flights_loop):
    config = flights_loop.config
    for row in rows(config, "training_sets/late_arrival"):
        assert row["label_available_ts"] <= row["as_of"]
        assert row["label"] in (0.0, 1.0)


def test_the_manifest_holds_the_hash_of_the_rows(flights_loop, spark):
    config = flights_loop.config
    context = Context(config, max(row["as_of"] for row in rows(config, "ops/training_sets")))
    pinned = find_training_set(context, "late_arrival")
    address = context.lake.address("training_sets", "late_arrival")
    found = training_rows(context, address, pinned.training_set_id)
    content = read_content(found)
    assert (content.digest, content.rows, content.data_through) == (
        pinned.content_hash,
        pinned.rows,
        pinned.data_through,
    )
    assert read_content(found.repartition(7, "prediction_id")) == content
    assert read_content(found.limit(pinned.rows - 1)).digest != content.digest


def test_every_decision_can_be_computed_again_from_its_row(flights_loop):
    assert_decisions_can_be_computed_again(flights_loop.config, 2)


def assert_decisions_can_be_computed_again(config, number):
    decisions = rows(config, "ops/decisions")
    assert len(decisions) == number
    for row in decisions:
        decision = recompute(row)
        assert (decision.action.value, tuple(decision.reasons)) == (row["action"], row["reasons"])


def test_monitoring_says_of_every_column_what_it_could_judge(flights_loop):
    config = flights_loop.config
    drift = rows(config, "monitoring/drift_metrics")
    kinds = {row["kind"] for row in drift}
    assert kinds == {"feature", "prediction", "target"}
    for row in drift:
        assert (row["verdict"] == "UNKNOWN") == (row["status"] != "OK")
        if row["slice_key"] is not None:
            assert (row["threshold"], row["verdict"] == "RECORDED") == (None, row["status"] == "OK")
        elif row["status"] == "OK" and row["kind"] != "target":
            assert {"reference_shares", "window_shares", "resampled"} <= set(json.loads(row["evidence"]))
            if row["role"] != "seasonal":
                assert (row["verdict"] == "DRIFT") == (row["statistic"] > row["threshold"])
    realised = {row["metric"] for row in rows(config, "monitoring/performance")}
    assert {"log_loss", "roc_auc", "bias", "skill", "brier"} <= realised


def test_the_stretches_of_the_score_hold_every_labelled_row_of_their_window(flights_loop):
    performance = rows(flights_loop.config, "monitoring/performance")
    key = ("model", "model_version", "as_of")

    def is_whole(row):
        return row["metric"] == "mean_outcome" and row["slice_key"] is None

    whole = {(*(row[k] for k in key), str(row["window"])): row for row in performance if is_whole(row)}
    sums: dict[tuple[object, ...], list[float]] = {}
    for row in performance:
        if row["slice_key"] == "score" and row["metric"] == "mean_outcome":
            sums.setdefault((*(row[k] for k in key), str(row["window"])), []).append(row["rows"])
    assert {each[0] for each in sums} == {"late_arrival"}, "a regression has no shares"
    assert sums
    for each, counts in sums.items():
        assert sum(counts) == whole[each]["rows"]


def test_the_alias_follows_the_ledger(flights_loop):
    assert_alias_follows_ledger(flights_loop.config)


def assert_alias_follows_ledger(config):
    promoted = [
        r for r in rows(config, "ops/promotions") if r["outcome"] == "promoted" and r["model"] == "late_arrival"
    ]
    champion = max(promoted, key=lambda row: row["as_of"])["model_version"]
    aliases = {version: named for model, version, _, named in models(config) if model == "late_arrival"}
    assert "champion" in aliases[champion]


def test_a_second_model_reuses_the_gold_tables(flights_loop):
    trained = flights_loop.first.models[1].train
    assert trained.model == "arrival_delay"
    assert trained.gate.metrics["challenger"]["mean_absolute_error"] > 0


def test_the_report_is_one_page_that_asks_for_nothing(flights_loop, spark):
    config = flights_loop.config
    as_of = max(row["as_of"] for row in rows(config, "ops/decisions"))
    page = write_report(Context(config, as_of)).read_text(encoding="utf-8")
    assert "late_arrival" in page
    assert "http://" not in page
    assert "https://" not in page

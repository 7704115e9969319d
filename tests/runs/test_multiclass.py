"""A model of three classes: trained, promoted, scored, monitored, trained again and gated."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.config.columns import input_columns
from lakeloop.config.metric import Metric
from lakeloop.drift.reference import Reference
from lakeloop.errors import ConflictError, UsageError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.reporting.page import render_report
from lakeloop.runs.audit import audit_training_set
from lakeloop.runs.compare import compare_runs, describe_comparison
from lakeloop.runs.context import Context
from lakeloop.runs.models.show import show_model
from lakeloop.runs.monitor import monitor
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.recalibrate import recalibrate
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.runs.repeat import repeat_training
from lakeloop.runs.report import make_report
from lakeloop.runs.score import score
from lakeloop.runs.train import train
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_set import find_training_set, make_training_set
from lakeloop.statuses import RepeatStatus
from lakeloop.training.fitting import predict_scores
from lakeloop.training.metrics import evaluate
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

pytestmark = pytest.mark.loop

MODEL = "how_late"
CLASSES = ["on_time", "slow", "late"]
VALUE = """case when delay_minutes > 12 then 'late' when delay_minutes > 4 then 'slow'
    when delay_minutes > -6 then 'on_time' when delay_minutes is not null then 'early' end"""
EDITS = {
    # A shop tells a class well by itself, and is known when the order is placed.
    "model: late": f"model: {MODEL}\ntask: multiclass\naudit: {{suspicious_score: 1}}\n"
    "score: {explain: {rows: 10, top: 20, background: 4}}",
    "  as: delay_minutes > 10\n": f"  as: >-\n    {VALUE}\n  classes: [on_time, slow, late]\n",
    "  search: {C: [0.1, 1.0]}": "  search: {C: [0.1, 1.0]}\n  class_weight: balanced\n  calibrate: sigmoid",
    "split: {validation: 3 days,": "split: {validation: 3 days, calibration: 5 days,",
    "  fresh_process: false": """\
  fresh_process: false
  latency: {p95_ms: 60000}
  calibration: {max_bias: 0.5, max_error: 0.5}
  absolute: {accuracy: {min: 0.2}, f1_macro: {min: 0.1}}""",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A second model of a finished project; its champion of the first turn is compared with the next at the last."""
    root = Path(shutil.copytree(finished_project().root, tmp_path_factory.mktemp("classes") / "project"))
    models = root / "conf" / "base" / "models"
    text = (models / "late.yml").read_text(encoding="utf-8")
    for old, new in EDITS.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (models / f"{MODEL}.yml").write_text(text, encoding="utf-8")
    first = Context(load_config(root), TURNS[0])
    make_training_set(first, MODEL)
    train(first, MODEL)
    # What takes long is asked for once.
    text = text.replace("fresh_process: false", "fresh_process: true\n  leakage_audit: true")
    (models / f"{MODEL}.yml").write_text(text, encoding="utf-8")
    last = Context(load_config(root), TURNS[-1])
    score(last, MODEL)
    monitor(last, MODEL)
    make_training_set(last, MODEL)
    train(last, MODEL)
    return last


def rows_of_model(context: Context, table: schemas.TableSchema) -> list[dict[str, Any]]:
    return [row for row in context.lake.own_rows(table, context.as_of) if row["model"] == MODEL]


def predictions_of(context: Context) -> Any:
    return context.lake.read_uncut(context.lake.address("predictions", MODEL))


def test_labels_are_places_and_what_is_no_class_is_void(context) -> None:
    address = context.lake.address("training_sets", MODEL)
    rows = context.lake.read_uncut(address)
    assert {row[0] for row in rows.select("label").distinct().collect()} == {0.0, 1.0, 2.0}
    comment = rows.schema["label"].metadata["comment"]
    assert comment == "the truth: place of its class, from 0, among on_time, slow, late; null when void"
    data = read_training_data(context, context.config.models[MODEL], find_training_set(context, MODEL))
    truth = {
        row["order"]: row["delay_minutes"]
        for row in context.lake.read_uncut(context.lake.address("bronze", "deliveries")).collect()
    }
    pinned = rows.where(F.col("training_set_id") == data.training_set.training_set_id).collect()
    for row in pinned:
        delay = truth[row["order"]]
        assert delay > -6  # early is none of the classes
        assert row["label"] == float(np.digitize(delay, [4, 12], right=True))


def test_a_version_is_promoted_and_the_next_is_judged_against_it(context) -> None:
    ledger = read_promotions(context, MODEL)
    assert ledger[0].outcome == "promoted"
    assert len(ledger) >= 2
    judged = json.loads(ledger[1].evidence)
    checks = {each["name"]: each for each in judged["checks"]}
    assert checks["no_worse_than_champion"]["status"] in ("PASS", "FAIL")
    measured = ("absolute_accuracy", "absolute_f1_macro", "calibration_bias", "latency")
    for name in ("inputs_exist", "leakage_audit", "loads_in_fresh_process", *measured):
        assert checks[name]["status"] == "PASS", checks[name]
    assert checks["leakage_audit"]["detail"].startswith("no finding in ")
    assert checks["loads_in_fresh_process"]["value"] == 0.0


def test_predictions_of_spark_are_those_of_the_loaded_pipeline(context) -> None:
    model = context.config.models[MODEL]
    inputs = input_columns(context.config, model)
    scored = predictions_of(context)
    told = {field.name: field.metadata.get("comment") for field in scored.schema}
    assert told["class_scores"] == "probability of each class, in the order on_time, slow, late"
    assert told["score"] == "probability of the predicted class"
    versions = {each.version: each for each in read_promotions(context, MODEL)}
    counted = 0
    for row in scored.select("model_version").distinct().collect():
        chosen = versions[row["model_version"]]
        pipeline = context.registry.load_pipeline(context.registry.get_version(MODEL, chosen.version, chosen.run_key))
        table: pa.Table = scored.where(F.col("model_version") == chosen.version).toArrow()
        frame = pa.table({name: as_model_input(table[name]) for name in inputs}).to_pandas()
        ours = predict_scores(model.task, pipeline, frame, 3)
        theirs = np.array(table["class_scores"].to_pylist())
        np.testing.assert_allclose(theirs, ours, atol=1e-12)
        np.testing.assert_allclose(theirs.sum(axis=1), 1.0)
        assert table["predicted_class"].to_pylist() == [CLASSES[place] for place in ours.argmax(axis=1)]
        np.testing.assert_array_equal(table["score"].to_numpy(), theirs.max(axis=1))
        counted += table.num_rows
    assert counted > 200


def test_the_score_of_the_predicted_class_is_explained(context) -> None:
    rows = context.lake.read_uncut(context.lake.address("explanations", MODEL))
    totals = rows.groupBy("prediction_id", "score").agg(F.sum("contribution").alias("total"), F.max("baseline"))
    classes = predictions_of(context).select("prediction_id", "predicted_class", F.col("score").alias("own"))
    found = totals.join(classes, "prediction_id").collect()
    assert len(found) == 10
    for _, explained, total, baseline, _, own in found:
        assert explained == own
        assert total == pytest.approx(explained - baseline, abs=1e-9)
    baselines = {row["predicted_class"]: row["max(baseline)"] for row in found}
    assert len({*baselines.values()}) == len(baselines) > 1  # each class is compared with its own mean


def test_windows_are_measured_by_the_predicted_class(context) -> None:
    rows = [row for row in rows_of_model(context, schemas.PERFORMANCE) if row["slice_key"] is None]
    measured = [row for row in rows if row["status"] == "OK"]
    window = measured[0]["window"]["end"]
    same = [row for row in measured if row["window"]["end"] == window and row["as_of"] == measured[0]["as_of"]]
    found = {row["metric"]: row for row in same}
    assert {*found} == {"mean_score", "mean_outcome", "bias", "log_loss", "brier", "skill"}
    y, scores = closed_rows(context, measured[0]["model_version"], same[0]["window"])
    assert len(y) == same[0]["rows"]
    values = evaluate(context.config.models[MODEL].task, y, scores)
    assert found["mean_outcome"]["value"] == pytest.approx(values[Metric.ACCURACY])
    assert found["log_loss"]["value"] == pytest.approx(values[Metric.LOG_LOSS])
    assert found["brier"]["value"] == pytest.approx(values[Metric.BRIER])
    assert found["mean_score"]["value"] == pytest.approx(scores.max(axis=1).mean())
    reference = reference_of(context, measured[0]["model_version"], REFERENCE_FILE)
    constant = -np.log(np.array(reference.target_shares)[y.astype(int)]).mean()
    assert found["skill"]["value"] == pytest.approx(1 - values[Metric.LOG_LOSS] / constant)
    assert found["mean_score"]["baseline"] == pytest.approx(max(reference.target_shares))
    assert found["bias"]["baseline"] is None
    estimated = rows_of_model(context, schemas.ESTIMATED_PERFORMANCE)
    assert {row["metric"] for row in estimated} <= {"none", "mean_outcome"}


def closed_rows(context: Context, version: str, window: Any) -> tuple[Any, Any]:
    """Places and scores of a window's rows, from the tables themselves."""
    scored = predictions_of(context).where(
        (F.col("model_version") == version)
        & (F.col("prediction_ts") >= F.lit(window["start"]))
        & (F.col("prediction_ts") < F.lit(window["end"]))
    )
    truth = context.lake.read_uncut(context.lake.address("bronze", "deliveries")).select("order", "delay_minutes")
    table = scored.join(truth, "order").where("delay_minutes > -6").toArrow()
    delays = table["delay_minutes"].to_numpy()
    return np.digitize(delays, [4, 12], right=True).astype(float), np.array(table["class_scores"].to_pylist())


def reference_of(context: Context, version: str, file: str) -> Reference:
    chosen = next(each for each in read_promotions(context, MODEL) if each.version == version)
    registered = context.registry.get_version(MODEL, chosen.version, chosen.run_key)
    return Reference.from_json(context.registry.read_document(registered, file))


def test_answers_and_labels_are_compared_with_the_reference(context) -> None:
    drifts = rows_of_model(context, schemas.DRIFT_METRICS)
    kinds = {(row["kind"], row["column_name"]): row for row in drifts}
    assert ("prediction", "score") in kinds
    assert ("prediction", "predicted_class") in kinds
    assert kinds["prediction", "predicted_class"]["test"] == "total_variation"
    assert kinds["target", "label"]["test"] == "total_variation"
    assert {row["verdict"] for row in drifts if row["kind"] == "target"} <= {"DRIFT", "STABLE", "UNKNOWN"}
    predicted = reference_of(context, read_promotions(context, MODEL)[0].version, PREDICTION_REFERENCE_FILE)
    assert [(each.name, each.kind) for each in predicted.bins] == [("score", "number"), ("predicted_class", "category")]
    assert predicted.bins[1].categories == tuple(CLASSES)


def test_what_is_shown_of_the_model_is_shown(context) -> None:
    compared = describe_comparison(compare_runs(context, MODEL, trials_of="1"), width=200)
    assert "by log_loss" in compared
    shown = show_model(context, MODEL, "1")
    assert "loads_in_fresh_process" in [each.name for each in shown.checks]
    page = render_report(make_report(context))
    assert MODEL in page


def test_a_training_is_repeated_and_its_set_audited(context) -> None:
    pinned = find_training_set(context, MODEL).training_set_id
    repeated = repeat_training(context, pinned)
    assert repeated.status is RepeatStatus.REPRODUCED, repeated
    assert audit_training_set(context, pinned).training_set_id == pinned
    rows = [row for row in context.lake.own_rows(schemas.LEAKAGE, context.as_of) if row["training_set_id"] == pinned]
    scores = [row for row in rows if "tells the label alone with ROC AUC" in row["detail"]]
    assert len(scores) == 8  # shop, items, hour of the day and what is known of the shop
    assert all(0.5 <= row["value"] <= 1 for row in scores)


def test_classes_in_another_order_are_neither_learned_from_an_earlier_set_nor_monitored(context) -> None:
    model = context.config.models[MODEL]
    label = model.label.model_copy(update={"classes": tuple(reversed(CLASSES))})
    models = {MODEL: model.model_copy(update={"label": label})}
    turned_round = Context(replace(context.config, models=models), context.as_of)
    with pytest.raises(ConflictError, match="it was made by") as refused:
        train(turned_round, MODEL)
    assert refused.value.failures[0].name == "declarations"
    with pytest.raises(ConflictError, match="not what the champion was trained by"):
        monitor(turned_round, MODEL)


def test_served_scores_are_not_corrected(context) -> None:
    later = Context(context.config, context.as_of + timedelta(days=1))
    with pytest.raises(UsageError, match=r"declare estimator\.calibrate"):
        recalibrate(later, MODEL)

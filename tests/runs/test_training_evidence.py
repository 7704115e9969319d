"""What a training logs beside its model, as it lies in the tracking store."""

from __future__ import annotations

import json

import pytest
from deltalake import DeltaTable
from mlflow import MlflowClient
from mlflow.artifacts import load_text

from lakeloop.runs.context import Context
from lakeloop.runs.manifests import read_manifests
from lakeloop.runs.promotions import read_promotions
from lakeloop.statuses import EvidenceStatus
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def logged():
    """The run of the first version of the small loop, and its documents."""
    context = Context(finished_project(), TURNS[0])
    judged = read_promotions(context, "late")[0]
    version = context.registry.get_version("late", judged.version, judged.run_key)
    run = MlflowClient(context.config.tracking_uri, context.config.tracking_uri).get_run(version.run_id)
    return run, lambda name: context.registry.read_document(version, name)


def test_the_run_names_the_table_it_learned_from_and_the_version_that_has_its_rows(logged):
    run, _ = logged
    context = Context(finished_project(), TURNS[0])
    (found,) = run.inputs.dataset_inputs
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training"}
    pinned = next(each for each in read_manifests(context) if each.training_set_id == run.data.tags["training_set_id"])
    assert (found.dataset.name, found.dataset.digest) == ("training_sets.late", pinned.content_hash[:32])
    source = json.loads(found.dataset.source)
    assert source["path"] == context.lake.address("training_sets", "late").path
    assert source["delta_table_version"] == pinned.delta_version
    assert source.get("delta_table_name") is None

    def rows_at(version: int) -> int:
        ids = DeltaTable(source["path"], version=version).to_pyarrow_table(columns=["training_set_id"])
        return ids["training_set_id"].to_pylist().count(pinned.training_set_id)

    assert (rows_at(pinned.delta_version - 1), rows_at(pinned.delta_version)) == (0, pinned.rows)


def test_metrics_lie_in_their_intervals(logged):
    run, read = logged
    metrics = run.data.metrics
    for each in read("metric_intervals.json")["metrics"]:
        name = f"holdout_{each['metric']}"
        assert each["value"] == metrics[name]
        assert each["status"] == EvidenceStatus.OK
        assert metrics[f"{name}_lower"] <= metrics[name] <= metrics[f"{name}_upper"]
        assert (each["lower"], each["days"]) == (metrics[f"{name}_lower"], 5)


def test_every_row_of_the_holdout_is_in_the_curve_and_in_each_slice_column(logged):
    _, read = logged
    (rows,) = {each["rows"] for each in read("metric_intervals.json")["metrics"]}
    assert sum(each["rows"] for each in read("calibration.json")["bins"]) == rows
    slices = read("slices.json")["slices"]
    assert sorted(each["slice_value"] for each in slices) == ["A", "B", "C"]
    assert sum(each["rows"] for each in slices) == rows


def test_every_input_of_the_pipeline_has_an_importance(logged):
    _, read = logged
    found = read("importance.json")
    told = {each["column"]: each for each in found["columns"]}
    assert set(told) == {
        *("shop", "items", "prediction_ts"),
        *(
            f"shop_delays__{name}"
            for name in ("mean_is_late_6h", "count_is_late_6h", "mean_is_late_2d", "count_is_late_2d")
        ),
        "shop_last__last_delay_minutes",
    }
    assert told["prediction_ts"]["on_demand"] == ["hour_of_day"]
    assert not told["prediction_ts"]["is_model_column"]
    assert (found["metric"], found["seed"]) == ("log_loss", 7)


def test_the_card_says_what_the_version_is_made_from(logged):
    run, read = logged
    folder = f"runs:/{run.info.run_id}/lakeloop"
    card = load_text(f"{folder}/model_card.md")
    for said in (run.data.tags["training_set_id"], run.data.tags["content_hash"], run.data.tags["spec_hash"]):
        assert said in card
    assert f"lakeloop train late --training-set {run.data.tags['training_set_id']} --seed 7" in card
    assert read("environment.json")["python"] in card
    assert run.data.tags["git_commit"] == read("environment.json")["git_commit"]

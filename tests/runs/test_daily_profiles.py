"""Daily profiles of predictions: the engines agree, each row counts once, and windows are merges of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA
from lakeloop.drift.estimated_performance import VersionCalibration
from lakeloop.drift.merged_profiles import WHOLE, describe_profile, merge_profiles
from lakeloop.drift.reference import Reference
from lakeloop.runs.context import Context
from lakeloop.runs.daily_profiles import in_process, on_spark, profile_predictions, read_profiles
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.runs.window_evaluation import References
from lakeloop.runs.windows import ended_windows
from lakeloop.statuses import Outcome, Purpose
from lakeloop.tables import WriteIdentity
from tests.shared import finished_context

pytestmark = pytest.mark.loop

EXACT = [name for name in PROFILES_SCHEMA.names if not name.endswith("_sketch")]
SAME = {"model": "late", "model_version": "1", "generation": 0}


def plan_of(context: Context, version: str = "1"):
    judged = next(row for row in context.lake.own_rows(schemas.PROMOTIONS, None) if row["model_version"] == version)
    found = context.registry.get_version("late", version, judged["run_key"])
    features, predictions = (
        Reference.from_json(context.registry.read_document(found, file))
        for file in (REFERENCE_FILE, PREDICTION_REFERENCE_FILE)
    )
    return References(features, predictions, VersionCalibration(None, False)).plan(
        context.config, context.config.models["late"]
    )


def in_order(found: pa.Table) -> pa.Table:
    return merge_profiles(found.select(PROFILES_SCHEMA.names).cast(PROFILES_SCHEMA))


@pytest.mark.parametrize("partitions", [1, 3])
def test_both_engines_profile_alike(spark, partitions):
    context = finished_context()
    model, plan = context.config.models["late"], plan_of(context)
    same = {**SAME, "as_of": context.as_of}
    here = in_order(in_process(context, model, "1", plan, None, same))
    scored = context.lake.read_uncut(context.lake.address("predictions", "late"))
    assert scored.count() > 200
    there = on_spark(context, model, "1", plan, None, same)
    found = in_order(there.repartition(partitions).toArrow())
    assert here.num_rows == found.num_rows > 100
    for one, other in zip(here.to_pylist(), found.to_pylist(), strict=True):
        assert {name: one[name] for name in EXACT} == {
            **{name: other[name] for name in EXACT},
            "sum_squares": pytest.approx(other["sum_squares"], rel=1e-9),
            "bin_sums": other["bin_sums"] and pytest.approx(other["bin_sums"], rel=1e-9, abs=1e-9),
        }
        # Rows of a day are fewer than the sketches keep: both are exact.
        assert describe_profile(one) == {
            name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            for name, value in describe_profile(other).items()
        }


def test_every_scored_row_was_profiled_once():
    context = finished_context()
    rows = context.lake.read_uncut(context.lake.address("predictions", "late"))
    production = rows.where((rows.purpose == Purpose.PRODUCTION.value) & (rows.model_version == "1")).count()
    profiled = [row for row in context.lake.own_rows(schemas.DAILY_PROFILES, None) if row["model_version"] == "1"]
    counted = defaultdict(int)
    for row in profiled:
        counted[row["column_name"], row["slice_key"]] += row["count"]
    assert set(counted.values()) == {production}
    assert {key for _, key in counted} == {None, "shop", "bulky"}
    assert {row["generation"] for row in profiled} == {0}


def test_a_window_is_told_with_its_slices_and_its_days():
    context = finished_context()
    told = context.lake.own_rows(schemas.PROFILE_METRICS, None)
    windows = {row["window"]["start"] for row in told if row["granularity"] == "3 days"}
    items = [row for row in told if row["column_name"] == "items" and row["granularity"] == "3 days"]
    for start in windows:
        of = {(row["slice_key"], row["slice_value"]): row for row in items if row["window"]["start"] == start}
        whole = of.pop((None, None))
        for key in ("shop", "bulky"):
            parts = [row for (name, _), row in of.items() if name == key]
            assert sum(row["count"] for row in parts) == whole["count"]
            assert [sum(each) for each in zip(*(row["bins"] for row in parts), strict=True)] == whole["bins"]
        assert of["bulky", "true"]["min"] >= 6 > of["bulky", "false"]["max"]
        assert whole["quantiles"][0] == whole["min"]
    days = [row for row in told if row["granularity"] == "1 day" and row["column_name"] == "items"]
    assert len(days) == len({row["window"]["start"] for row in days}) >= 9
    assert {row["window"]["end"] - row["window"]["start"] for row in days} == {timedelta(days=1)}
    assert all(row["slice_key"] is None for row in days)


def test_drift_in_slices_is_recorded_and_never_judged():
    rows = [row for row in finished_context().lake.own_rows(schemas.DRIFT_METRICS, None) if row["slice_key"]]
    assert {row["verdict"] for row in rows} <= {"RECORDED", "UNKNOWN"}
    assert {row["threshold"] for row in rows} == {None}
    assert {(row["slice_key"], row["column_name"]) for row in rows} >= {("shop", "items"), ("bulky", "shop")}
    assert not {(row["slice_key"], row["column_name"]) for row in rows} & {("shop", "shop")}


def test_rows_that_came_behind_make_a_new_generation(spark, tmp_path):
    import shutil

    before = finished_context()
    shutil.copytree(before.config.root, tmp_path / "copy")
    context = Context(load_config(tmp_path / "copy"), before.as_of)
    model, lake, plan = context.config.models["late"], context.lake, plan_of(before)
    later = context.at(context.as_of + timedelta(days=1))
    assert profile_predictions(later, model, "1", plan) == 0  # nothing new
    assert profile_predictions(context.at(context.as_of - timedelta(days=1)), model, "1", plan) == 0  # a later turn did
    address = lake.address("predictions", "late")
    belated = lake.read_uncut(address).where("model_version = '1' and purpose = 'production'").limit(5)
    note = {"as_of": (context.as_of - timedelta(hours=1)).isoformat()}  # a clock that is behind
    assert lake.append(belated, address, WriteIdentity("score", "late behind"), notes=note).outcome is Outcome.WRITTEN
    assert profile_predictions(later, model, "1", plan) > 0
    windows = ended_windows(context.as_of - timedelta(days=40), later.as_of, timedelta(days=1), "UTC")
    found = merge_profiles(read_profiles(later, "late", "1", windows), WHOLE)
    items = found.filter(pc.and_(pc.equal(found["column_name"], "items"), pc.is_null(found["slice_key"])))
    production = lake.read_uncut(address).where("model_version = '1' and purpose = 'production'").count()
    assert items["count"].to_pylist() == [production]
    assert profile_predictions(later, model, "1", plan) > 0  # the same turn again writes nothing
    assert len([each for each in lake.commits(lake.own(schemas.DAILY_PROFILES)) if each.notes["generation"] == 1]) == 1

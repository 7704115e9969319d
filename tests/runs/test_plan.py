"""The plan of the small project, and of the reference project as it is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.runs.plan import (
    STEPS,
    Plan,
    PlannedModel,
    PlannedSource,
    PlannedTable,
    describe_plan,
    make_plan,
)
from tests.config.small_project import edited, write_project

PROJECT_ROOT = Path(__file__).parents[2]


def plan_of(root: Path, changes: dict[str, str | None] | None = None) -> Plan:
    return make_plan(load_config(write_project(root, changes)))


def test_a_source_says_where_it_lands_and_what_is_checked(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    landing = tmp_path.resolve() / "workspace" / "landing"
    assert plan.sources == (
        PlannedSource(
            "outcomes", str(landing / "outcomes"), ("carrier", "flight", "departure_ts"), 0, "2014-01-01T00:00:00+00:00"
        ),
        PlannedSource("schedules", str(landing / "schedules"), ("carrier", "flight", "departure_ts"), 4, None),
        PlannedSource("weather", str(landing / "weather"), ("origin", "observed_ts"), 0, None),
    )


def test_a_feature_table_says_its_kind_tick_features_and_who_uses_it(tmp_path: Path) -> None:
    windowed = PlannedTable(
        "carrier_delays",
        "windowed",
        ("carrier",),
        "outcomes",
        "1h",
        ("mean_is_late_3h", "mean_is_late_1d", "count_is_late_3h", "count_is_late_1d", "max_delay_minutes_1d"),
        ("late_arrival",),
    )
    attributes = PlannedTable(
        "readings", "attributes", ("origin",), "weather", None, ("wind_mph", "gust_ratio"), ("late_arrival",)
    )
    assert plan_of(tmp_path).feature_tables == (windowed, attributes)


def test_a_delay_is_told(tmp_path: Path) -> None:
    changes = edited("conf/base/features/carrier_delays.yml", "every: 1 hour", "every: 1 hour\ndelay: 2 hours")
    plan = plan_of(tmp_path, changes)
    assert [table.delay for table in plan.feature_tables] == ["2h", None]
    assert "windowed, every 1h, 2h after it is available, per carrier" in " ".join(describe_plan(plan).split())


def test_a_table_that_no_model_uses_says_so(tmp_path: Path) -> None:
    file = "conf/base/models/late_arrival.yml"
    changes = edited(file, "features: [carrier_delays.*, readings.gust_ratio]", "features: [readings.gust_ratio]")
    changes = {file: (changes[file] or "").replace("columns: [carrier_delays.*, readings.*]", "columns: [readings.*]")}
    plan = plan_of(tmp_path, changes)
    assert [table.used_by for table in plan.feature_tables] == [(), ("late_arrival",)]
    assert "from outcomes; used by no model" in describe_plan(plan)


def test_a_model_says_what_it_sees_and_how_it_is_trained(tmp_path: Path) -> None:
    assert plan_of(tmp_path).models == (
        PlannedModel(
            model="late_arrival",
            task="classification",
            spine="schedules",
            label="outcomes",
            columns=(
                "carrier",
                "origin",
                "distance",
                "hour_of_day",
                "gust_per_mile",
                "carrier_delays__mean_is_late_3h",
                "carrier_delays__mean_is_late_1d",
                "carrier_delays__count_is_late_3h",
                "carrier_delays__count_is_late_1d",
                "carrier_delays__max_delay_minutes_1d",
                "readings__gust_ratio",
            ),
            split="train all past | gap 1d | validation 14d | gap 1d | holdout 28d",
            estimator="sklearn.linear_model.LogisticRegression",
            candidates=2,
            metric="log_loss",
            against=("baseline", "champion"),
            schedule="28d",
        ),
    )


@pytest.mark.parametrize(
    ("search", "candidates"),
    [("", 1), (", search: {C: [1]}", 1), (", search: {C: [0.1, 1], max_iter: [50, 100]}", 4)],
)
def test_candidates_are_all_combinations(tmp_path: Path, search: str, candidates: int) -> None:
    changes = edited("conf/base/models/late_arrival.yml", ", search: {C: [0.1, 1]}", search)
    assert plan_of(tmp_path, changes).models[0].candidates == candidates


def test_a_model_without_a_schedule_waits_for_a_flag(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, edited("conf/base/models/late_arrival.yml", "schedule: 28 days, ", ""))
    assert plan.models[0].schedule is None
    assert "trained again: when a flag asks" in describe_plan(plan)


def test_places_are_the_workspace_the_tables_and_the_tracking_store(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    plan = plan_of(tmp_path)
    assert (plan.workspace, plan.tables, plan.tracking_uri) == (
        f"{root}/workspace",
        f"{root}/workspace/<layer>/<name>",
        f"sqlite:///{root}/workspace/mlflow.db",
    )


def test_tables_in_a_catalog_are_named_so(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, edited("conf/base/project.yml", "retention:", "catalog: main\nretention:"))
    assert plan.tables == "main.<layer>.<name>"


def test_steps_come_in_the_order_of_the_flow(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert plan.steps == tuple(step for step, _ in STEPS)
    assert plan.steps == (
        *("ingest", "quality gate", "features", "score", "monitor", "decide", "training-set", "train"),
    )


def test_the_small_project_is_described_line_by_line(tmp_path: Path) -> None:
    text = describe_plan(plan_of(tmp_path))
    assert text.splitlines()[-24:-8] == [
        "readings",
        "  attributes, when an attribute changes, per origin, from weather; used by",
        "    late_arrival",
        "  2 features: wind_mph, gust_ratio",
        "",
        "models (predictions.<name>)",
        "late_arrival",
        "  classification: spine schedules, label from outcomes",
        "  11 columns: carrier, origin, distance, hour_of_day, gust_per_mile, 5 of",
        "    carrier_delays, 1 of readings",
        "  split: train all past | gap 1d | validation 14d | gap 1d | holdout 28d",
        "  estimator: sklearn.linear_model.LogisticRegression, 2 candidates",
        "  gate: log_loss against baseline, champion",
        "  trained again: every 28d, or when a flag asks",
        "",
        "a run, in this order",
    ]


def test_the_reference_project_fits_80_columns_but_for_paths_which_stay_whole(tmp_path: Path) -> None:
    deep = tmp_path / ("a-folder-with-a-long-name" * 4)
    deep.mkdir()
    (deep / "conf").symlink_to(PROJECT_ROOT / "conf")
    plan = make_plan(load_config(deep))
    lines = describe_plan(plan).splitlines()
    places = [plan.workspace, plan.tables, plan.tracking_uri]
    assert [line.strip() for line in lines if len(line) > 80] == places
    for name in (*(s.source for s in plan.sources), *(t.feature_table for t in plan.feature_tables)):
        assert any(line.split() and line.split()[0] == name for line in lines), name


def test_planning_imports_no_spark() -> None:
    code = (
        "import sys; from pathlib import Path; from lakeloop.config import load_config;"
        "from lakeloop.runs.plan import describe_plan, make_plan;"
        f"describe_plan(make_plan(load_config(Path({str(PROJECT_ROOT)!r}))));"
        "print(sorted({'pyspark', 'mlflow', 'great_expectations', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

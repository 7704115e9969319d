"""The deploy plan: calls, order, time, retries, and what is needed, from the configuration alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.deployment.plan import _EXTRAS, GoldKey, Turns, make_deploy_plan
from lakeloop.deployment.schedule import Schedule, make_schedule
from lakeloop.errors import UsageError
from tests.config.small_project import MODEL, PROJECT, edited, write_project
from tests.deployment.conftest import HIDDEN, plan_of
from tests.deployment.project import write_deployable


def test_a_turn_is_one_call(project: Path) -> None:
    plan = plan_of(project)
    assert [(each.name, each.arguments, each.after) for each in plan.tasks] == [("turn", ("run",), ())]
    assert (plan.retries, plan.retry_seconds, plan.timeout_seconds, plan.final_codes) == (3, 60, 14400, (2, 3, 4))


def test_by_step_every_task_waits_for_the_one_before(project: Path) -> None:
    plan = plan_of(project, None, Turns.BY_STEP, "late_arrival")
    assert [(each.name, each.arguments, each.after) for each in plan.tasks] == [
        ("ingest", ("ingest",), ()),
        ("features", ("features",), ("ingest",)),
        ("score", ("score",), ("features",)),
        ("monitor", ("monitor",), ("score",)),
        ("decide", ("decide",), ("monitor",)),
        ("answer", ("run",), ("decide",)),  # trains or recalibrates when the decision says so; the rest is done
        ("publish", ("publish", "late_arrival"), ("answer",)),
    ]


def test_what_is_needed_is_told_by_name_and_no_value_is_in_the_plan(project: Path) -> None:
    plan = plan_of(project, "prod")
    assert (plan.variables, plan.secrets) == ((), ("flights/redis",))
    assert plan.keys == (GoldKey("carrier_delays", ("carrier",)), GoldKey("readings", ("origin",)))
    assert (plan.catalog, plan.workspace, plan.model_schema) == (
        "flights",
        "/Volumes/flights/ops/lakeloop",
        "flights.models",
    )
    assert HIDDEN not in repr(plan)


def test_variables_of_the_environment_are_listed_once(tmp_path: Path) -> None:
    changed = PROJECT + "tracking_uri: ${MLFLOW_URI}\ndescription: ${TEAM:-nobody} at ${MLFLOW_URI} $${NOT}\n"
    write_deployable(tmp_path, {"conf/base/project.yml": changed})
    config = load_config(tmp_path, variables={"MLFLOW_URI": "https://mlflow"})
    assert make_deploy_plan(config, "1").variables == ("MLFLOW_URI", "TEAM")


def test_the_packages_of_an_estimator_come_with_the_plan(tmp_path: Path) -> None:
    old = "class: sklearn.linear_model.LogisticRegression, search: {C: [0.1, 1]}"
    changes = edited("conf/base/models/late_arrival.yml", old, "class: lightgbm.LGBMClassifier")
    assert plan_of(write_deployable(tmp_path, changes)).packages == ("lightgbm>=4.5,<5",)


def test_packages_are_those_that_the_wheel_declares() -> None:
    declared = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert {name: _EXTRAS[name][0] in [each.partition(" ;")[0] for each in declared[name]] for name in _EXTRAS} == {
        "lightgbm": True,
        "xgboost": True,
    }


def test_an_unknown_model_is_refused(project: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'late_arrival'"):
        plan_of(project, None, Turns.WHOLE, "late_arival")


# --- when -------------------------------------------------------------------------------------------------------------


def test_a_turn_comes_half_an_hour_after_the_last_closing(project: Path) -> None:
    assert plan_of(project).schedule == Schedule(6, 30, "America/New_York")


@pytest.mark.parametrize(
    ("closes", "clock"), [("23:45", "00:15"), ("05:10 next day", "05:40")], ids=["over midnight", "next day"]
)
def test_closings_of_every_hour(tmp_path: Path, closes: str, clock: str) -> None:
    changes = edited("conf/base/models/late_arrival.yml", "at: 06:00 next day", f'at: "{closes}"')
    assert plan_of(write_deployable(tmp_path, changes)).schedule.clock == clock


def test_a_named_time_wins(project: Path) -> None:
    assert make_schedule(load_config(project), "7:05").cron == "5 7 * * *"


@pytest.mark.parametrize("at", ["24:00", "7", "07:60", "noon", "0\u0667:00", ""])
def test_what_is_no_time_is_refused(project: Path, at: str) -> None:
    with pytest.raises(UsageError, match="a time of day, as in 06:30"):
        make_schedule(load_config(project), at)


def test_labels_that_close_by_another_clock_ask_for_a_time(tmp_path: Path) -> None:
    text = MODEL.replace("at: 06:00 next day, timezone: America/New_York", "at: 06:00 next day, timezone: UTC")
    root = write_project(tmp_path, {"conf/base/models/late_arrival.yml": text})
    with pytest.raises(UsageError, match="the labels of late_arrival close by another zone's clock"):
        make_schedule(load_config(root))
    assert make_schedule(load_config(root), "02:30").timezone == "America/New_York"


# --- where ------------------------------------------------------------------------------------------------------------


def test_files_land_below_the_folder_that_all_sources_share(project: Path) -> None:
    assert plan_of(project).landing == "workspace/landing"
    assert plan_of(project, "dev").landing is None  # on a volume, outside the project


def test_folders_of_functions_are_read_too(project: Path, tmp_path: Path) -> None:
    table = """\
feature_table: gaps
entity: [carrier]
from: outcomes
every: 1 hour
python: gaps.compute
needs: 1 day
features:
  gap: {type: double, description: the mean gap}
"""
    assert plan_of(project).folders == ("conf",)
    root = write_deployable(tmp_path, {"features_py/gaps.py": "def compute(rows, tick):\n    return {}\n"})
    assert _folders_with(root, table) == ("conf", "features_py")


def _folders_with(root: Path, table: str) -> tuple[str, ...]:
    (root / "conf/base/features/gaps.yml").write_text(table, "utf-8")
    return plan_of(root).folders

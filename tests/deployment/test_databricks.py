"""The asset bundle: its structure, by a schema of the keys in use and, where it can be had, by the published one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlglot
import yaml

from lakeloop.deployment.databricks import render_databricks
from lakeloop.deployment.plan import Turns
from lakeloop.errors import NotDeployableError
from lakeloop.schemas import OWN_TABLES
from tests.config.small_project import PROJECT
from tests.deploy.test_one_contract import command_of
from tests.deployment.conftest import HIDDEN, plan_of, statements
from tests.deployment.project import of_databricks, write_deployable
from tests.outside import skip_without

HERE = Path(__file__).parent
PUBLISHED = "LAKELOOP_BUNDLE_SCHEMA"
"""Variable that names a file with the published JSON schema of bundles, as `databricks bundle schema` prints it."""


def parsed(bundle: dict[str, str]) -> dict[str, Any]:
    """Read the bundle as the command line of Databricks does: one tree of all its files."""
    tree = yaml.safe_load(bundle["databricks.yml"])
    tree["resources"] = {}
    for path, text in bundle.items():
        if path.startswith("resources/"):
            for kind, found in yaml.safe_load(text)["resources"].items():
                tree["resources"].setdefault(kind, {}).update(found)
    return tree


def turn_of(bundle: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = parsed(bundle)["resources"]["jobs"]["turn"]
    return found


# --- by schema --------------------------------------------------------------------------------------------------------


def test_the_bundle_has_the_keys_of_bundles(bundle: dict[str, str]) -> None:
    schema = json.loads((HERE / "bundle.schema.json").read_text("utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(bundle["databricks.yml"]))
    assert [str(each) for each in errors] == []


@pytest.mark.slow
def test_the_bundle_is_valid_by_the_published_schema(bundle: dict[str, str]) -> None:
    named, program = os.environ.get(PUBLISHED), shutil.which("databricks")
    if named is None and program is None:
        skip_without(
            "the published schema of bundles", f"install the program databricks, or set {PUBLISHED}=<its file>"
        )
    if named is not None:
        schema = json.loads(Path(named).read_text("utf-8"))
    else:
        call = [str(program), "bundle", "schema"]
        schema = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    files = [yaml.safe_load(text) for path, text in bundle.items() if path.endswith(".yml")]
    for each in (parsed(bundle), *files):
        errors = jsonschema.Draft202012Validator(schema).iter_errors(each)
        assert [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in errors] == []


@pytest.mark.slow
def test_jobs_and_dashboard_are_read_by_databricks_own_models(bundle: dict[str, str], tmp_path: Path) -> None:
    python = Path(".venvs/databricks-bundles/bin/python")
    if not python.exists():
        skip_without("databricks-bundles in .venvs/databricks-bundles", "make deploy-tools")
    for path, text in bundle.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    call = [str(python), str(HERE / "read_by_models.py"), str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "dashboards.monitoring": "same",
        "jobs.keys": "same",
        "jobs.schemas": "same",
        "jobs.turn": "same",
        "jobs.wrong": "Unexpected field 'task' for class Job",  # they do find what is wrong
    }


# --- serverless -------------------------------------------------------------------------------------------------------


def test_a_task_is_a_call_of_the_wheel_as_of_the_instant_of_its_run(bundle: dict[str, str]) -> None:
    turn = turn_of(bundle)
    assert turn["parameters"] == [{"name": "as_of", "default": "{{job.trigger.time.timestamp_ms}}"}]
    assert [each["task_key"] for each in turn["tasks"]] == [
        *("ingest", "features", "score", "monitor", "decide", "answer", "publish"),
    ]
    for each in turn["tasks"]:
        call = each["python_wheel_task"]
        assert (call["package_name"], call["entry_point"]) == ("lakeloop", "lakeloop-task")
        given = call["parameters"]
        assert given[given.index("--as-of") + 1] == "{{job.parameters.as_of}}"
        verb, *rest = given[4:]
        rest = [{"{{job.parameters.as_of}}": "2013-05-01"}.get(part, part) for part in rest]
        assert command_of(verb).make_context(verb, rest).params["project"] == Path("${workspace.file_path}")
    (publish,) = [each for each in turn["tasks"] if each["task_key"] == "publish"]
    assert publish["depends_on"] == [{"task_key": "answer"}]
    assert publish["python_wheel_task"]["parameters"] == [
        *("--retries", "3", "--wait", "60", "publish", "late_arrival", "--as-of", "{{job.parameters.as_of}}"),
        *("--project", "${workspace.file_path}", "--env", "${bundle.target}"),
    ]


def test_the_entry_point_is_one_of_the_wheel() -> None:
    declared = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert declared["lakeloop-task"] == "lakeloop.cli.task:main"


def test_nothing_asks_for_what_serverless_does_not_have(bundle: dict[str, str]) -> None:
    forbidden = {"job_clusters", "new_cluster", "existing_cluster_id", "job_cluster_key", "libraries", "spark_conf"}
    forbidden |= {"spark_env_vars", "init_scripts", "spark_jar_task", "spark_submit_task", "environment_variables"}
    text = json.dumps(parsed(bundle))
    assert [each for each in sorted(forbidden) if f'"{each}"' in text] == []
    (environment,) = turn_of(bundle)["environments"]
    assert environment == {
        "environment_key": "lakeloop",
        "spec": {
            "environment_version": "4",
            "dependencies": ["../dist/lakeloop-1.2.3-py3-none-any.whl", "redis>=5,<9"],
        },
    }
    assert {each["environment_key"] for each in turn_of(bundle)["tasks"]} == {"lakeloop"}


def test_only_what_may_pass_is_tried_again_and_by_the_task_itself(bundle: dict[str, str]) -> None:
    for each in turn_of(bundle)["tasks"]:
        assert (each["max_retries"], each["disable_auto_optimization"]) == (0, True)
        assert each["timeout_seconds"] == 14400


def test_a_run_never_overtakes_another_and_keeps_the_projects_time(bundle: dict[str, str]) -> None:
    turn = turn_of(bundle)
    assert (turn["max_concurrent_runs"], turn["queue"]) == (1, {"enabled": True})
    assert turn["schedule"] == {
        "quartz_cron_expression": "0 30 6 * * ?",
        "timezone_id": "America/New_York",
        "pause_status": "UNPAUSED",
    }


def test_the_wheel_is_built_where_the_task_looks_for_it(bundle: dict[str, str]) -> None:
    wheel = parsed(bundle)["artifacts"]["wheel"]
    assert wheel["build"] == "python -m pip wheel --no-deps --wheel-dir dist lakeloop==1.2.3"
    assert wheel["files"] == [{"source": "dist/lakeloop-1.2.3-py3-none-any.whl"}]


# --- targets and secrets ----------------------------------------------------------------------------------------------


def test_targets_are_the_environments(bundle: dict[str, str]) -> None:
    targets = parsed(bundle)["targets"]
    assert targets["dev"] == {
        "mode": "development",
        "default": True,
        "variables": {"catalog": "flights_dev", "service_principal": "nobody"},
    }
    assert targets["prod"]["mode"] == "production"
    assert targets["prod"]["run_as"] == {"service_principal_name": "${var.service_principal}"}
    assert targets["prod"]["variables"] == {"catalog": "flights"}


def test_variables_that_are_used_are_declared(bundle: dict[str, str]) -> None:
    used = set(re.findall(r"\$\{var\.(\w+)\}", "\n".join(bundle.values())))
    assert used == set(parsed(bundle)["variables"]) == {"catalog", "service_principal", "warehouse_id"}


def test_only_what_a_turn_reads_is_uploaded(bundle: dict[str, str]) -> None:
    assert parsed(bundle)["sync"] == {"paths": ["sql", "../../conf"]}


def test_no_secret_is_in_a_bundle(bundle: dict[str, str]) -> None:
    assert HIDDEN not in "".join(bundle.values())


def test_files_that_are_named_are_written(bundle: dict[str, str]) -> None:
    jobs = parsed(bundle)["resources"]["jobs"]
    named = [each["sql_task"]["file"]["path"] for job in jobs.values() for each in job["tasks"] if "sql_task" in each]
    named.append(parsed(bundle)["resources"]["dashboards"]["monitoring"]["file_path"])
    assert {each.removeprefix("../") for each in named} <= set(bundle)


def test_the_same_project_gives_the_same_bytes(project: Path, bundle: dict[str, str]) -> None:
    plans = {name: plan_of(project, name, Turns.BY_STEP, "late_arrival") for name in ("dev", "prod")}
    assert render_databricks(plans, up="../..", requirement="lakeloop==1.2.3") == bundle


def test_every_file_says_by_what_it_was_written(bundle: dict[str, str]) -> None:
    first = {text.splitlines()[0][2:].strip() for path, text in bundle.items() if not path.endswith(".json")}
    said = "Written by lakeloop 1.2.3, `lakeloop deploy databricks`: change conf/ or the options, and write it again."
    assert {each.strip("- ") for each in first} == {said}


# --- Unity Catalog ----------------------------------------------------------------------------------------------------


def test_gold_tables_get_the_keys_of_feature_tables(bundle: dict[str, str]) -> None:
    assert statements(bundle["sql/keys.sql"]) == [
        "USE CATALOG IDENTIFIER(:catalog)",
        "ALTER TABLE `gold`.`carrier_delays` ALTER COLUMN `carrier` SET NOT NULL",
        "ALTER TABLE `gold`.`carrier_delays` ALTER COLUMN `available_ts` SET NOT NULL",
        "ALTER TABLE `gold`.`carrier_delays` DROP PRIMARY KEY IF EXISTS",
        "ALTER TABLE `gold`.`carrier_delays` ADD CONSTRAINT `carrier_delays_key` "
        "PRIMARY KEY (`carrier`, `available_ts` TIMESERIES)",
        "ALTER TABLE `gold`.`readings` ALTER COLUMN `origin` SET NOT NULL",
        "ALTER TABLE `gold`.`readings` ALTER COLUMN `available_ts` SET NOT NULL",
        "ALTER TABLE `gold`.`readings` DROP PRIMARY KEY IF EXISTS",
        "ALTER TABLE `gold`.`readings` ADD CONSTRAINT `readings_key` PRIMARY KEY (`origin`, `available_ts` TIMESERIES)",
    ]


def test_every_schema_that_is_written_to_is_made_before_the_first_turn(bundle: dict[str, str]) -> None:
    made = statements(bundle["sql/schemas.sql"])
    layers = {each.layer for each in OWN_TABLES} | {"bronze", "quarantine", "gold", "training_sets", "predictions"}
    assert {f"CREATE SCHEMA IF NOT EXISTS `{each}`" for each in (*layers, "requests", "explanations", "models")} <= set(
        made
    )
    assert made[-1] == "CREATE VOLUME IF NOT EXISTS `ops`.`lakeloop`"


def test_queries_are_sql_of_databricks(bundle: dict[str, str]) -> None:
    queries = {path: text for path, text in bundle.items() if path.startswith("sql/monitoring/")}
    assert len(queries) == 9
    for path, text in queries.items():
        (found,) = sqlglot.parse(text, dialect="databricks")
        assert isinstance(found, sqlglot.exp.Select), path


def test_the_dashboard_shows_every_question_with_the_columns_of_its_answer(bundle: dict[str, str]) -> None:
    written = json.loads(bundle["dashboards/monitoring.lvdash.json"])
    sets = {each["name"]: "".join(each["queryLines"]) for each in written["datasets"]}
    (page,) = written["pages"]
    assert len(page["layout"]) == len(sets) == 9
    for each in page["layout"]:
        widget = each["widget"]
        (query,) = widget["queries"]
        names = [field["name"] for field in query["query"]["fields"]]
        selected = sqlglot.parse_one(sets[query["query"]["datasetName"]], dialect="databricks").named_selects
        assert names == selected == [column["fieldName"] for column in widget["spec"]["encodings"]["columns"]]
    assert [each["position"]["y"] for each in page["layout"]] == [6 * number for number in range(9)]


# --- refused ----------------------------------------------------------------------------------------------------------


PROD = of_databricks("flights")


@pytest.mark.parametrize(
    ("prod", "told"),
    [
        (PROJECT, "no catalog"),
        (PROD.replace("/Volumes/flights/ops/lakeloop", "workspace"), "the workspace is no folder of a volume"),
        (PROD.replace("/Volumes/flights/", "/Volumes/other/"), "lies in the catalog other"),
        (PROD.replace("/ops/", "/elsewhere/"), "the place of the workspace in its catalog is not that of dev"),
        (PROD.replace("tracking_uri: databricks", "seed: 1"), "runs and versions are kept elsewhere"),
        (PROD, "the online store is a file"),
    ],
    ids=["catalog", "workspace", "catalog of the volume", "volume", "tracking", "store"],
)
def test_what_a_serverless_job_cannot_run_is_refused_with_every_reason(tmp_path: Path, prod: str, told: str) -> None:
    root = write_deployable(tmp_path, {"conf/prod/project.yml": prod})
    plans = {name: plan_of(root, name, Turns.WHOLE, "late_arrival") for name in ("dev", "prod")}
    with pytest.raises(NotDeployableError) as raised:
        render_databricks(plans, up=".", requirement="lakeloop")
    assert [each.name for each in raised.value.failures if told in each.detail] == ["prod"]
    assert raised.value.exit_code == 3


def test_targets_of_one_bundle_begin_at_one_time(project: Path) -> None:
    dev, prod = plan_of(project, "dev"), plan_of(project, "prod")
    later = replace(prod, schedule=replace(prod.schedule, hour=7))
    with pytest.raises(NotDeployableError, match="prod: the time of a turn is not that of dev"):
        render_databricks({"dev": dev, "prod": later}, up=".", requirement="lakeloop")


def test_the_base_alone_is_no_target(project: Path) -> None:
    with pytest.raises(NotDeployableError, match="base: no environment: a target is the environment of the same name"):
        render_databricks({"base": plan_of(project)}, up=".", requirement="lakeloop")

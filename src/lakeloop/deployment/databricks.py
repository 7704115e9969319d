"""A Databricks asset bundle: serverless jobs, the wheel, Unity Catalog's names and keys, a dashboard."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from lakeloop.deployment.dashboard import render_dashboard
from lakeloop.deployment.keys import render_keys, render_schemas, volume_of
from lakeloop.deployment.plan import DeployPlan, dashed
from lakeloop.deployment.queries import QUERIES
from lakeloop.deployment.written_by import as_yaml, header
from lakeloop.errors import Failure, NotDeployableError

ENVIRONMENT_VERSION = "4"
"""Version of the serverless environment: Python 3.12."""

ENTRY_POINT = "lakeloop-task"
"""Entry point of the wheel that a task calls: see `lakeloop.cli.task`."""

AS_OF = "{{job.trigger.time.timestamp_ms}}"
"""Instant of a run: when it was triggered, in milliseconds since the epoch, which need no time zone."""

PRODUCTION = ("prod", "production")
"""Targets that run by their schedule and as a service principal; any other is for development."""

_TARGET, _ENVIRONMENT = "databricks", "lakeloop"


def render_databricks(plans: Mapping[str, DeployPlan], *, up: str, requirement: str) -> dict[str, str]:
    """Write a bundle.

    Args:
        plans: Name of a target, which is that of its environment, -> its plan, made as a serverless job reads the
            project: without variables of the environment. The first is the default. A target called prod or
            production is deployed as such, any other for development.
        up: Path from the bundle to the project, `.` or `../..`.
        requirement: What the wheel is made from, for pip: a version on an index, or a path to a source.

    Returns:
        Path in the bundle -> text.

    Raises:
        NotDeployableError: If a target's project is none that a serverless job can run, with every reason.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.deployment.plan import make_deploy_plan
    >>> plan = make_deploy_plan(load_config(Path()), "1.0")  # the flights are declared for a laptop
    >>> render_databricks({"dev": plan}, up=".", requirement="lakeloop==1.0")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    lakeloop.errors.NotDeployableError: databricks: the project cannot run there as it is declared
      - dev: no environment: a target is the environment of the same name, conf/<target>/
      ...
    """
    problems = [Failure(name, each) for name, plan in plans.items() for each in _problems(plan)]
    first_name, first = next(iter(plans.items()))
    for name, plan in plans.items():
        problems += [Failure(name, f"{each} is not that of {first_name}") for each in _differences(first, plan)]
    if problems:
        raise NotDeployableError(_TARGET, problems, "mend conf/, see docs/databricks.md; nothing was written")
    written = header(first.version, _TARGET)
    files = {
        "databricks.yml": _bundle(plans, up, requirement),
        "resources/turn.yml": {"resources": {"jobs": {"turn": _turn(first)}}},
        "resources/catalog.yml": {"resources": {"jobs": {"schemas": _sql("schemas"), "keys": _sql("keys")}}},
        "resources/dashboard.yml": {"resources": {"dashboards": {"monitoring": _dashboard(first)}}},
    }
    volume = volume_of(first.workspace)
    of_sql = {
        "sql/schemas.sql": render_schemas(volume[1:], _own_schemas(first)) if volume is not None else "",
        "sql/keys.sql": render_keys(first.keys),
        **{f"sql/monitoring/{each.name}.sql": f"{each.commented}\n" for each in QUERIES},
    }
    commented = header(first.version, _TARGET, "--")
    return {
        **{path: written + as_yaml(content) for path, content in files.items()},
        **{path: commented + text for path, text in of_sql.items()},
        "dashboards/monitoring.lvdash.json": render_dashboard(QUERIES),
    }


def _problems(plan: DeployPlan) -> list[str]:
    """Tell what keeps a project from running as a serverless job."""
    found = []
    volume = volume_of(plan.workspace)
    if plan.env is None:
        found.append("no environment: a target is the environment of the same name, conf/<target>/")
    if plan.catalog is None:
        found.append("no catalog: serverless tables are those of Unity Catalog; declare catalog in project.yml")
    elif volume is None:
        found.append("the workspace is no folder of a volume: write workspace: /Volumes/<catalog>/ops/lakeloop")
    elif volume[0] != plan.catalog:
        found.append(f"the workspace lies in the catalog {volume[0]}, the tables in {plan.catalog}: name one")
    if not plan.tracks_on_databricks:
        keys = "tracking_uri: databricks and registry: {uri: databricks-uc, schema: <catalog>.<schema>}"
        found.append(f"runs and versions are kept elsewhere: write {keys}")
    if plan.published and plan.stores_in_a_file:
        found.append("the online store is a file, which a volume cannot hold: name a server, or publish nothing")
    return found


def _differences(first: DeployPlan, other: DeployPlan) -> list[str]:
    """Name what two targets of one bundle have to have in common."""
    named = {
        "the time of a turn": (first.schedule, other.schedule),
        "what is published": (first.published, other.published),
        "the packages of the models": (first.packages, other.packages),
        "the keys of the gold tables": (first.keys, other.keys),
        "the place of the workspace in its catalog": (_place(first), _place(other)),
        "the schema of the models": (_own_schemas(first), _own_schemas(other)),
    }
    return [name for name, (one, another) in named.items() if one != another]


def _place(plan: DeployPlan) -> str:
    volume = volume_of(plan.workspace)
    return "" if volume is None else "/".join(volume[1:])


def _own_schemas(plan: DeployPlan) -> list[str]:
    """Name the schema of the models where it is one of the catalog of the tables."""
    catalog, _, schema = (plan.model_schema or "").partition(".")
    return [schema] if catalog == plan.catalog and schema else []


def _bundle(plans: Mapping[str, DeployPlan], up: str, requirement: str) -> dict[str, Any]:
    first = next(iter(plans.values()))
    return {
        "bundle": {"name": dashed(first.project)},
        "include": ["resources/*.yml"],
        # Only what a job reads: landed files, a workspace and notebooks beside conf/ stay where they are.
        "sync": {"paths": ["sql", *(posixpath.normpath(f"{up}/{each}") for each in first.folders)]},
        "variables": {
            "catalog": {"description": "Catalog of the tables; that of conf/<target>/project.yml."},
            "warehouse_id": {"description": "SQL warehouse of the dashboard and of the statements in sql/."},
            "service_principal": {"description": "Application id of whom production runs as."},
        },
        "artifacts": {
            "wheel": {
                "type": "whl",
                "path": ".",
                "build": f"python -m pip wheel --no-deps --wheel-dir dist {requirement}",
                "files": [{"source": _wheel(first)}],
            }
        },
        "targets": {name: _target(name, plan, is_default=plan is first) for name, plan in plans.items()},
    }


def _target(name: str, plan: DeployPlan, *, is_default: bool) -> dict[str, Any]:
    variables = {"catalog": plan.catalog}
    if name not in PRODUCTION:
        # Schedules are paused, names carry that of who deploys, and jobs run as them.
        variables["service_principal"] = "nobody"
        return {"mode": "development", **({"default": True} if is_default else {}), "variables": variables}
    return {
        "mode": "production",
        **({"default": True} if is_default else {}),
        "workspace": {"root_path": "/Workspace/Shared/.bundle/${bundle.name}/${bundle.target}"},
        "run_as": {"service_principal_name": "${var.service_principal}"},
        "variables": variables,
    }


def _wheel(plan: DeployPlan) -> str:
    return f"dist/lakeloop-{plan.version}-py3-none-any.whl"


def _turn(plan: DeployPlan) -> dict[str, Any]:
    return {
        "name": f"{plan.project} turn",
        "description": "A turn of the loop, as of the instant the run was triggered.",
        "schedule": {
            "quartz_cron_expression": plan.schedule.quartz,
            "timezone_id": plan.schedule.timezone,
            "pause_status": "UNPAUSED",
        },
        "max_concurrent_runs": 1,
        "queue": {"enabled": True},
        "parameters": [{"name": "as_of", "default": AS_OF}],
        "tags": {"lakeloop": plan.version},
        "tasks": [_task(plan, each.name) for each in plan.tasks],
        "environments": [
            {
                "environment_key": _ENVIRONMENT,
                "spec": {
                    "environment_version": ENVIRONMENT_VERSION,
                    "dependencies": [f"../{_wheel(plan)}", *plan.packages],
                },
            }
        ],
    }


def _task(plan: DeployPlan, name: str) -> dict[str, Any]:
    (task,) = [each for each in plan.tasks if each.name == name]
    given = ["--as-of", "{{job.parameters.as_of}}", "--project", "${workspace.file_path}", "--env", "${bundle.target}"]
    repeats = ["--retries", str(plan.retries), "--wait", str(plan.retry_seconds)]
    return {
        "task_key": task.name,
        "description": task.does,
        **({"depends_on": [{"task_key": each} for each in task.after]} if task.after else {}),
        "python_wheel_task": {
            "package_name": "lakeloop",
            "entry_point": ENTRY_POINT,
            "parameters": [*repeats, *task.arguments, *given],
        },
        "environment_key": _ENVIRONMENT,
        "timeout_seconds": plan.timeout_seconds,
        # The task itself repeats what may pass; what fails for good is not tried again.
        "max_retries": 0,
        "disable_auto_optimization": True,
    }


def _sql(name: str) -> dict[str, Any]:
    does = {
        "schemas": "Schemas and the workspace's volume; run once, before the first turn.",
        "keys": "Primary keys of the gold tables; run once they are there, and after a change of their entities.",
    }
    return {
        "name": f"${{bundle.name}} {name}",
        "description": does[name],
        "parameters": [{"name": "catalog", "default": "${var.catalog}"}],
        "tasks": [
            {
                "task_key": name,
                "sql_task": {
                    "warehouse_id": "${var.warehouse_id}",
                    "file": {"path": f"../sql/{name}.sql"},
                    "parameters": {"catalog": "{{job.parameters.catalog}}"},
                },
            }
        ],
    }


def _dashboard(plan: DeployPlan) -> dict[str, Any]:
    return {
        "display_name": f"{plan.project} monitoring",
        "file_path": "../dashboards/monitoring.lvdash.json",
        "warehouse_id": "${var.warehouse_id}",
        "dataset_catalog": "${var.catalog}",
    }

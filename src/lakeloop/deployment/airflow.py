"""An Airflow DAG: a file of Python that needs Airflow 3 and nothing of lakeloop."""

from __future__ import annotations

import json
from importlib.resources import files

from lakeloop.deployment.plan import DeployPlan
from lakeloop.deployment.written_by import header

_TARGET = "airflow"


def render_airflow(plan: DeployPlan) -> dict[str, str]:
    """Write a DAG.

    Args:
        plan: What is to be run.

    Returns:
        Its file -> text.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.deployment.plan import make_deploy_plan
    >>> written = render_airflow(make_deploy_plan(load_config(Path()), "1.0", publish=["late_arrival"]))
    >>> print(written["lakeloop_flights.py"].splitlines()[-1])
        turn >> publish
    """
    name = f"lakeloop_{plan.project}"
    values = {
        "PROJECT": plan.project,
        "DAG_ID": name,
        "CRON": plan.schedule.cron,
        "TIMEZONE": plan.schedule.timezone,
        "FINAL": f"{{{', '.join(map(str, plan.final_codes))}}}",
        "RETRIES": str(plan.retries),
        "RETRY_SECONDS": str(plan.retry_seconds),
        "TIMEOUT_SECONDS": str(plan.timeout_seconds),
        "VERSION": plan.version,
        "TASKS": "\n".join(_tasks(plan)),
    }
    text = files("lakeloop.deployment").joinpath("templates", "dag.py.txt").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return {f"{name}.py": header(plan.version, _TARGET) + text}


def _tasks(plan: DeployPlan) -> list[str]:
    environment = [] if plan.env is None else ["--env", plan.env]
    lines = []
    for task in plan.tasks:
        arguments = [json.dumps(each) for each in task.arguments]
        listed = ", ".join([*arguments, '"--as-of"', "AS_OF", *(json.dumps(each) for each in environment)])
        lines.append(f"    # {task.does}")
        lines.append(f'    {task.name} = Lakeloop(task_id="{task.name}", arguments=[{listed}])')
    lines.append("")
    lines += [f"    {before} >> {task.name}" for task in plan.tasks for before in task.after]
    return lines if lines[-1] else lines[:-1]

"""Manifests of Kubernetes: a CronJob of the whole turn, Spark inside its pod, and what it needs."""

from __future__ import annotations

from importlib.resources import files

from lakeloop.deployment.plan import DeployPlan, Turns
from lakeloop.deployment.written_by import header
from lakeloop.errors import Failure, NotDeployableError

_TARGET = "kubernetes"
_FILES = (
    "turn.yml",
    "persistent_volume_claim.yml",
    "service_account.yml",
    "network_policy.yml",
    "kustomization.yml",
)


def render_kubernetes(plan: DeployPlan) -> dict[str, str]:
    """Write manifests for a namespace `lakeloop`, and for the image of the jobs.

    Args:
        plan: What is to be run; the whole turn by one call.

    Returns:
        File -> text.

    Raises:
        NotDeployableError: If the turn is planned by step, or the project names what a pod is not given.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.deployment.plan import make_deploy_plan
    >>> written = render_kubernetes(make_deploy_plan(load_config(Path()), "1.0", publish=["late_arrival"]))
    >>> [line.strip() for line in written["turn.yml"].splitlines() if "/opt/lakeloop" in line]
    ['args: [python, /opt/lakeloop/turn.py, --project, /project, late_arrival]']
    """
    problems = []
    if plan.turns is Turns.BY_STEP:
        told = "Kubernetes knows no order of jobs: leave --by out, or deploy to Airflow"
        problems.append(Failure("--by step", told))
    if plan.workspace != "workspace":
        told = f"the pod has its workspace at /project/workspace, conf/ at {plan.workspace}: write workspace: workspace"
        problems.append(Failure("workspace", told))
    if plan.landing is None:
        told = "files land outside the project, or in its own folder: let all land below one folder, as in landing/"
        problems.append(Failure("landing", told))
    if problems:
        raise NotDeployableError(_TARGET, problems, "mend it, see docs/orchestration.md; nothing was written")
    environment = [] if plan.env is None else ["--env", plan.env]
    arguments = ["python", "/opt/lakeloop/turn.py", "--project", "/project", *environment, *plan.published]
    values = {
        "TIMEZONE": plan.schedule.timezone,
        "CRON": plan.schedule.cron,
        "RETRIES": str(plan.retries),
        "TIMEOUT_SECONDS": str(plan.timeout_seconds),
        "FINAL": ", ".join(map(str, plan.final_codes)),
        "ARGUMENTS": ", ".join(arguments),
        "LANDING": f"/project/{plan.landing}",
        "VERSION": plan.version,
    }
    return {name: header(plan.version, _TARGET) + _filled(name, values) for name in _FILES}


def _filled(name: str, values: dict[str, str]) -> str:
    text = files("lakeloop.deployment").joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text

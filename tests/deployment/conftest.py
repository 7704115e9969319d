"""The bundle and the plan of the small project, made once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.deployment.databricks import render_databricks
from lakeloop.deployment.plan import DeployPlan, Turns, make_deploy_plan
from tests.deployment.project import WAREHOUSE_SECRET, write_deployable

collect_ignore = ["read_by_models.py", "parsed_by_airflow.py"]  # run by interpreters that have other packages

HIDDEN = "hunter22-hunter22"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project."""
    return write_deployable(tmp_path_factory.mktemp("deployable"))


def plan_of(root: Path, env: str | None = None, turns: Turns = Turns.WHOLE, *publish: str) -> DeployPlan:
    """Plan the project; its secrets are known."""
    config = load_config(root, env, variables={WAREHOUSE_SECRET: HIDDEN})
    return make_deploy_plan(config, "1.2.3", turns=turns, publish=publish)


@pytest.fixture(scope="module")
def bundle(project: Path) -> dict[str, str]:
    """The bundle of the small project, by step."""
    plans = {name: plan_of(project, name, Turns.BY_STEP, "late_arrival") for name in ("dev", "prod")}
    return render_databricks(plans, up="../..", requirement="lakeloop==1.2.3")


def statements(text: str) -> list[str]:
    """Split a file of SQL."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [each.strip() for each in re.split(r";\s*$", "\n".join(lines), flags=re.MULTILINE) if each.strip()]

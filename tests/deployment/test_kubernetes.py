"""The manifests: those that are shipped are what the reference project gives, and others are valid too."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from lakeloop import __version__
from lakeloop.config.loading import load_config
from lakeloop.deployment.kubernetes import render_kubernetes
from lakeloop.deployment.plan import Turns, make_deploy_plan
from lakeloop.errors import NotDeployableError
from tests.config.small_project import PROJECT
from tests.deployment.conftest import plan_of
from tests.deployment.project import write_deployable

SHIPPED = Path("deploy/kubernetes/jobs")


def test_the_shipped_manifests_are_those_of_the_reference_project() -> None:
    plan = make_deploy_plan(load_config(Path()), __version__, publish=["late_arrival"])
    written = render_kubernetes(plan)
    call = "lakeloop deploy kubernetes --to deploy/kubernetes/jobs --publish late_arrival"
    assert {name: (SHIPPED / name).read_text("utf-8") for name in written} == written, f"write them again: {call}"


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_the_manifests_of_another_project_are_valid(tmp_path: Path, version: str) -> None:
    root = write_deployable(tmp_path, {"conf/test/project.yml": "project: flights\n"})
    for name, text in render_kubernetes(plan_of(root, "test")).items():
        for body in yaml.safe_load_all(text):
            if name != "kustomization.yml":
                assert kubernetes_validate.validate(body, version, strict=True) == version


def test_the_turn_is_that_of_the_plan(tmp_path: Path) -> None:
    root = write_deployable(tmp_path, {"conf/test/project.yml": "project: flights\n"})
    plan = plan_of(root, "test", Turns.WHOLE, "late_arrival")
    spec = yaml.safe_load(render_kubernetes(plan)["turn.yml"])["spec"]
    job = spec["jobTemplate"]["spec"]
    assert (spec["timeZone"], spec["schedule"]) == ("America/New_York", "30 6 * * *")
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (3, 14400)
    (container,) = job["template"]["spec"]["containers"]
    assert container["args"] == [
        *("python", "/opt/lakeloop/turn.py", "--project", "/project", "--env", "test", "late_arrival"),
    ]
    assert {each["name"]: each["mountPath"] for each in container["volumeMounts"]} == {
        "workspace": "/project/workspace",
        "landing": "/project/workspace/landing",  # where the sources say that files land
        "tmp": "/tmp",
    }


def test_what_a_pod_cannot_run_is_refused_with_every_reason(tmp_path: Path) -> None:
    changed = PROJECT + "workspace: /data/lake\n"
    root = write_deployable(tmp_path, {"conf/base/project.yml": changed})
    with pytest.raises(NotDeployableError) as raised:
        render_kubernetes(plan_of(root, None, Turns.BY_STEP))
    assert [each.name for each in raised.value.failures] == ["--by step", "workspace", "landing"]

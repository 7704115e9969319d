"""All checks together, in and outside a project."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.doctor import Examination, Finding, examine
from lakeloop.runs.doctor.finding import fail
from lakeloop.statuses import CheckStatus
from tests.config.small_project import edited, write_project

CHECKS = (
    "Python; Java; Spark, Delta; Delta jars; memory; disk; temp disk; time zones; "
    "project; workspace; tracking; notifications; storage; tables; "
    "Spark starts; cluster; Connect; shared tables; catalog"
)


def statuses(found: Examination) -> dict[str, CheckStatus]:
    return {each.check: each.status for each in found.findings}


def test_outside_a_project_what_needs_one_is_not_checked() -> None:
    found = statuses(examine(None, quick=True))
    assert "; ".join(found) == CHECKS
    unchecked = [name for name, status in found.items() if status is CheckStatus.NOT_CHECKED]
    assert "; ".join(unchecked) == CHECKS.partition("time zones; ")[2]


def test_in_a_project_it_is_loaded_and_counted(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    found = {each.check: each for each in examine(partial(load_config, root, None), quick=True).findings}
    assert found["project"].status is CheckStatus.OK
    assert found["workspace"].status is CheckStatus.OK
    assert found["tracking"].found == f"{root}/workspace/mlflow.db, which the first run makes"


def test_a_configuration_that_does_not_load_fails_with_its_first_place(tmp_path: Path) -> None:
    file = "conf/base/sources/weather.yml"
    root = write_project(tmp_path, edited(file, "key: [origin, observed_ts]", "key: [origin, observd_ts]"))
    found = {each.check: each for each in examine(partial(load_config, root, None), quick=True).findings}
    assert found["project"].status is CheckStatus.FAIL
    assert f"the first at {file}:8: key" in found["project"].found
    assert found["workspace"].status is CheckStatus.NOT_CHECKED


def test_spark_is_not_started_without_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_java() -> Finding:
        return fail("Java", "none", "install one")

    monkeypatch.setattr("lakeloop.runs.doctor.examination.check_java", no_java)
    found = examine(None)
    assert found.findings[-1].found == "needs Java"
    assert [each.check for each in found.failed] == ["Java"]

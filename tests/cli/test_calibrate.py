"""`lakeloop monitor calibrate`: what is printed for a person and as JSON, what is refused; it changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from lakeloop.cli import main
from lakeloop.drift.role_proposals import RoleProposal
from lakeloop.runs.calibrate_roles import RoleCalibration, describe_calibration
from lakeloop.statuses import Role, Status
from tests.config.small_project import write_project
from tests.shared import finished_project


def call(capsys, *given: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(given))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def proposal(column: str, declared: Role, proposed: Role | None, why: str = "It hardly moves.") -> RoleProposal:
    status = Status.OK if proposed is not None else Status.INSUFFICIENT_REFERENCE
    return RoleProposal(column, status, declared, proposed, why, "psi")


FOUND = RoleCalibration(
    "late",
    "6a9450e62eaceb89571c",
    "2024-02-04T00:00:00Z",
    741,
    365,
    "2",
    (
        proposal("distance", Role.CONTRACT, Role.CONTRACT),
        proposal("dest", Role.REGIME, Role.SEASONAL, "Far apart windows differ by 0.083. " * 3),
        proposal("origin", Role.CONTRACT, None, "27 days of it are known."),
        proposal("weather__wind_speed_mph", Role.REGIME, Role.SEASONAL),
        proposal("weather__gust_mph", Role.REGIME, Role.SEASONAL),
        proposal("delays__mean_is_late_over_many_hours_of_the_day", Role.REGIME, Role.REGIME),
        proposal("delays__count_1h", Role.REGIME, Role.CONTRACT),
    ),
)


def test_the_table_fits_80_columns_and_marks_what_differs():
    lines = describe_calibration(FOUND).splitlines()
    assert max(map(len, lines)) < 80
    assert lines[:2] == [
        "late: training set 6a9450e62eac of 2024-02-04T00:00:00Z, 741 rows, 365 days,",
        "  bins of version 2",
    ]
    assert lines[2].split() == ["column", "declared", "proposed", "why"]
    marked = [line.split()[1] for line in lines if line.startswith("* ")][:-1]
    assert marked == ["dest", "weather__wind_speed_mph", "weather__gust_mph", "delays__count_1h"]
    (origin,) = [line for line in lines if line.split()[:1] == ["origin"]]
    assert origin.split()[1:4] == ["contract", "-", "INSUFFICIENT_REFERENCE:"]
    assert "* 4 of 7 differ from the declaration." in lines


def test_the_roles_can_be_pasted():
    text = describe_calibration(FOUND)
    roles = yaml.safe_load(text[text.index("monitor:") :])["monitor"]["roles"]
    assert roles == {"contract": ["distance", "origin", "delays.count_1h"], "seasonal": ["dest", "weather.*"]}
    assert FOUND.to_dict()["roles"] == roles


def test_without_any_role_there_is_nothing_to_write():
    calm = replace(FOUND, proposals=(proposal("items", Role.REGIME, Role.REGIME),))
    text = describe_calibration(calm)
    assert "None differs." in text
    assert yaml.safe_load(text[text.index("monitor:") :]) == {"monitor": {"roles": {}}}


def test_a_finished_project_is_read_and_left_as_it_is(capsys):
    project = finished_project()
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*.yml")}
    code, out, err = call(capsys, "monitor", "calibrate", "late", "--project", str(project.root))
    assert code == 0, err
    assert out.startswith("late: training set")
    assert "bins of" in " ".join(out.split())
    code, out, _ = call(capsys, "monitor", "calibrate", "late", "--json", "--project", str(project.root))
    result = json.loads(out)["result"]
    assert (code, result["rows"], result["bins_of"]) == (0, 741, "2")
    assert {each["status"] for each in result["proposals"]} <= {"OK", "INSUFFICIENT_REFERENCE"}
    assert before == {path: path.stat().st_mtime_ns for path in project.root.rglob("*.yml")}


def test_what_cannot_be_done_is_refused(tmp_path, capsys):
    root = str(write_project(tmp_path))
    code, _, err = call(capsys, "monitor", "calibrate", "nobody", "--project", root)
    assert (code, "MODEL: got 'nobody'" in err) == (2, True), err
    code, _, err = call(capsys, "monitor", "--project", root)
    assert (code, "Missing option '--as-of'." in err) == (2, True), err
    code, _, err = call(capsys, "monitor", "calibrate", "late_arrival", "--project", root)
    assert (code, "none is pinned" in err) == (5, True), err

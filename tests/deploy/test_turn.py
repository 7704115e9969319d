"""The daily turn of a CronJob: its instant, its calls, its exit code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.jobs import turn


@pytest.mark.parametrize(
    ("environment", "as_of"),
    [
        ({"LAKELOOP_JOB": "lakeloop-turn-22790070"}, "2013-05-01T10:30:00Z"),  # minutes since the epoch
        ({"LAKELOOP_JOB": "lakeloop-turn-10000000"}, "1989-01-05T10:40:00Z"),
        ({"LAKELOOP_JOB": "nightly-2-29724270"}, "2026-07-07T20:30:00Z"),
        ({"LAKELOOP_JOB": "by-hand", "LAKELOOP_AS_OF": "2013-05-01"}, "2013-05-01"),
        ({"LAKELOOP_JOB": "lakeloop-turn-22790070", "LAKELOOP_AS_OF": "2013-05-01"}, "2013-05-01"),  # a person's word
        ({"LAKELOOP_JOB": "lakeloop-turn-22790070", "LAKELOOP_AS_OF": ""}, "2013-05-01T10:30:00Z"),
    ],
)
def test_a_turn_is_as_of_the_minute_it_was_scheduled_for(environment, as_of):
    assert turn.find_as_of(environment) == as_of


@pytest.mark.parametrize("job", ["", "by-hand", "22790070", "turn-2279487", "turn-227900700", "turn-22790070-again"])
def test_a_job_whose_name_tells_no_instant_is_refused(job, capsys):
    with pytest.raises(SystemExit) as stop:
        turn.find_as_of({"LAKELOOP_JOB": job} if job else {})
    assert stop.value.code == 2
    assert f"got {job!r}; allowed: a name that ends with the minute" in capsys.readouterr().err


def test_a_turn_is_run_and_then_published_at_the_same_instant():
    shared = ["--project", "/project", "--as-of", "2013-05-01", "--json"]
    assert turn.build_calls(["late", "delay"], "/project", "2013-05-01") == [
        ["lakeloop", "run", *shared],
        ["lakeloop", "publish", "late", *shared],
        ["lakeloop", "publish", "delay", *shared],
    ]


def test_an_environment_is_laid_over_the_base_in_every_call():
    shared = ["--project", "/project", "--env", "prod", "--as-of", "2013-05-01", "--json"]
    assert turn.build_calls(["late"], "/project", "2013-05-01", "prod") == [
        ["lakeloop", "run", *shared],
        ["lakeloop", "publish", "late", *shared],
    ]


@pytest.mark.parametrize(
    ("run", "publish", "code", "called"),
    [
        ("exit 0", "exit 0", 0, ["run", "publish"]),
        ("exit 4", "exit 0", 4, ["run"]),  # nothing is published of a turn that failed
        ("exit 0", "exit 5", 5, ["run", "publish"]),
        ("kill -TERM $$", "exit 0", 143, ["run"]),
    ],
)
def test_the_exit_code_is_that_of_the_first_call_that_fails(
    run, publish, code, called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log, program = tmp_path / "log", tmp_path / "lakeloop"
    program.write_text(f'#!/bin/sh\necho "$1" >> {log}\ncase "$1" in run) {run} ;; *) {publish} ;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LAKELOOP_AS_OF", "2013-05-01")
    assert turn.main(["--project", "/project", "late"]) == code
    assert log.read_text().split() == called

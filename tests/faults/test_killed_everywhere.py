"""The fault harness survives: one place in three here, every place by `make faults`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.jobs import JOBS
from tests.laws.killed_process import ROOT

ONE_IN = 3
TURNS = ("run (first turn)", "run")
"""Whole turns, whose steps are tried as jobs of their own."""


@pytest.mark.slow
@pytest.mark.loop
def test_every_job_that_is_killed_where_it_writes_leaves_what_a_clean_one_leaves() -> None:
    names = [each.name for each in JOBS if each.name not in TURNS]
    command = [sys.executable, "-m", "tests.faults", "--json", "--one-in", str(ONE_IN), "--jobs", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=7200, check=False)
    found = {each["job"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert list(found) == names, done.stderr[-4000:]
    assert {name: (each["lost"], each["doubled"], each["different"]) for name, each in found.items()} == {
        name: (0, 0, []) for name in names
    }
    assert all(each["survived"] == each["tried"] > 0 for each in found.values())
    assert sum(each["tried"] for each in found.values()) > 60

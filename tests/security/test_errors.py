"""A secret that gets into an error is in nothing that is said of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CANARY = "c4nary/of errors=="

WORK = """
import sys
from lakeloop.cli.logs import LogFormat
from lakeloop.cli.outcome import Options, finish
from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.run_log import hide

canary, kind, form, verbose = sys.argv[1:]
hide({canary: "${KEY}"})
known = EnvironmentProblemError("store", [Failure("connection", f"no answer by {canary!r}")], f"not with {canary}")

def work(report):
    from urllib.parse import quote
    report.result = {"said": f"{canary} and {quote(canary, safe='')}"}
    if kind == "known":
        raise known from ValueError(f"in the cause: {canary}")
    if kind == "unknown":
        raise ValueError(f"no answer from https://x/?q={quote(canary, safe='')} by {canary!r}")
    if kind == "machine":
        raise OSError(28, "No space left on device", f"/data/{canary}")

finish("score", Options(None, None, kind != "text", verbose == "True", LogFormat(form)), work)
"""


@pytest.mark.parametrize("kind", ["known", "unknown", "machine", "done", "text"])
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("verbose", [True, False])
def test_what_ends_a_call_holds_no_secret(kind: str, form: str, verbose: bool) -> None:
    call = [sys.executable, "-c", WORK, CANARY, kind, form, str(verbose)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == {"known": 7, "unknown": 1, "machine": 7}.get(kind, 0), done.stderr
    said = done.stdout + done.stderr
    assert "${KEY}" in said
    for each in (CANARY, "c4nary", json.dumps(CANARY)[1:-1]):
        assert each not in said

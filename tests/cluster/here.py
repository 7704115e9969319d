"""The steps on this machine's own Spark, in one process: python -m tests.cluster.here ROOT."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from tests.cluster.steps import STEPS, Outcome, Step, note, prepare, write_project
from tests.runs.cluster import ROOT


def run_here(root: Path, log: Path) -> dict[str, Outcome]:
    """Run the steps in a process with a local session.

    Args:
        root: The project, to be made.
        log: File for what the process tells.

    Returns:
        Step -> how it ended.
    """
    command = [sys.executable, "-m", "tests.cluster.here", str(root)]
    with log.open("wb") as told:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, check=False)
    assert done.returncode == 0, log.read_text(encoding="utf-8")[-3000:]
    found = json.loads(done.stdout.decode().splitlines()[-1])
    return {name: Outcome(code, line, Path(tables)) for name, (code, line, tables) in found.items()}


def _run(step: Step, root: Path) -> Outcome:
    prepare(step, root)
    file, told, code = ROOT / "jobs" / f"{step.job}.py", io.StringIO(), 0
    with patch("sys.argv", [str(file), *step.arguments(root)]), contextlib.redirect_stdout(told):
        try:
            runpy.run_path(str(file), run_name="__main__")
        except SystemExit as end:
            code = int(end.code or 0)
    return note(step, root, code, told.getvalue())


def main() -> None:
    """Run the steps, and print how they ended."""
    root = Path(sys.argv[1])
    write_project(root)
    ended = {step.name: _run(step, root) for step in STEPS}
    plain = {name: (each.exit_code, each.line, str(each.tables)) for name, each in ended.items()}
    sys.stdout.write(json.dumps(plain) + "\n")


if __name__ == "__main__":
    main()

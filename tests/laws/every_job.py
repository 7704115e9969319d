"""Every file of jobs/, one after the other: python -m tests.laws.every_job ROOT INSTANT RECALIBRATED.

Each prints its JSON line. What the turn is about has landed before. One version is judged at an instant: recalibrated
is at an earlier one, once more.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
ORDER = (
    *("recalibrate", "ingest", "features", "score", "monitor", "decide", "training_set", "train", "run", "publish"),
    "replay",
)


def call(job: Path, arguments: list[str]) -> dict[str, object]:
    """Run a job as `spark-submit` does, in this process, and give its last line."""
    out = io.StringIO()
    sys.argv = [str(job), *arguments]
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        runpy.run_path(str(job), run_name="__main__")
    line: dict[str, object] = json.loads(out.getvalue().strip().splitlines()[-1])
    return line


if __name__ == "__main__":
    root, as_of, recalibrated = sys.argv[1:]
    for name in ORDER:
        options = ["--project", root, "--as-of", recalibrated if name == "recalibrate" else as_of]
        if name == "replay":
            options = ["late", "--project", root, "--from", "2024-02-04", "--to", as_of, "--policy", "never"]
        said = call(JOBS / f"{name}.py", options)
        sys.stdout.write(f"{json.dumps({'job': name, **said})}\n")
        sys.stdout.flush()

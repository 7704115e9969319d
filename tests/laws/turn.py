"""One turn of a project in a process of its own: python -m tests.laws.turn ROOT INSTANT."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.turn import run_turn

if __name__ == "__main__":
    project = load_config(Path(sys.argv[1]))
    run_turn(Context(project, datetime.fromisoformat(sys.argv[2])), list(project.models))

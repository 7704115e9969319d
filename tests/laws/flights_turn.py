"""The slice of the flights in a process of its own, classic or remote: python -m tests.laws.flights_turn ROOT."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.flights_slice import run_slice
from tests.shared import shared_session

if __name__ == "__main__":
    if "SPARK_REMOTE" not in os.environ:
        shared_session()
    began = time.monotonic()
    done = run_slice(Path(sys.argv[1]))
    sys.stdout.write(f"{done.score.rows} rows scored, {time.monotonic() - began:.0f} s\n")

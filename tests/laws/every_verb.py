"""Every verb of the command line on the small loop, in a process of its own: python -m tests.laws.every_verb ROOT.

What each verb answered is printed as one JSON line, so that two runs can be compared: `answer`, without its times.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from lakeloop.cli import main
from lakeloop.config import load_config
from tests.laws.small_loop import TURNS, land
from tests.shared import shared_session

FIRST, SECOND = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in TURNS)
LATER, NEXT_DAY = "2024-02-12T00:00:00Z", "2024-02-13T00:00:00Z"

VERBS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("ingest", "--as-of", FIRST), 0),
    (("features", "--as-of", FIRST), 0),
    (("score", "--as-of", FIRST), 5),  # nobody is champion
    (("monitor", "--as-of", FIRST), 5),
    (("decide", "--as-of", FIRST), 0),
    (("training-set", "--as-of", FIRST), 0),
    (("train", "--as-of", FIRST), 0),
    (("run", "--as-of", SECOND), 0),
    (("ingest", "--as-of", LATER), 0),
    (("features", "--as-of", LATER), 0),
    (("score", "--stream", "--as-of", LATER), 0),
    (("monitor", "--as-of", LATER), 0),
    (("recalibrate", "--as-of", LATER), 0),
    (("score", "--backfill", "2024-01-27", "2024-01-29", "--version", "1", "--as-of", LATER), 0),  # nothing is left
    (("score", "--backfill", "2024-01-27", "2024-01-29", "--version", "1", "--again", "--as-of", LATER), 0),
    (("backfill", "shop_delays", "--as-of", LATER, "--from", "2024-01-20", "--to", "2024-01-22", "--plan"), 0),
    (("backfill", "shop_delays", "--as-of", LATER, "--from", "2024-01-20", "--to", "2024-01-22"), 0),
    (("publish", "--as-of", LATER), 0),
    (("rebuild", "--as-of", SECOND), 0),
    (("replay", "late", "--from", FIRST, "--to", LATER, "--every", "6 days", "--policy", "never,drift"), 0),
    (("monitor", "calibrate", "late"), 0),
    (("audit", "consistency", "--as-of", LATER), 0),
    (("compare", "late"), 0),
    (("quarantine", "list", "--as-of", LATER), 0),
    (("quarantine", "show", "orders", "--as-of", LATER), 0),
    (("quarantine", "replay", "orders", "--as-of", NEXT_DAY), 0),
    (("vacuum", "--plan"), 0),
    (("vacuum",), 0),
    (("models", "list"), 0),
    (("models", "show", "late"), 0),
    (("flags", "--all"), 0),
    (("decisions",), 0),
    (("report", "--as-of", LATER), 0),
    (("data-docs", "--as-of", LATER), 0),
)
"""What is asked, in order, and the exit code that ends it; rows land before the verbs that look for them."""

_LANDING: dict[tuple[str, ...], Callable[[Path], None]] = {
    ("run", "--as-of", SECOND): lambda root: land(load_config(root), TURNS[1], after=TURNS[0]),
    ("ingest", "--as-of", LATER): lambda root: land(load_config(root), datetime.fromisoformat(LATER), after=TURNS[1]),
}


def say(root: Path, verb: Sequence[str]) -> dict[str, object]:
    """Call a verb in this process, and give what it answered on its last line."""
    out = io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out):
        try:
            main([*verb, "--project", str(root), "--json"])
        except SystemExit as ended:
            code = ended.code
    lines = out.getvalue().strip().splitlines()
    return {"verb": list(verb), "exit_code": code, "answer": json.loads(lines[-1]) if lines else None}


def run(root: Path) -> Iterator[dict[str, object]]:
    """Land what the verbs look for, and call them one after the other."""
    for verb, _ in VERBS:
        if verb in _LANDING:
            _LANDING[verb](root)
        began = time.monotonic()
        yield say(root, verb) | {"seconds": round(time.monotonic() - began, 1)}


if __name__ == "__main__":
    from pyspark import SparkContext

    is_remote = "SPARK_REMOTE" in os.environ
    if not is_remote:  # the settings of the tests, which make few rows cheap
        shared_session()
    for said in run(Path(sys.argv[1])):
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()
    if is_remote and SparkContext._active_spark_context is not None:
        sys.exit("a classic session was started")

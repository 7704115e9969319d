"""Processes of lakeloop that are killed with SIGKILL, with their JVM and their workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
AT_MOST_SECONDS = 300.0


def run_until(arguments: Sequence[str], log: Path, reached: Callable[[], bool] | None, delay_seconds: float) -> int:
    """Run Python until something is reached, then kill it; with None, to its end.

    Args:
        arguments: What the interpreter is given.
        log: File that its output is added to.
        reached: Whether it has come far enough; asked every 20 ms.
        delay_seconds: How long it goes on after that.

    Returns:
        The exit code; -9 where it was killed.
    """
    process, deadline = _start(arguments, log), time.monotonic() + AT_MOST_SECONDS
    try:
        while process.poll() is None and (reached is None or not reached()):
            assert time.monotonic() < deadline, said(log)
            time.sleep(0.02)
        time.sleep(delay_seconds)
    finally:
        _kill(process)
    return process.returncode


def said(log: Path) -> str:
    """Give the end of what the processes told."""
    return log.read_text(encoding="utf-8")[-2000:]


def _start(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdout=output,
            stderr=output,
            start_new_session=True,  # one group with its JVM and workers
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)

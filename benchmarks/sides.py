"""Runs the sides of a cell one after the other, and times none whose result is not the expected one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.agreement import Agreement
from benchmarks.measure import Measurement, summarise
from benchmarks.side import GO, Task

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
CACHE = FOLDER / ".cache"
VENVS = FOLDER / ".venvs"


class SideStatus(StrEnum):
    """What came of a side; only OK has figures."""

    OK = "OK"
    DIFFERENT = "DIFFERENT"
    FAILED = "FAILED"
    NOT_FINISHED = "NOT_FINISHED"
    NOT_RUN = "NOT_RUN"


@dataclass(frozen=True)
class SideProgram:
    """What does the work of a side.

    Attributes:
        name: Its name in tables.
        module: Module that serves it.
        venv: Its environment under `.venvs`; None for the project's own.
    """

    name: str
    module: str
    venv: str | None = None

    @property
    def python(self) -> Path:
        """Python that runs it."""
        return Path(sys.executable) if self.venv is None else VENVS / self.venv / "bin" / "python"


@dataclass(frozen=True)
class Outcome:
    """What came of one side of one cell.

    Attributes:
        side: The side.
        status: What came of it.
        detail: Why there are no figures; empty where there are.
        agreement: How its result compares with the expected one; None when it gave none.
        first: Cost of the first run, which wrote the result; the start of the process and of Spark is not in it.
        runs: Cost of every run after it.
        versions: Software -> version.
    """

    side: str
    status: SideStatus
    detail: str = ""
    agreement: Agreement | None = None
    first: Measurement | None = None
    runs: tuple[Measurement, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def cost(self) -> Measurement | None:
        """Median times and greatest peak of the runs."""
        return summarise(self.runs) if self.runs else None


def run_side(program: SideProgram, task: Task, check: Callable[[Path], Agreement], timeout_seconds: float) -> Outcome:
    """Let a side write its result, check it, and only then let it be measured.

    Args:
        program: What does the work.
        task: The work.
        check: Compares the written result with the expected one.
        timeout_seconds: How long the side may take in all; then it is ended.

    Returns:
        What came of it.
    """
    if not program.python.exists():
        return Outcome(program.name, SideStatus.NOT_RUN, "no environment: run make bench-peers")
    log = CACHE / "logs" / f"{Path(task.result).stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(program.python), "-m", program.module, json.dumps(asdict(task))]
    late = threading.Event()
    with (
        log.open("w", encoding="utf-8") as errors,
        # What Spark leaves behind when it is ended goes with the folder.
        tempfile.TemporaryDirectory(dir=CACHE) as scratch,
        subprocess.Popen(
            command,
            cwd=scratch,
            env=_environment(program, scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):

        def end() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(timeout_seconds, end)
        timer.start()
        try:
            outcome = _converse(program.name, process, task, check)
        finally:
            timer.cancel()
            _end(process)
    if outcome.status is SideStatus.FAILED:
        if late.is_set():
            return Outcome(program.name, SideStatus.NOT_FINISHED, f"not finished in {timeout_seconds:g} s")
        return Outcome(program.name, SideStatus.FAILED, f"{outcome.detail}; see {log.relative_to(ROOT)}")
    return outcome


def _environment(program: SideProgram, scratch: str) -> dict[str, str]:
    own = [] if program.venv else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(ROOT), *(str(Path(each).resolve()) for each in own if each)]
    changes = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **changes, "TMPDIR": scratch, "SPARK_LOCAL_DIRS": scratch}


def _converse(name: str, process: subprocess.Popen[str], task: Task, check: Callable[[Path], Agreement]) -> Outcome:
    written = _hear(process)
    if written is None:
        return Outcome(name, SideStatus.FAILED, "it ended without a result")
    agreement = check(Path(task.result))
    first, versions = Measurement(**written["written"]), written["versions"]
    if not agreement.is_equal:
        return Outcome(name, SideStatus.DIFFERENT, agreement.describe(), agreement, first, (), versions)
    measured = _hear(process, answer=GO)
    if measured is None:
        return Outcome(name, SideStatus.FAILED, "it ended while it was measured", agreement, first, (), versions)
    runs = tuple(Measurement(**each) for each in measured["measured"])
    return Outcome(name, SideStatus.OK, "", agreement, first, runs, versions)


def _hear(process: subprocess.Popen[str], answer: str | None = None) -> dict[str, Any] | None:
    """Read the next message, after an answer to the last one; None when the side has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if answer is not None:
            process.stdin.write(f"{answer}\n")
            process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        return None
    return dict(json.loads(line)) if line else None


def _end(process: subprocess.Popen[str]) -> None:
    """End a side with all it has started: they are a process group of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # it has ended
        return

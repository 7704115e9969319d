"""Kills a job at every place at which it writes, lets it come to its end, and compares with what a clean one left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lakeloop.config import Config, load_config
from tests.faults.figures import JobFigures, compare_workspaces
from tests.faults.java import Java, attach, start_java
from tests.faults.jobs import Job, new_project
from tests.faults.kills import Journal, Kills, watching
from tests.laws.effects import Effects
from tests.shared import shared_session

_AT_MOST = 1000
_FAILED = 1


@dataclass
class Harness:
    """Runs jobs in processes of their own, on one Java as long as nobody kills it.

    What was done is kept in the folder: the same harness goes on there where another was ended.

    Args:
        folder: Where projects are made.
        one_in: Of how many places one is tried.
        tell: Told of every process that was killed.
    """

    folder: Path
    one_in: int = 1
    tell: Callable[[str], None] = lambda _: None
    _java: Java | None = None
    _ends: dict[str, Path] = field(default_factory=dict)

    def close(self) -> None:
        """End Java."""
        if self._java is not None:
            self._java.kill()

    def clean_end(self, job: Job, known: dict[str, Job]) -> Path:
        """Give the project at a job's clean end; the jobs before it are run as needed."""
        if job.name not in self._ends:
            root, ended = self._folder(job, "clean"), self.folder / f"{_plain(job.name)}.ended"
            if not ended.exists():
                self._begin(job, known, root)
                self._run(root, job.call)
                ended.touch()
            self._ends[job.name] = root
        return self._ends[job.name]

    def try_job(self, job: Job, known: dict[str, Job]) -> JobFigures:
        """Kill a job at every place in turn, and compare."""
        told = self.folder / f"{_plain(job.name)}.json"
        if told.exists():
            return JobFigures(**json.loads(told.read_text(encoding="utf-8")))
        clean, began, killed = self.clean_end(job, known), time.monotonic(), self._folder(job, "killed")
        if not killed.exists():
            self._begin(job, known, killed)
        journal = Journal(self.folder / f"{_plain(job.name)}.places")
        for _ in range(_AT_MOST):
            if self._run(killed, job.call, journal) == 0:
                break
            self.tell(f"{job.name}: killed at {journal.places()[-1]}")
        else:
            raise AssertionError(f"{job.name}: not at its end after {_AT_MOST} runs")
        tried = len(journal.places())
        seconds = round(time.monotonic() - began, 1)

        def compare(config: Config) -> None:
            found = compare_workspaces(load_config(clean), config)
            survived = tried if found.is_same else 0
            counts = (found.rows, found.lost, found.doubled)
            told.write_text(JobFigures(job.name, tried, survived, *counts, seconds, found.different).as_json())

        self._run(killed, compare)  # by a process of its own too: delta-rs, once used, does not work in a fork
        return JobFigures(**json.loads(told.read_text(encoding="utf-8")))

    def _begin(self, job: Job, known: dict[str, Job], root: Path) -> None:
        """Copy the project at the clean end of the job before, prepared; both kinds begin at the same."""
        prepared, done = self._folder(job, "before"), self.folder / f"{_plain(job.name)}.prepared"
        if not done.exists():
            shutil.rmtree(prepared, ignore_errors=True)
            if job.after:
                shutil.copytree(self.clean_end(known[job.after], known), prepared)
            else:
                new_project(prepared)
            self._run(prepared, job.prepare)
            done.touch()
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(prepared, root)

    def _folder(self, job: Job, kind: str) -> Path:
        return self.folder / f"{_plain(job.name)}-{kind}"

    def _run(self, root: Path, call: Callable[[Config], object], journal: Journal | None = None) -> int:
        """Run a job in a process of its own; 0 when it came to its end, -9 when it was killed."""
        if self._java is None or not self._java.is_running:
            self._java = start_java()
        log = self.folder / f"{root.name}.log"
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _be_job(self._java, root, call, journal, self.one_in, log)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if journal is not None and journal.java_is_killed.exists():
            journal.java_is_killed.unlink()
            self._java.kill()
        if code not in (0, -signal.SIGKILL) or (code and journal is None):
            raise AssertionError(f"{root.name}: exit code {code}\n{log.read_text(encoding='utf-8')[-4000:]}")
        return code


def _be_job(
    java: Java, root: Path, call: Callable[[Config], object], journal: Journal | None, one_in: int, log: Path
) -> None:
    """What the process does; it never returns."""
    code = _FAILED
    os.setsid()  # what it starts is killed with it
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        attach(java)
        shared_session()
        config = load_config(root)
        if journal is None:
            call(config)
        else:
            kills = Kills(journal, java.process.pid, one_in=one_in)
            with watching(Effects(config.workspace, kills)):
                call(config)
            kills.at_end()
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)

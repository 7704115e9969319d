"""What is done here and on a cluster: the jobs of the loop on a slice of the flights, in order."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeloop.config import Config, load_config
from tests.flights_slice import LATER, TURN, land_slice, make_slice_project

_STRICT = "gate: {min_rows: 1000000}\n"
_BROKEN = "score: {engine: fast}\n"


@dataclass(frozen=True)
class Step:
    """A job.

    Attributes:
        job: Its file in `jobs/`.
        as_of: The logical now.
        exit_code: How it ends.
        env: The environment laid over the base.
        month: Month that lands before it; 0 for none.
        kill_after: How many tasks the executors have done before a worker is killed that has one under way; None
            where none is killed.
    """

    job: str
    as_of: str
    exit_code: int = 0
    env: str = "slice"
    month: int = 0
    kill_after: int | None = None

    @property
    def name(self) -> str:
        """A name of its own among the steps."""
        return self.job if self.exit_code == 0 else f"{self.job}_{self.env}"

    def arguments(self, root: Path) -> list[str]:
        """What the job is given."""
        model = [] if self.job in ("ingest", "features") else ["--model", "late_arrival"]
        return ["--project", str(root), "--env", self.env, "--as-of", self.as_of, *model]


STEPS = (
    Step("run", TURN, month=1, kill_after=250),
    Step("ingest", LATER, month=2, kill_after=40),
    Step("features", LATER, exit_code=4, env="strict"),
    Step("features", LATER, kill_after=40),
    Step("score", LATER, kill_after=10),
    Step("score", LATER, exit_code=3, env="broken"),
    Step("monitor", LATER, kill_after=10),
    Step("decide", LATER, kill_after=0),
    Step("training_set", LATER, kill_after=10),
    Step("train", LATER),  # reads and fits in the driver: executors have no task to lose
)
"""A turn that trains, and the next one verb by verb; with a gate that fails first, and a wrong declaration."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        exit_code: Of the process.
        line: The last line of its standard output, read as JSON, without what differs between any two runs.
        tables: A project whose workspace holds copies of the tables as they were then.
    """

    exit_code: int
    line: dict[str, Any]
    tables: Path


def write_project(root: Path) -> Config:
    """Write the project: the slice, an environment whose gate cannot pass, and one with a mistake."""
    root.mkdir(parents=True)
    config = make_slice_project(root)
    for env, file, text in (
        ("strict", "sources/weather.yml", _STRICT),
        ("broken", "models/arrival_delay.yml", _BROKEN),
    ):
        shutil.copytree(root / "conf" / "slice", root / "conf" / env)
        (root / "conf" / env / file).parent.mkdir(exist_ok=True)
        (root / "conf" / env / file).write_text(text, encoding="utf-8")
    return config


def prepare(step: Step, root: Path) -> None:
    """Land what a step finds."""
    if step.month:
        land_slice(load_config(root, "slice"), step.month)


def note(step: Step, root: Path, exit_code: int, output: str) -> Outcome:
    """Note how a step ended, and copy the tables."""
    lines = output.strip().splitlines() or ["null"]
    line = json.loads(lines[-1].replace(str(root), "ROOT"))
    if isinstance(line.get("result"), dict):
        line["result"].pop("seconds", None)
    copied = root.with_name(f"{root.name}_after") / step.name
    shutil.copytree(root / "conf", copied / "conf")
    for log in (root / "workspace").glob("*/*/_delta_log"):
        shutil.copytree(log.parent, copied / "workspace" / log.parent.parent.name / log.parent.name)
    return Outcome(exit_code, line, copied)

"""The demo: the loop on the flights of 2013, turn by turn, as if the months were just arriving."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.as_of import parse_as_of
from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from lakeloop.demo.flights import land_flights
from lakeloop.demo.results import DemoResult, LedgerStep, RealisedLoss, summarise_turns, time_steps, time_turns
from lakeloop.errors import BusyError, ConflictError, Failure, UsageError
from lakeloop.runs.context import Context
from lakeloop.runs.ledger import run_step
from lakeloop.runs.progress import StepDone
from lakeloop.runs.report import write_report
from lakeloop.runs.turn import JOB as RUN
from lakeloop.runs.turn import run_turn

MARKER = ".lakeloop-demo"
"""File that says that the demo made a workspace and may clear it."""

_LOCK = ".lakeloop.lock"
_REPORT = "report"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DemoTurn:
    """A turn of the demo.

    Attributes:
        date: Its logical now: the start of this day in the project's time zone.
        months: Months of 2013 that land before it.
    """

    date: str
    months: tuple[int, ...]


TURNS: dict[str, tuple[DemoTurn, ...]] = {
    "demo": (
        DemoTurn("2013-04-01", (1, 2, 3)),
        DemoTurn("2013-05-01", (4,)),
        DemoTurn("2013-06-01", (5,)),
        DemoTurn("2013-07-01", (6,)),
    )
}
"""Length of the demo -> its turns."""
TURNS["year"] = (
    *TURNS["demo"],
    *(DemoTurn(f"2013-{month + 1:02d}-01", (month,)) for month in range(7, 12)),
    DemoTurn("2013-12-31", (12,)),
)
MODELS: dict[str, tuple[str, ...]] = {"demo": ("late_arrival",), "year": ("late_arrival", "arrival_delay")}
"""Length of the demo -> the models that take part."""


def run_demo(
    project_root: Path,
    *,
    turns: Literal["demo", "year"] = "demo",
    resume: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    finished: Callable[[StepDone], None] = lambda _: None,
) -> DemoResult:
    """Run the loop turn by turn on the reference flights.

    Args:
        project_root: Folder that holds the reference project's `conf/`.
        turns: `demo` up to 1 July 2013, `year` up to 31 December and with a second model.
        resume: Skip the turns that are done; without it the workspace is cleared first.
        progress: Told what is being done, in a few words.
        finished: Told what every finished step did.

    Returns:
        What happened, where the time went, and where everything is.

    Raises:
        UsageError: If the project is not the reference project, or keeps its tables in a catalog.
        ConflictError: If the workspace is not one that may be cleared.
        BusyError: If another job holds the workspace.
        LakeloopError: What a step raises.

    >>> import tempfile
    >>> from lakeloop.starter.write import write_project
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     run_demo(write_project(Path(parent) / "shop").folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lakeloop.errors.UsageError: demo: got the project shop, without the model late_arrival; allowed: ...
    """
    started = time.monotonic()
    config = load_config(project_root)
    models = MODELS[turns]
    _check_project(config, models)
    if not resume:
        clear_workspace(config)
    config.workspace.mkdir(parents=True, exist_ok=True)
    (config.workspace / MARKER).touch()
    plan = TURNS[turns]
    moments = [parse_as_of(turn.date, config.project.zone) for turn in plan]
    context = Context(config, moments[-1], progress, finished)
    progress("starting Spark")
    _ = context.lake  # opened here, it is shared by all turns
    done = {step.as_of for step in _read_ledger(context) if step.job == RUN} if resume else set()
    for number, (turn, as_of) in enumerate(zip(plan, moments, strict=True), start=1):
        title = f"turn {number} of {len(plan)}, as of {turn.date}"
        context = context.at(as_of)
        context.progress, context.finished = _titled(title, progress), _of_turn(title, finished)
        if as_of in done:
            context.progress("done before")
            continue
        context.progress("landing")
        land_flights(config.workspace / "landing", turn.months)
        run_turn(context, models)
    progress("writing the report")
    context.finished = finished
    report = run_step(context, _REPORT, write_report)
    steps = [step for step in _read_ledger(context) if step.job in (RUN, _REPORT)]
    losses = {name: config.models[name].gate.metric.value for name in models}
    return DemoResult(
        as_of=context.as_of,
        turns=summarise_turns(steps, _read_realised(context, losses.values()), losses),
        turn_seconds=time_turns(step for step in steps if step.job == RUN),
        steps=time_steps(steps),
        seconds=time.monotonic() - started,
        report=report,
        tables=config.workspace,
        tracking_uri=config.shown_tracking_uri,
    )


def clear_workspace(config: Config) -> None:
    """Empty the project's workspace; the folder itself stays.

    Args:
        config: The project.

    Raises:
        ConflictError: If the folder is not a workspace of lakeloop, or holds the project or the user's home.
        BusyError: If a job holds the workspace.

    >>> import tempfile
    >>> from lakeloop.starter.write import write_project
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     config = load_config(write_project(Path(parent) / "shop").folder)
    ...     config.workspace.mkdir()
    ...     for name in (MARKER, "notes.txt"):
    ...         (config.workspace / name).touch()
    ...     clear_workspace(config)
    ...     [path.name for path in config.workspace.iterdir() if path.name != _LOCK]
    []
    """
    folder = config.workspace
    if not folder.exists():
        return
    problem = _reason_to_keep(folder, config.root)
    if problem is not None:
        remedy = "move it away, or name another folder as workspace in conf/base/project.yml; nothing was deleted"
        raise ConflictError(str(folder), [Failure("workspace", problem)], remedy)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as held:
        failure = Failure("lock", "another job holds it")
        raise BusyError(str(folder), [failure], "wait for the other job, or end it; nothing was deleted") from held
    try:
        for entry in sorted(folder.iterdir(), key=lambda each: each.name == MARKER):  # the marker goes last
            if entry.name == _LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    finally:
        lock.release()


def _reason_to_keep(folder: Path, root: Path) -> str | None:
    """Say why a folder may not be cleared; None where it may."""
    if not folder.is_dir():
        return "it is not a folder"
    place = folder.resolve()
    for kept in (root.resolve(), Path.home().resolve()):
        if kept == place or kept.is_relative_to(place):
            return f"it holds {kept}"
    names = {entry.name for entry in folder.iterdir()} - {_LOCK}
    is_ours = (
        not names or MARKER in names or any(folder.glob("ops/*/_delta_log")) or any(folder.glob("bronze/*/_delta_log"))
    )
    return None if is_ours else "it holds files, but no table of lakeloop, and the demo did not make it"


def _check_project(config: Config, models: Iterable[str]) -> None:
    missing = [name for name in models if name not in config.models]
    if missing:
        raise UsageError(
            "demo",
            f"the project {config.project.project}, without the model {', '.join(missing)}",
            "the reference project on the flights of 2013",
            "run it in lakeloop's own folder; for your data there is `lakeloop run`",
        )
    if config.project.local is not None:
        raise UsageError(
            "demo", f"tables at {config.tables}", "tables in a folder", "name a folder as workspace, and remove local"
        )
    if config.project.catalog is not None:
        raise UsageError(
            "demo", f"tables in the catalog {config.project.catalog}", "tables below the workspace", "remove catalog"
        )


def _titled(title: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(f"{title}: {text}")


def _of_turn(title: str, finished: Callable[[StepDone], None]) -> Callable[[StepDone], None]:
    return lambda done: finished(replace(done, turn=title))


def _read_ledger(context: Context) -> list[LedgerStep]:
    """Read the run ledger, oldest first; a few rows per turn."""
    rows = context.lake.read_own(schemas.RUNS, context.as_of).select(
        F.unix_micros("as_of").alias("micros"), "job", "step", "subject", "result", "seconds", "started_ts"
    )
    return [
        LedgerStep(
            _instant(row["micros"]), row["job"], row["step"], row["subject"], _result(row["result"]), row["seconds"]
        )
        for row in rows.orderBy("micros", "started_ts").collect()  # bounded: one row per step
    ]


def _result(text: str) -> dict[str, object]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {"result": found}


_REALISED = ("model", "metric", "value", "baseline", "rows", "model_version")


def _read_realised(context: Context, metrics: Iterable[str]) -> list[RealisedLoss]:
    rows = context.lake.read_own(schemas.PERFORMANCE, context.as_of).where(
        F.col("slice_key").isNull() & F.col("metric").isin(sorted(set(metrics)))
    )
    chosen = rows.select(F.unix_micros("as_of").alias("micros"), *_REALISED)
    return [
        RealisedLoss(_instant(row["micros"]), *(row[name] for name in _REALISED))
        for row in chosen.collect()  # bounded: one row per window and turn
    ]


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)

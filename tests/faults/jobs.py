"""The jobs that are killed, on the small project: each begins where a clean one before it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lakeloop.cli.verbs import STEPS
from lakeloop.config import Config, load_config
from lakeloop.runs.backfill import run_backfill
from lakeloop.runs.backfill_scope import Asked as AskedRange
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.ledger import run_step
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version, roll_back
from lakeloop.runs.publish import publish
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.recalibrate import recalibrate
from lakeloop.runs.replay import run_replay
from lakeloop.runs.report import write_report
from lakeloop.runs.score_stream import score_available
from lakeloop.runs.turn import run_turn
from lakeloop.runs.vacuum import vacuum
from tests.laws.small_loop import TURNS, land, write_project

FIRST, SECOND = TURNS
BACK, LATER, NEXT = (SECOND + timedelta(hours=hours) for hours in (24, 36, 36))
STORE = "online_store: {address: 'sqlite:///{workspace}/online.db', timeout: 5 seconds}\n"
RANGE = AskedRange("shop_delays", FIRST - timedelta(days=9), SECOND, timedelta(days=10))
LATE = "order,shop,delivered_ts,delay_minutes\n999001,A,2024-01-22T10:00:00Z,99\n999002,B,2024-01-28T10:00:00Z,99\n"

Call = Callable[[Config], object]


def _nothing(_: Config) -> None:
    return


@dataclass(frozen=True)
class Job:
    """A job that writes.

    Attributes:
        name: Its name in the figures.
        call: The job, as its verb calls it.
        after: Job whose clean end it begins at; empty for a project that has not run yet.
        prepare: What is done before it, and not killed.
    """

    name: str
    call: Call
    after: str
    prepare: Call = _nothing


def _step(verb: str, config: Config) -> object:
    found = next(each for each in STEPS if each.verb == verb)
    model = "late" if found.per_model else None
    return run_step(Context(config, SECOND), verb.replace("-", "_"), found.load(), model)


def _verb(verb: str, after: str, prepare: Call = _nothing) -> Job:
    return Job(verb, lambda config: _step(verb, config), after, prepare)


def _land_second(config: Config) -> None:
    land(config, SECOND, after=FIRST)


def _land_late(config: Config) -> None:
    (config.workspace / "landing/deliveries/late.csv").write_text(LATE, encoding="utf-8")
    run_step(Context(config, BACK), "ingest", ingest)


def _bring_next(config: Config) -> None:
    land(config, NEXT, after=SECOND)
    run_step(Context(config, NEXT), "ingest", ingest)
    run_step(Context(config, NEXT), "features", build_features)


def _mend_rule(config: Config) -> None:
    path = config.root / "conf/base/sources/orders.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("min: 1", "min: 0"), encoding="utf-8")


def _second_turn(config: Config) -> object:
    return run_turn(Context(config, SECOND), ["late"])


def _vacuum(config: Config) -> Any:
    """By a wall clock of years later: no training set holds anything back any more."""
    context = Context(config, BACK)
    later = context.clock() + timedelta(days=4000)
    return vacuum(context, later, older_than=timedelta(0))


def new_project(root: Path) -> Config:
    """Write the small project, with an online store, and land what the first turn takes in."""
    write_project(root)
    file = root / "conf/base/project.yml"
    file.write_text(file.read_text(encoding="utf-8") + STORE, encoding="utf-8")
    config = load_config(root)
    land(config, FIRST)
    return config


AWAY, AGAIN = (Asked("ada", "it answers too late", expect=version) for version in ("2", "1"))
"""By a person who names the champion they know of: without it, a rollback that ended is done once more."""

JOBS = (
    Job("run (first turn)", lambda config: run_turn(Context(config, FIRST), ["late"]), ""),
    _verb("ingest", "run (first turn)", _land_second),
    _verb("features", "ingest"),
    _verb("score", "features"),
    _verb("monitor", "score"),
    _verb("decide", "monitor"),
    _verb("training-set", "decide"),
    _verb("train", "training-set"),
    Job("report", lambda config: run_step(Context(config, SECOND), "report", write_report), "train"),
    Job("publish", lambda config: run_step(Context(config, SECOND), "publish", publish, "late"), "report"),
    Job("run", _second_turn, "run (first turn)", _land_second),
    Job("models rollback", lambda config: roll_back(Context(config, BACK), "late", AWAY), "publish"),
    Job(
        "models promote", lambda config: promote_version(Context(config, LATER), "late", "2", AGAIN), "models rollback"
    ),
    Job(
        "recalibrate",
        lambda config: run_step(Context(config, LATER), "recalibrate", recalibrate, "late"),
        "models rollback",
    ),
    Job(
        "score --stream",
        lambda config: run_step(Context(config, NEXT), "score_stream", score_available, "late"),
        "publish",
        _bring_next,
    ),
    Job("backfill", lambda config: run_backfill(Context(config, BACK), RANGE), "publish", _land_late),
    Job("vacuum", _vacuum, "backfill"),
    Job("training-set rebuild", lambda config: rebuild_training_set(Context(config, SECOND), "late"), "publish"),
    Job("quarantine replay", lambda config: run_replay(Context(config, BACK), "orders"), "publish", _mend_rule),
)
"""Every job after the one that it begins at."""

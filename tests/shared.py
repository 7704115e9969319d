"""What is made once for a whole run of tests: the Spark session, and a small project after its turns."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # tests without Spark do not wait for its import
    from pyspark.sql import SparkSession

    from lakeloop.config import Config
    from lakeloop.runs.context import Context


COMPILED = "LAKELOOP_TESTS_COMPILED"
"""Variable that has Spark compile its plans, as it does for users; `make test-all` sets it."""

_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Nearly every query runs once on a few rows: to compile it costs more than to interpret it.
_INTERPRETED = {"spark.sql.codegen.wholeStage": False, "spark.sql.codegen.factoryMode": "NO_CODEGEN"}


@cache
def scratch() -> Path:
    """A folder for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="lakeloop-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shared_session() -> SparkSession:
    """The one Spark session of the run, started by whoever asks first."""
    from lakeloop.session import open_session

    home = scratch() / "spark"
    return open_session(
        "lakeloop tests",
        {
            "spark.master": "local[2]",
            "spark.driver.memory": "1g",
            # Frames hold a few rows: more partitions are only more tasks.
            "spark.sql.shuffle.partitions": 2,
            "spark.databricks.delta.snapshotPartitions": 2,
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": False,
            # Two cores and a small heap: parallel collectors cost more than they give back.
            "spark.driver.extraJavaOptions": f"{_JVM} -Dderby.system.home={home / 'derby'}",
            "spark.sql.warehouse.dir": str(home / "warehouse"),
            **({} if os.environ.get(COMPILED) else _INTERPRETED),
        },
    )


_finished: list[Config] = []


def adopt_finished(config: Config) -> None:
    """Let examples use the clean run that the laws have made anyway."""
    _finished.append(config)


def finished_project() -> Config:
    """Two turns of the small loop, each with what had landed by then; nobody may change it any more."""
    from lakeloop.runs.context import Context
    from lakeloop.runs.turn import run_turn
    from tests.laws.small_loop import TURNS, land, write_project

    if not _finished:
        shared_session()
        config = write_project(scratch() / "finished")
        land(config, TURNS[0])
        run_turn(Context(config, TURNS[0]), ["late"])
        land(config, TURNS[1], after=TURNS[0])
        run_turn(Context(config, TURNS[1]), ["late"])
        adopt_finished(config)
    return _finished[0]


@cache
def finished_context() -> Context:
    """The surroundings of the finished project at its last turn."""
    from lakeloop.runs.context import Context
    from tests.laws.small_loop import TURNS

    return Context(finished_project(), TURNS[-1])

"""What is made once for a whole run of tests: the Spark session, a tracking store, a small project after its turns."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # tests without Spark do not wait for its import
    from pyspark.sql import SparkSession

    from lakeloop.config import Config
    from lakeloop.runs.context import Context


COMPILED = "LAKELOOP_TESTS_COMPILED"
"""Variable that has Spark compile its plans, as it does for users; `make test-all` sets it."""

# With one tier of compilation the code cache is 48 MiB, is full after a minute, and from then on nothing is compiled.
_JVM = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC"
# Nearly every query runs once on a few rows: to compile it costs more than to interpret it, and every partition and
# every plan that is made again is a task and a plan more. With all of them off a turn costs the JVM a fifth less.
_INTERPRETED = {
    "spark.sql.codegen.wholeStage": False,
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": False,
    "spark.sql.shuffle.partitions": 1,
    "spark.databricks.delta.snapshotPartitions": 1,
}


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
            # What a long run of compiled plans leaves behind filled one gigabyte before its end.
            "spark.driver.memory": "2g" if os.environ.get(COMPILED) else "1g",
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


def copy_store(path: Path) -> None:
    """Make a local tracking store where it is missing, by a copy: MLflow's migrations take a second each time."""
    if path.exists():
        return
    from lakeloop.registry.store import make_store

    template = scratch() / "store" / "mlflow.db"
    make_store(template)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.copyfile(template, part)
    there, here = (each.with_name("mlartifacts").as_uri() for each in (template, path))
    with closing(sqlite3.connect(part)) as store, store:
        store.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", (there, here))
    part.replace(path)


def finished_project() -> Config:
    """Two turns of the small loop, each with what had landed by then; nobody may change it any more."""
    from tests.laws.clean import clean_run

    return clean_run().config


@cache
def finished_context() -> Context:
    """The surroundings of the finished project at its last turn."""
    from lakeloop.runs.context import Context
    from tests.laws.small_loop import TURNS

    return Context(finished_project(), TURNS[-1])

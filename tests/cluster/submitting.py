"""Jobs given to a cluster by spark-submit, as a user gives them, and a worker killed in the middle of one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakeloop.delta_jars import spark_home
from tests.cluster.shipped import Shipped
from tests.runs.cluster import HOST, ROOT, Cluster, Worker, free_port

AT_MOST_SECONDS = 1800.0
_DRIVER = "driver"
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # half of what a cold JVM costs; nothing else changes


@dataclass(frozen=True)
class Submitted:
    """What became of a job.

    Attributes:
        exit_code: Of spark-submit.
        output: Its standard output.
        told: Its standard error.
        killed: Number of the worker that was killed; None where none was.
        log: Spark's own record: what executors were added and removed, what tasks ended how.
    """

    exit_code: int
    output: str
    told: str
    killed: int | None
    log: SparkLog


@dataclass(frozen=True)
class SparkLog:
    """What Spark's event log tells of the executors.

    Attributes:
        tasks: How many tasks ended with success.
        lost_tasks: How many ended because their executor was lost.
        tasks_after: How many ended with success after that.
        removed: Executors that were removed before the end -> why.
    """

    tasks: int = 0
    lost_tasks: int = 0
    tasks_after: int = 0
    removed: dict[str, str] = field(default_factory=dict)


def submit(
    cluster: Cluster,
    shipped: Shipped,
    file: Path,
    arguments: Sequence[str],
    folder: Path,
    *,
    kill_after: int | None = None,
) -> Submitted:
    """Submit a job to a cluster and wait for its end.

    Args:
        cluster: The cluster.
        shipped: What its executors are sent.
        file: The job's file.
        arguments: What the job is given.
        folder: Where its output and Spark's record of it are kept.
        kill_after: Kill a worker whose executor has a task under way once so many tasks were done; None for never.

    Returns:
        How it ended.
    """
    folder.mkdir(parents=True)
    page, killed = free_port(), None
    with (folder / "stdout").open("wb") as output, (folder / "stderr").open("wb") as told:
        process = subprocess.Popen(
            [*_command(cluster, shipped, folder, page), str(file), *arguments],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),  # the driver's own installation
                "PYSPARK_DRIVER_PYTHON": sys.executable,
                "PYSPARK_PYTHON": "./environment/bin/python",
                "SPARK_LOCAL_IP": HOST,
                "SPARK_LOCAL_DIRS": str(folder / "scratch"),
            },
            cwd=folder,
            stdout=output,
            stderr=told,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + AT_MOST_SECONDS
            while process.poll() is None:
                assert time.monotonic() < deadline, f"{file.name} does not end: see {folder}"
                if kill_after is not None and killed is None:
                    victim = _victim(cluster, page, kill_after)
                    if victim is not None:
                        cluster.kill(victim)
                        killed = victim.number
                time.sleep(0.05)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    cluster.tidy()
    read = [(folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
    return Submitted(process.returncode, *read, killed, _read_log(folder))


def _command(cluster: Cluster, shipped: Shipped, folder: Path, page: int) -> list[str]:
    (folder / "events").mkdir()
    settings = {
        "spark.executorEnv.PYTHONPATH": "./lakeloop",
        "spark.driver.host": HOST,
        "spark.executor.extraJavaOptions": _SHORT_LIVED,
        # Only to see what happens, and when.
        "spark.ui.enabled": "true",
        "spark.ui.port": str(page),
        "spark.ui.liveUpdate.period": "0",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
    }
    return [
        str(spark_home() / "bin" / "spark-submit"),
        *("--master", cluster.address),
        *("--driver-memory", "1200m", "--executor-memory", cluster.memory),
        *("--driver-java-options", _SHORT_LIVED),
        *("--archives", f"{shipped.packages}#environment,{shipped.lakeloop}#lakeloop"),
        *(each for name, value in settings.items() for each in ("--conf", f"{name}={value}")),
    ]


# --- who is killed ----------------------------------------------------------------------------------------------------


def _victim(cluster: Cluster, page: int, tasks: int) -> Worker | None:
    """Find a worker whose executor has a task under way, and stop it, so that the task cannot end before the kill."""
    for app, executor in _busy(page, tasks):
        for worker in cluster.workers:
            if (worker.folder / app / executor).is_dir():
                worker.signal(signal.SIGSTOP)
                time.sleep(0.5)  # a result that was under way has come
                if (app, executor) in _busy(page, tasks):
                    return worker
                worker.signal(signal.SIGCONT)
    return None


def _busy(page: int, tasks: int) -> list[tuple[str, str]]:
    """List application and executor where tasks are under way, once so many have been done."""
    address = f"http://{HOST}:{page}/api/v1/applications"
    try:
        return [
            (app["id"], each["id"])
            for app in _ask(address)
            for found in [_ask(f"{address}/{app['id']}/allexecutors")]
            if sum(each["completedTasks"] for each in found) >= tasks
            for each in found
            if each["id"] != _DRIVER and each["isActive"] and each["activeTasks"] > 0
        ]
    except (OSError, ValueError):  # not there yet, or not any more
        return []


def _ask(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


# --- what Spark recorded ----------------------------------------------------------------------------------------------


def _read_log(folder: Path) -> SparkLog:
    ended: Counter[str] = Counter()
    removed: dict[str, str] = {}
    after = 0
    for event in _events(folder):
        if event["Event"] == "SparkListenerTaskEnd":
            reason = event["Task End Reason"]["Reason"]
            ended[reason] += 1
            after += reason == "Success" and ended["ExecutorLostFailure"] > 0
        elif event["Event"] == "SparkListenerExecutorRemoved":
            removed[event["Executor ID"]] = event["Removed Reason"]
    return SparkLog(ended["Success"], ended["ExecutorLostFailure"], after, removed)


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted((folder / "events").iterdir()):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)

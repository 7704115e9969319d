"""A standalone cluster on this machine: a master and workers as processes of the installed Spark."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from lakeloop.delta_jars import spark_home
from lakeloop.java import use_java

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
_MASTER, _WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


def environment() -> dict[str, str]:
    """What processes of the cluster are started with: this Python, this source."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": HOST}


@contextlib.contextmanager
def running_cluster(folder: Path, workers: int, *, seconds: float = 120.0) -> Iterator[str]:
    """Run a cluster whose workers have one core and 512 MiB each.

    Args:
        folder: Where it writes its logs and work.
        workers: Number of workers.
        seconds: How long it may take until all have registered.

    Yields:
        The master's address; its processes are ended afterwards.
    """
    use_java()
    port, page = _free_port(), _free_port()
    address, started = f"spark://{HOST}:{port}", []  # type: tuple[str, list[subprocess.Popen[bytes]]]

    def start(name: str, *arguments: str) -> None:
        with (folder / f"{name}.log").open("wb") as said:
            command = [str(spark_home() / "bin" / "spark-class"), *arguments]
            env = {**environment(), "SPARK_DAEMON_MEMORY": "256m"}
            started.append(subprocess.Popen(command, env=env, stdout=said, stderr=said, start_new_session=True))

    try:
        start("master", _MASTER, "--host", HOST, "--port", str(port), "--webui-port", str(page))
        for number in range(workers):
            place = ("--host", HOST, "--webui-port", "0", "--work-dir", str(folder / f"work_{number}"))
            start(f"worker_{number}", _WORKER, *place, "--cores", "1", "--memory", "512m", address)
        _wait_for(f"http://{HOST}:{page}/json/", workers, time.monotonic() + seconds)
        yield address
    finally:
        for process in reversed(started):  # a group each: a worker takes its executors with it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(page: str, workers: int, deadline: float) -> None:
    found = b""
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:
            found = answer.read()
            if found.count(b'"ALIVE"') >= workers + 1:  # the master is alive, too
                return
        time.sleep(0.5)
    raise AssertionError(f"{workers} workers did not register: {found[:500]!r}")

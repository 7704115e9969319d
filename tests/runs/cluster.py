"""A standalone cluster on this machine: a master and workers as processes of the installed Spark."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lakeloop.delta_jars import spark_home
from lakeloop.java import use_java

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
_MASTER, _WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


def environment() -> dict[str, str]:
    """What processes of a cluster are started with that may see this Python and this source."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": HOST}


def bare_environment(home: Path) -> dict[str, str]:
    """What processes of a cluster are started with that see neither: the Python of the system, another folder.

    Args:
        home: A folder that stands for the user's own.
    """
    kept = {name: os.environ[name] for name in ("JAVA_HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": os.defpath, "HOME": str(home), "SPARK_LOCAL_IP": HOST}


@dataclass(frozen=True)
class Worker:
    """A worker.

    Attributes:
        number: Its place in the order in which workers were started.
        process: Its process, which leads the group of its executors.
        folder: Where the executors of each application work: `app-*/<executor>`.
    """

    number: int
    process: subprocess.Popen[bytes]
    folder: Path

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker and its executors."""
        os.killpg(self.process.pid, number)


@dataclass
class Cluster:
    """A cluster: a master, and workers that come and go.

    Attributes:
        folder: Where it writes its logs and work.
        env: What its processes are started with.
        memory: Of an executor, as Spark writes it.
        address: The master's.
        workers: Those that live.
    """

    folder: Path
    env: Mapping[str, str]
    memory: str
    address: str = field(init=False)
    workers: list[Worker] = field(init=False, default_factory=list)
    _started: list[subprocess.Popen[bytes]] = field(init=False, default_factory=list)
    _page: int = field(init=False)

    def start(self, workers: int) -> None:
        """Start the master and its first workers."""
        use_java()
        port, self._page = free_port(), free_port()
        self.address = f"spark://{HOST}:{port}"
        self._run("master", _MASTER, "--host", HOST, "--port", str(port), "--webui-port", str(self._page))
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> Worker:
        """Start a worker of one core."""
        number = len(self._started) - 1
        work = self.folder / f"work_{number}"
        place = ("--host", HOST, "--webui-port", "0", "--work-dir", str(work))
        process = self._run(f"worker_{number}", _WORKER, *place, "--cores", "1", "--memory", self.memory, self.address)
        self.workers.append(Worker(number, process, work))
        return self.workers[-1]

    def kill(self, worker: Worker) -> None:
        """Kill a worker and its executors with SIGKILL; stopped ones too."""
        worker.signal(signal.SIGKILL)
        worker.process.wait(timeout=30)
        self.workers.remove(worker)
        shutil.rmtree(self._scratch(worker.number), ignore_errors=True)  # nobody else does

    def tidy(self) -> None:
        """Remove what the executors of ended applications had unpacked; their logs stay."""
        for unpacked in self.folder.glob("work_*/app-*/*/*/"):
            shutil.rmtree(unpacked, ignore_errors=True)  # an executor may be about to end

    def wait(self, *, seconds: float = 120.0) -> None:
        """Wait until every worker that lives has registered."""
        deadline, found = time.monotonic() + seconds, b""
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{self._page}/json/") as answer:
                found = answer.read()
                if found.count(b'"ALIVE"') == len(self.workers) + 1:  # the master is alive, too
                    return
            time.sleep(0.5)
        raise AssertionError(f"{len(self.workers)} workers are not all that lives: {found[:2000]!r}")

    def stop(self) -> None:
        """End all of its processes."""
        for process in reversed(self._started):  # a group each: a worker takes its executors with it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _scratch(self, number: int) -> Path:
        return self.folder / f"scratch_{number}"

    def _run(self, name: str, *arguments: str, scratch: Path | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as said:
            command = [str(spark_home() / "bin" / "spark-class"), *arguments]
            java = {"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}
            places = {} if scratch is None else {"SPARK_LOCAL_DIRS": str(scratch)}
            env = {**self.env, **java, **places, "SPARK_DAEMON_MEMORY": "256m"}
            process = subprocess.Popen(
                command, env=env, cwd=self.folder, stdout=said, stderr=said, start_new_session=True
            )
        self._started.append(process)
        return process


@contextlib.contextmanager
def running_cluster(
    folder: Path, workers: int, *, env: Mapping[str, str] | None = None, memory: str = "512m"
) -> Iterator[Cluster]:
    """Run a cluster whose workers have a core and an executor's memory each.

    Args:
        folder: Where it writes its logs and work.
        workers: Number of workers.
        env: What its processes are started with; None for this Python and this source.
        memory: Of an executor.

    Yields:
        The cluster, all of whose workers have registered; its processes are ended afterwards.
    """
    cluster = Cluster(folder, environment() if env is None else env, memory)
    try:
        cluster.start(workers)
        cluster.wait()
        yield cluster
    finally:
        cluster.stop()

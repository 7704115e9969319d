"""A Spark Connect server on this machine: a process of the installed Spark, with Delta unless it is to lack it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lakeloop.delta_jars import spark_home
from lakeloop.java import use_java

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
WITH_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "1g",
    "spark.driver.host": HOST,
    "spark.driver.bindAddress": HOST,
    "spark.ui.enabled": "false",
    "spark.connect.grpc.binding.address": HOST,
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Frames hold a few rows: what a server of the tests compiles it would run once.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC",
}


def free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


def client_environment(address: str) -> dict[str, str]:
    """What a process is started with that talks to a server: this source, no classic session.

    Args:
        address: The server's, `sc://127.0.0.1:15002`.

    Returns:
        Variables of its environment.
    """
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    return {**inherited, "PYTHONPATH": path, "SPARK_REMOTE": address}


@contextlib.contextmanager
def running_server(
    folder: Path,
    settings: Mapping[str, str] = WITH_DELTA,
    *,
    before: Sequence[str] = (),
    seconds: float = 180.0,
) -> Iterator[str]:
    """Run a server; its process is ended afterwards.

    Args:
        folder: Where it writes its log, warehouse and scratch files.
        settings: Settings beside those that keep it small.
        before: Command that starts it: it ends with the command it is given.
        seconds: How long it may take until it listens.

    Yields:
        Its address, `sc://127.0.0.1:15002`.
    """
    use_java()
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "connect_server.log"
    own = {"spark.connect.grpc.binding.port": str(port), "spark.sql.warehouse.dir": str(folder / "warehouse")}
    command = [str(spark_home() / "bin" / "spark-submit"), "--class", _SERVER]
    for key, value in {**_SETTINGS, **own, **settings}.items():
        command += ["--conf", f"{key}={value}"]
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))  # its Python workers import what a task carries
    env = {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": HOST}
    env.pop("SPARK_REMOTE", None)
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*before, *command, "spark-internal"],
            env=env,
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,  # one group with its Python workers
        )
    try:
        _wait_for(process, port, log, time.monotonic() + seconds)
        yield f"sc://{HOST}:{port}"
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, and what it has started; by force when it does not go."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path, deadline: float) -> None:
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError(f"the Connect server does not listen:\n{log.read_text(encoding='utf-8')[-3000:]}")

"""The Java process that Spark runs in: started without its start-up noise, ended when this process is interrupted."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from subprocess import Popen, TimeoutExpired
from typing import Any

_NOISE = (
    "WARNING: Using incubator modules",
    "Using Spark's default log4j profile",
    "Setting default log level to",
    "To adjust logging level use",
    # Java 24 and newer, of libraries of Spark
    "WARNING: A restricted method in",
    "WARNING: A terminally deprecated method in",
    "WARNING: Use --enable-native-access",
    "WARNING: Restricted methods will be blocked",
    "WARNING: Please consider reporting this to",
    "WARNING: java.lang.System::",
    "WARNING: sun.misc.Unsafe",
)
"""Starts of lines that every start prints, whatever happens; everything else is passed on."""


@dataclass
class _Output:
    """What the Java process says on its standard error, passed on line by line."""

    source: int
    is_silent: bool = False

    def pass_on(self) -> None:
        with os.fdopen(self.source, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not self.is_silent and not is_noise(line):
                    with suppress(OSError, ValueError):  # nobody reads any more: Java must not wait for it
                        sys.stderr.write(line)
                        sys.stderr.flush()


def is_noise(line: str) -> bool:
    """Tell whether a line is one that every start of Spark prints.

    >>> is_noise("WARNING: Using incubator modules: jdk.incubator.vector")
    True
    >>> is_noise("Error: Could not find or load main class org.apache.spark.launcher.Main")
    False
    """
    return line.startswith(_NOISE)


_running: list[tuple[Popen[bytes], _Output]] = []  # one at most: Spark has one Java process per Python process


def start_java(settings: Mapping[str, str]) -> None:
    """Start the Java process of a local Spark, unless one runs or spark-submit has started it.

    It is a session of its own: Ctrl-C on the terminal reaches this process alone, which then ends it. It ends also
    with this process, however that ends.

    Args:
        settings: Settings it needs from the start: memory, Java options.

    Raises:
        PySparkRuntimeError: If it does not start; what it said is on standard error.

    >>> memory = spark.conf.get("spark.driver.memory")  # Java runs, with this memory
    >>> start_java({"spark.driver.memory": "64g"})
    >>> spark.conf.get("spark.driver.memory") == memory
    True
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    if os.name != "posix" or "PYSPARK_GATEWAY_PORT" in os.environ or SparkContext._gateway is not None:
        return
    conf = SparkConf(loadDefaults=False)
    for key, value in settings.items():
        conf.set(key, value)
    source, sink = os.pipe()
    output = _Output(source)
    reader = threading.Thread(target=output.pass_on, name="java-output", daemon=True)
    reader.start()
    try:
        launch: Any = launch_gateway  # not annotated
        gateway = launch(conf, {"stderr": sink, "start_new_session": True})
    except BaseException:
        os.close(sink)
        reader.join(timeout=2)
        raise
    os.close(sink)
    _running[:] = [(gateway.proc, output)]
    SparkContext._ensure_initialized(gateway=gateway)


def java_pid() -> int | None:
    """Tell the Java process of the local Spark: the one that was started, or spark-submit's, which started this one.

    Returns:
        Its process id; None without one, as for a Connect server's.

    >>> spark.version >= "4" and java_pid() is not None
    True
    """
    if _running:
        return _running[0][0].pid
    return os.getppid() if "PYSPARK_GATEWAY_PORT" in os.environ else None


def end_java(grace_seconds: float = 5.0) -> None:
    """End the Java process this process has started, if any; what it says while ending is not shown.

    Args:
        grace_seconds: How long it may take to remove its scratch files.

    >>> from unittest.mock import patch
    >>> process = Popen(["sleep", "60"])  # stands for the Java process
    >>> with patch(f"{__name__}._running", [(process, _Output(0))]):
    ...     end_java()
    >>> process.returncode  # ended by SIGTERM
    -15
    """
    for process, output in _running:
        output.is_silent = True
        process.terminate()
        try:
            process.wait(grace_seconds)
        except TimeoutExpired:
            process.kill()

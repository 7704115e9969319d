"""A Java process of Spark that outlives the Python processes that use it, so that killing one of them is cheap.

To start Java, Spark and Delta takes longer than most jobs of the small project. A Python process that is killed between
two effects leaves Java idle: the next one goes on with it, in a session of its own. Where Spark is at work, Java is
killed too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

_MEMORY = "1g"


class _Settings:
    """What Java is started with, as Spark asks for it."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings

    def getAll(self) -> list[tuple[str, str]]:  # noqa: N802 - Spark's name
        return list(self._settings.items())


@dataclass(frozen=True)
class Java:
    """A running Java process.

    Attributes:
        process: It, with its Python workers in a group of its own.
        port: Where it takes calls.
        secret: What a caller has to say.
    """

    process: Popen[bytes]
    port: int
    secret: str

    def kill(self) -> None:
        """End it and its workers at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    @property
    def is_running(self) -> bool:
        """Whether nobody has killed it."""
        return self.process.poll() is None


def start_java() -> Java:
    """Start one, with the settings that all tests have."""
    from pyspark.java_gateway import launch_gateway

    from lakeloop.java import use_java
    from lakeloop.session import _LOCAL
    from tests.shared import _JVM

    use_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {"spark.driver.memory": _MEMORY, "spark.driver.extraJavaOptions": _JVM, "spark.master": "local[2]"}
    launch: Any = launch_gateway
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - the null device
        gateway = launch(_Settings(_LOCAL | options), {"stderr": nowhere, "start_new_session": True})
    parameters = gateway.java_parameters
    port, secret = int(parameters.port), str(parameters.auth_token)
    java = Java(gateway.proc, port, secret)
    gateway.close()  # this process asks it nothing
    return java


def attach(java: Java) -> None:
    """Let this process, a fork that has not used Spark yet, go on with a running Java in a session of its own."""
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"] = str(java.port), java.secret
    known: Any = SparkContext
    known._ensure_initialized()
    machine = known._jvm
    found = machine.org.apache.spark.sql.classic.SparkSession.getDefaultSession()
    if not found.isDefined():
        return  # the first to come makes the context
    context = machine.org.apache.spark.api.java.JavaSparkContext.fromSparkContext(found.get().sparkContext())
    here = SparkContext(gateway=known._gateway, jsc=context, conf=SparkConf(_jconf=context.getConf()))
    session: Any = SparkSession
    session(here, jsparkSession=found.get().newSession())

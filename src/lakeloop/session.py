"""The Spark session: the one in force, or a local one with the settings this project needs.

Settings in code win over those given to spark-submit, so a setting is made only where nobody made it before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from lakeloop.connect import REMOTE, open_remote
from lakeloop.delta_jars import EXCLUDES, installed_jars, package_coordinates, spark_home
from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.java import use_java
from lakeloop.java_process import start_java
from lakeloop.run_log import SPARK_REDACTION
from lakeloop.secret_scopes import RUNTIME

_DELTA: dict[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}

_LOCAL: dict[str, str] = {
    # Readers other than Spark take the older INT96 for nanoseconds, which end in the year 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # All instants are UTC; a session in another zone still gives the same tables, but prints other texts.
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    # A Delta log of a laptop has a few hundred actions; the default of 50 partitions costs seconds per table.
    "spark.databricks.delta.snapshotPartitions": "2",
    # VACUUM and file listing with the default parallelism took 77 s on a small table, 3 s with this.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    # Bytes that changed on the disk would mostly be read as other values.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Spark's own misses keys of Azure's storage accounts; what it covers is shown by no page of Spark's.
    "spark.redaction.regex": SPARK_REDACTION,
    # Else every operation on a column asks Java several times for who called, of which no message of ours speaks.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}

# Nobody else is to reach the driver of a local Spark; the executors of a cluster have to.
_LOOPBACK: dict[str, str] = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}

_GATEWAY = "PYSPARK_GATEWAY_PORT"

# What a query fails on is raised; these loggers tell it a second time, on the terminal, with values of the data.
_TELLING = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")


def open_session(app: str, settings: Mapping[str, str | int | bool]) -> SparkSession:
    """Open the Spark session.

    A session that is already active (a notebook), or that of Databricks, is used as it is. `SPARK_REMOTE` names a
    Connect server: a session of it is opened, and given the settings that sessions may have. Under spark-submit only
    settings that nobody made are added. Otherwise a local session is started.

    Args:
        app: Name shown by Spark.
        settings: The project's settings, used where the session has none of its own.

    Returns:
        The session.

    Raises:
        EnvironmentProblemError: If there is no Java that serves, Spark does not start, or the Connect server does not
            serve.
        ConfigError: If a Connect server does not let a session have a setting.

    >>> memory = spark.conf.get("spark.driver.memory")  # a session is active
    >>> open_session("another", {"spark.driver.memory": "64g"}).conf.get("spark.driver.memory") == memory
    True
    """
    for name in _TELLING:
        PySparkLogger.getLogger(name).disabled = True
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if RUNTIME in os.environ:  # a task of Databricks: neither Java nor settings are ours there
        return SparkSession.builder.getOrCreate()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers would take python3 from the PATH
    # glibc keeps up to eight pools of freed memory per core; Spark's threads touch them all.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    if REMOTE in os.environ:
        return open_remote(app, os.environ[REMOTE], {key: _text(value) for key, value in settings.items()})
    if _GATEWAY not in os.environ:  # else spark-submit has started Java
        use_java()
    submitted = _submitted_settings()
    master = submitted.get("spark.master", str(settings.get("spark.master", "local[*]")))
    wanted = {**_LOCAL, **({} if is_cluster(master) else _LOOPBACK)}
    wanted |= {**{key: _text(value) for key, value in settings.items()}, **_DELTA}
    if len(installed_jars(spark_home())) < 2:
        asked = wanted.get("spark.jars.packages", "")
        wanted["spark.jars.packages"] = ",".join(filter(None, (asked, package_coordinates())))
        wanted["spark.jars.excludes"] = ",".join(EXCLUDES)
    quiet = f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}"
    wanted["spark.driver.extraJavaOptions"] = f"{quiet} {wanted.get('spark.driver.extraJavaOptions', '')}".strip()
    wanted.setdefault("spark.master", master)
    chosen = {key: value for key, value in wanted.items() if key not in submitted}
    builder: Any = SparkSession.builder.appName(app)
    for key, value in chosen.items():
        builder = builder.config(key, value)
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        start_java(chosen)
        session: SparkSession = builder.getOrCreate()
    except Exception as failure:
        if type(failure).__name__ not in {"PySparkRuntimeError", "FileNotFoundError", "Py4JJavaError"}:
            raise
        first = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise EnvironmentProblemError(
            "Spark",
            [Failure("session", first)],
            "`lakeloop doctor` tells what this machine lacks; check the settings under spark: in project.yml",
        ) from failure
    finally:
        # Spark takes Ctrl-C for itself; who has asked for it before keeps it.
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and on_interrupt not in (signal.default_int_handler, None):
            signal.signal(signal.SIGINT, on_interrupt)
    return session


def is_cluster(master: str) -> bool:
    """Tell whether executors are processes of their own, which reach the driver over the network.

    Args:
        master: Spark's master.

    Returns:
        False where the driver does the work itself.

    >>> [is_cluster(each) for each in ("local", "local[*]", "spark://host:7077", "local-cluster[2, 1, 1024]")]
    [False, False, True, True]
    """
    return not master.startswith("local") or master.startswith("local-cluster")


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _submitted_settings() -> dict[str, str]:
    """Read what spark-submit was given; empty when Python starts Spark itself."""
    if _GATEWAY not in os.environ:
        return {}
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()
    return dict(SparkConf().getAll())

"""Whether Spark starts here, with Delta, and what is asked of it then."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakeloop.connect import REMOTE
from lakeloop.errors import ConfigError, EnvironmentProblemError, UsageError
from lakeloop.runs.doctor.catalog import check_catalog
from lakeloop.runs.doctor.cluster import check_executors, within
from lakeloop.runs.doctor.connect import check_server
from lakeloop.runs.doctor.failures import SPARK_FAILURES
from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok
from lakeloop.runs.doctor.names import AFTER_START, CATALOG, CLUSTER, SHARED, SPARK_STARTS
from lakeloop.runs.doctor.reach import check_server_reached
from lakeloop.runs.doctor.shared_tables import check_shared
from lakeloop.session import open_session
from lakeloop.statuses import CheckStatus

if TYPE_CHECKING:
    from lakeloop.config.tree import Config

_PATIENCE_SECONDS = 120


def check_with_spark(config: Config | None, master: str) -> list[Finding]:
    """Start a session with the project's settings, and make the checks that need one.

    Args:
        config: The project; None for the settings of no project.
        master: What a session started here runs on.

    Returns:
        Whether Spark starts, and what the cluster, the Connect server, the tables they share with this process and the
        catalog are like. A session that was active before stays so.

    >>> [each.check for each in check_with_spark(None, "local[2]")]
    ['Spark starts', 'cluster', 'Connect', 'shared tables', 'catalog']
    """
    active = SparkSession.getActiveSession()
    session, finding = _start(config)
    if session is None:
        return [finding, *without_spark("Spark does not start")]
    try:
        remote = os.environ.get("SPARK_REMOTE")
        findings = [finding, _check_cluster(session, master, remote), check_server_reached()]
        if remote is not None and findings[-1].status is CheckStatus.OK:
            findings[-1] = check_server(session, findings[-1].found)
        return [*findings, _check_shared(session, config, master, remote), _check_catalog(session, config)]
    finally:
        if active is None:
            with suppress(*SPARK_FAILURES):
                session.stop()


def check_spark_start(config: Config | None) -> Finding:
    """Start a session with the project's settings, count some rows and load Delta's catalog.

    Args:
        config: The project; None for the settings of no project.

    Returns:
        FAIL when one of them fails. A session that was active before stays so.

    >>> version = spark.version  # a session is active
    >>> check_spark_start(None).found.startswith(f"Spark {version} answered after ")
    True
    """
    active = SparkSession.getActiveSession()
    session, finding = _start(config)
    if session is not None and active is None:
        session.stop()
    return finding


def without_spark(why: str, named: Sequence[str] = AFTER_START) -> list[Finding]:
    """Tell of the checks that need Spark and were not made.

    Args:
        why: What kept them from being made.
        named: Their names.

    Returns:
        A finding each.

    >>> [each.found for each in without_spark("left out by --quick", ["cluster"])]
    ['left out by --quick']
    """
    return [not_checked(name, why) for name in named]


def _start(config: Config | None) -> tuple[SparkSession | None, Finding]:
    began = time.monotonic()
    settings = config.project.spark if config is not None else {"spark.master": "local[2]"}
    remedy = "mend what fails above; else check the settings under spark: in project.yml"
    try:
        session = open_session("lakeloop doctor", settings)
    except EnvironmentProblemError as error:
        told = "; ".join(map(str, error.failures))
        return None, fail(SPARK_STARTS, told, error.remedy if REMOTE in os.environ else remedy)
    except (UsageError, ConfigError) as error:  # of a Connect server
        told = " ".join(str(error).split())
        return None, fail(SPARK_STARTS, told, "docs/spark_connect.md tells what a server needs")
    except PySparkException as failure:
        return None, fail(SPARK_STARTS, _first(failure), remedy)
    try:
        within(lambda: (session.range(3).count(), session.sql("SHOW TABLES").count()), _PATIENCE_SECONDS)
        answered, version = time.monotonic() - began, session.version
    except TimeoutError:
        found = f"it starts, and then: no answer within {_PATIENCE_SECONDS} s"
        return session, fail(SPARK_STARTS, found, "see the cluster's page: no worker may be free; or start it anew")
    except SPARK_FAILURES as failure:
        return session, fail(SPARK_STARTS, f"it starts, and then: {_first(failure)}", remedy)
    return session, ok(SPARK_STARTS, f"Spark {version} answered after {answered:.0f} s")


def _first(failure: Exception) -> str:
    return str(failure).strip().partition("\n")[0][:200]


def _check_cluster(session: SparkSession, master: str, remote: str | None) -> Finding:
    if remote is not None:
        return check_executors(session, "the Connect server's executors")
    if master.startswith("local"):
        return not_checked(CLUSTER, f"spark.master is {master}: Spark runs on this machine")
    return check_executors(session, master)


def _check_shared(session: SparkSession, config: Config | None, master: str, remote: str | None) -> Finding:
    if config is None:
        return not_checked(SHARED, "no project")
    if config.project.catalog is not None:
        return not_checked(SHARED, "the catalog's tables are Spark's alone")
    if remote is None and master.startswith("local") and config.project.local is None:
        return not_checked(SHARED, "Spark runs on this machine, and the tables lie in a folder of it")
    root = config.tables
    if config.project.local is None and not config.workspace.is_dir():
        return not_checked(SHARED, f"{root} is not there yet; the first run makes it")
    return check_shared(session, root)


def _check_catalog(session: SparkSession, config: Config | None) -> Finding:
    return not_checked(CATALOG, "no project") if config is None else check_catalog(session, config)

"""Whether Spark starts here, with Delta."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakeloop.connect import REMOTE, assert_shared_folder, is_connect
from lakeloop.errors import ConfigError, EnvironmentProblemError, UsageError
from lakeloop.runs.doctor.finding import Finding, fail, ok
from lakeloop.session import open_session

if TYPE_CHECKING:
    from lakeloop.config.tree import Config


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
    began, active = time.monotonic(), SparkSession.getActiveSession()
    settings = config.project.spark if config is not None else {"spark.master": "local[2]"}
    remedy = "mend what fails above; else check the settings under spark: in project.yml"
    try:
        session = open_session("lakeloop doctor", settings)
        if config is not None and is_connect(session):
            assert_shared_folder(session, config.workspace)
    except EnvironmentProblemError as error:
        return fail(
            "Spark starts", "; ".join(map(str, error.failures)), error.remedy if REMOTE in os.environ else remedy
        )
    except (UsageError, ConfigError) as error:  # of a Connect server
        return fail("Spark starts", " ".join(str(error).split()), "docs/spark_connect.md tells what a server needs")
    try:
        session.range(3).count()
        session.sql("SHOW TABLES").count()
        answered, version = time.monotonic() - began, session.version
    except (PySparkException, Py4JError) as failure:
        first = str(failure).strip().partition("\n")[0]
        return fail("Spark starts", f"it starts, and then: {first[:200]}", remedy)
    finally:
        if active is None:
            session.stop()
    return ok("Spark starts", f"Spark {version} answered after {answered:.0f} s")

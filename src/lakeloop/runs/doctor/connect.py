"""The server of Spark Connect: whether it is a Spark that lakeloop runs on, with Delta."""

from __future__ import annotations

from importlib.metadata import requires
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lakeloop.runs.doctor.finding import Finding, fail, ok, warn
from lakeloop.runs.doctor.names import CONNECT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EXTENSIONS = "spark.sql.extensions"


def check_server(session: SparkSession, reached: str) -> Finding:
    """Check the server's Spark, and that it was started with Delta.

    Args:
        session: A session of the server.
        reached: What was found when it was connected to.

    Returns:
        FAIL when it is a Spark that lakeloop does not run on, WARN when it does not say that it has Delta.

    >>> check_server(spark, "host:15002 takes connections").status.value
    'OK'
    """
    return judge_server(session.version, session.conf.get(_EXTENSIONS, None) or "", reached)


def judge_server(version: str, extensions: str, reached: str) -> Finding:
    """Judge what a server says of itself.

    Args:
        version: Its Spark.
        extensions: Its SQL extensions.
        reached: What was found when it was connected to.

    Returns:
        The finding.

    >>> judge_server("4.2.0", "io.delta.sql.DeltaSparkSessionExtension", "host:15002 takes connections").found
    'host:15002 takes connections; Spark 4.2.0, with Delta'
    >>> judge_server("3.5.1", "", "host:15002 takes connections").status.value
    'FAIL'
    """
    found, taken = f"{reached}; Spark {version}", supported()
    if not taken.contains(version.partition("-")[0].partition("+")[0], prereleases=True):
        return fail(CONNECT, f"{found}; lakeloop takes {taken}", "connect to a server of such a Spark")
    if "delta" not in extensions.lower():
        remedy = "start it with the Delta jars, extension and catalog: docs/deploy.md; Databricks has them built in"
        return warn(CONNECT, f"{found}; it does not say that it has Delta", remedy)
    return ok(CONNECT, f"{found}, with Delta")


def supported() -> SpecifierSet:
    """Tell which versions of Spark lakeloop takes.

    >>> supported().contains("4.2.0")
    True
    """
    for each in map(Requirement, requires("lakeloop") or ()):
        if each.name == "pyspark":
            return each.specifier
    return SpecifierSet()

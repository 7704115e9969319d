"""Statements by which Spark changes what a table is: each commit says who made it and why."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import SparkSession

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


def run_statements(session: SparkSession, statements: Iterable[str], said: str) -> None:
    """Run statements, each a commit that says what it is: by that it is told from a change by somebody else.

    Args:
        session: The session.
        statements: SQL.
        said: What the commits say.

    >>> run_statements(spark, [], "lakeloop: nothing")
    """
    for statement in statements:
        session.conf.set(_USER_METADATA, said)
        try:
            session.sql(statement)
        finally:
            session.conf.unset(_USER_METADATA)  # it would speak for every other write of the session, too

"""Spark Connect: a session whose Spark is a server elsewhere."""

from __future__ import annotations

from typing import Any


def is_connect(session: Any) -> bool:
    """Tell whether a session is one of Spark Connect.

    Args:
        session: A Spark session.

    Returns:
        Told from its class: nothing is asked of a server, and its packages are not imported.

    >>> is_connect(spark)  # a classic session
    False
    """
    return type(session).__module__.startswith("pyspark.sql.connect.")

"""The names of the checks that several files speak of."""

from __future__ import annotations

STORAGE, TABLES = "storage", "tables"
SPARK_STARTS = "Spark starts"
CLUSTER, CONNECT, SHARED, CATALOG = "cluster", "Connect", "shared tables", "catalog"

AFTER_START = (CLUSTER, CONNECT, SHARED, CATALOG)
"""Checks that are made with a session."""

"""Whether a version of a table can still be read: its log entry and its data files are kept for a while only."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import functions as F

from lakeloop.tables import in_process
from lakeloop.tables.address import TableAddress
from lakeloop.tables.commits import VERSION_GONE
from lakeloop.tables.lake import Lake


def holds_version(lake: Lake, address: TableAddress, version: int) -> bool:
    """Tell whether a version of a table can be read to its end.

    Args:
        lake: The tables.
        address: The table.
        version: Delta version.

    Returns:
        False when the table, the version or one of its data files is gone. On a path the files are looked for; in a
        catalog, which does not say where they are, the version is read.

    >>> decisions = context.lake.address("ops", "decisions")
    >>> [holds_version(context.lake, decisions, version) for version in (1, 99)]
    [True, False]
    """
    if not lake.exists(address):
        return False
    if not address.in_catalog:
        return in_process.holds_version(address.path, version)
    try:
        rows = lake.read_uncut(address, version=version)
        rows.agg(F.max(F.xxhash64(*rows.columns))).first()
    except Exception as failure:  # what fails inside a task has no class of its own
        if any(condition in str(failure) for condition in VERSION_GONE):
            return False
        raise
    return True


def listed_versions(lake: Lake, address: TableAddress, versions: Collection[int]) -> frozenset[int]:
    """Tell which versions of a table are there, as far as that can be told without reading rows.

    Args:
        lake: The tables.
        address: The table.
        versions: Delta versions.

    Returns:
        Those that are there. On a path as `holds_version` finds them; in a catalog those that the history names, whose
        data files may be gone all the same.

    >>> sorted(listed_versions(context.lake, context.lake.address("ops", "decisions"), [0, 1, 99]))
    [0, 1]
    """
    if not lake.exists(address):
        return frozenset()
    if not address.in_catalog:
        return frozenset(each for each in versions if in_process.holds_version(address.path, each))
    history = lake.spark.sql(f"DESCRIBE HISTORY {address.sql}").where(F.col("version").isin(list(versions)))
    return frozenset(int(row[0]) for row in history.select("version").collect())  # bounded: of the versions asked for

"""Where a table is, and what makes a write the same write."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from lakeloop.config.rules.rule import quoted


@dataclass(frozen=True)
class TableAddress:
    """Where a table is.

    Attributes:
        layer: `bronze`, `gold`, `ops`, ...
        name: Name inside the layer.
        location: Folder or address of the workspace, or the name of the catalog.
        in_catalog: Whether `location` is a catalog.
        by_spark: Whether only Spark commits to it, although it lies on a path.
    """

    layer: str
    name: str
    location: str
    in_catalog: bool = False
    by_spark: bool = False

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def sql(self) -> str:
        """The table's name in SQL.

        >>> TableAddress("gold", "weather", "/data/ws").sql
        'delta.`/data/ws/gold/weather`'
        >>> TableAddress("gold", "weather", "main", in_catalog=True).sql
        '`main`.`gold`.`weather`'
        >>> TableAddress("gold", "weather", "/data/it`s").sql
        'delta.`/data/it``s/gold/weather`'
        """
        if self.in_catalog:
            return ".".join(map(quoted, (self.location, self.layer, self.name)))
        return f"delta.{quoted(self.path)}"

    @property
    def path(self) -> str:
        """The table's folder or address; only of a table on a path.

        >>> TableAddress("gold", "weather", "s3a://lake/flights").path
        's3a://lake/flights/gold/weather'
        """
        return f"{self.location}/{self.layer}/{self.name}"

    @property
    def is_committed_by_spark(self) -> bool:
        """Whether every commit to it is Spark's."""
        return self.in_catalog or self.by_spark


@dataclass(frozen=True)
class WriteIdentity:
    """What makes a write the same write.

    Attributes:
        job: Job that writes.
        unit: Unit of work: a turn, a batch, a training set.
        fingerprint: Hash of what the rows are made from; the same unit with another one is a conflict.
    """

    job: str
    unit: str
    fingerprint: str = ""

    def app_id(self, address: TableAddress) -> str:
        """Name the write for Delta.

        Args:
            address: The table that is written.

        Returns:
            32 hex digits; the same for the same write.

        >>> write = WriteIdentity("score", "late 2013-05-01T04:00:00Z")
        >>> write.app_id(TableAddress("predictions", "late", "/ws")) == write.app_id(TableAddress("ops", "runs", "/ws"))
        False
        """
        return identity_hash("write", self.job, str(address), self.unit, self.fingerprint)


def identity_hash(*parts: object) -> str:
    """Hash parts into an id.

    Args:
        parts: Anything JSON can hold; their order counts.

    Returns:
        The first 32 hex digits of the SHA-256 of their JSON.

    >>> identity_hash("late_arrival", 1) == identity_hash("late_arrival", 1)
    True
    """
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:32]

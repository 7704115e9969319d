"""Readers that packages bring: a section of the configuration that knows how to read rows where they are."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pyspark.sql import DataFrame, SparkSession

from lakeloop.config.plugins import PluginSection
from lakeloop.entry_points import PluginGroup


@dataclass(frozen=True)
class Fetched:
    """What a reader found behind what it had read before.

    Attributes:
        rows: The rows, columns by the names the source declares; they are read once. Values are typed by the
            source's declaration, as text is: a value that is none of its type goes to quarantine.
        counted: Rows there are, counted at the place they come from and not from `rows`; where the two differ nothing
            is taken in.
        through: Where they end: what the next call is given as `after`. A number, an instant, a page, as text.
    """

    rows: DataFrame
    counted: int
    through: str


class DeclaredReader(PluginSection):
    """A reader of a package: its fields are the keys below its word in `read:` of a source.

    Lakeloop stages what it gives, records it under an identity, and calls again only for what comes after; a job that
    is killed takes up what was staged. So `fetch` gives a stretch that is fixed: from `after` to an end that it tells.

    >>> class Numbers(DeclaredReader):
    ...     most: int
    ...     @property
    ...     def place(self):
    ...         return f"numbers below {self.most}"
    ...     def fetch(self, spark, after):
    ...         first = 0 if after is None else int(after) + 1
    ...         if first >= self.most:
    ...             return None
    ...         rows = spark.range(first, self.most).selectExpr("cast(id as string) as number")
    ...         return Fetched(rows, self.most - first, str(self.most - 1))
    >>> found = Numbers(most=3).fetch(spark, "0")
    >>> found.through, [row["number"] for row in found.rows.collect()]
    ('2', ['1', '2'])
    """

    group: ClassVar[PluginGroup] = PluginGroup.READERS

    @property
    @abstractmethod
    def place(self) -> str:
        """What is read, for a person, without a secret; a source whose place is another is refused as another one."""

    @abstractmethod
    def fetch(self, spark: SparkSession, after: str | None) -> Fetched | None:
        """Find what came after what was read before; called on the driver, once per ingest.

        Args:
            spark: The session. What the rows compute in Python runs in Spark's workers, which need the package too.
            after: `through` of the call before; None for the first.

        Returns:
            The rows behind it; None where there are none.
        """

"""What every step is given: the project, the lake, the registry and the logical now."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from lakeloop.config.tree import Config
from lakeloop.connect import assert_shared_folder, is_connect
from lakeloop.job_tags import label_jobs
from lakeloop.lineage_events import LineageEvents
from lakeloop.run_log import current_run, hide
from lakeloop.runs.lineage import open_lineage, spark_settings
from lakeloop.runs.progress import StepDone
from lakeloop.session import open_session
from lakeloop.tables import Lake, Store

if TYPE_CHECKING:
    from lakeloop.registry import Registry


def _silent(_: str) -> None:
    return


def _unnoticed(_: StepDone) -> None:
    return


def _now() -> datetime:
    return datetime.now(UTC)


def _new_run() -> str:
    return str(uuid.uuid4())


@dataclass
class Context:
    """The surroundings of a step; session and registry are opened when first used.

    Attributes:
        config: The project.
        as_of: The logical now, an aware instant in UTC.
        progress: Told what is being done, in a few words.
        finished: Told what every finished step did.
        clock: The wall clock, aware, UTC: for quiet hours and stamps, never for what is made.
        announces: Whether flags and decisions are announced; not where history is replayed.
        run_id: Id of the call, drawn anew for each: in the run ledger, logs, Spark's jobs and lineage events.

    >>> from datetime import timedelta
    >>> context.turn, context.at(context.as_of - timedelta(days=10)).turn
    ('2024-02-04T00:00:00Z', '2024-01-25T00:00:00Z')
    """

    config: Config
    as_of: datetime
    progress: Callable[[str], None] = field(default=_silent)
    finished: Callable[[StepDone], None] = field(default=_unnoticed)
    clock: Callable[[], datetime] = field(default=_now)
    announces: bool = True
    run_id: str = field(default_factory=_new_run)

    def __post_init__(self) -> None:
        hide(self.config.hidden)

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session; one of Spark Connect sees the workspace."""
        settings = spark_settings(self.config, self.run_id)
        session = open_session(f"lakeloop {self.config.project.project}", settings)
        if is_connect(session):
            assert_shared_folder(session, self.config.workspace)
        label_jobs(session)
        return session

    def label_jobs(self) -> None:
        """Label the jobs of Spark from now on with what is being done, where there is a session."""
        if "spark" in self.__dict__:
            label_jobs(self.spark)

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        project = self.config.project
        return Lake(
            lambda: self.spark,
            self.config.workspace,
            retention=project.retention,
            catalog=project.catalog,
            tell=self.progress,
            store=Store(self.config.tables, project.s3_writers, project.spark),
        )

    @cached_property
    def registry(self) -> Registry:
        """MLflow: imported when first used, because that takes seconds."""
        from lakeloop.registry import Registry

        project, artifacts = self.config.project, self.config.workspace / "mlartifacts"
        return Registry(self.config.tracking_uri, project.project, artifacts, settings=project.registry)

    @cached_property
    def lineage(self) -> LineageEvents | None:
        """What sends the lineage events of the call; None where none are asked for."""
        return open_lineage(self.config, current_run().job or "lakeloop", self.run_id, os.environ)

    @property
    def turn(self) -> str:
        """Name of the unit of work: the logical now, UTC."""
        return instant_text(self.as_of)

    def at(self, as_of: datetime) -> Context:
        """Give the same surroundings at another logical now, sharing session, lake and registry.

        Args:
            as_of: The other logical now, aware, UTC.

        Returns:
            The other surroundings; these stay as they are.
        """
        other = replace(self, as_of=as_of)
        for name in ("spark", "lake", "registry", "lineage"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def over(self, config: Config, lake: Lake, registry: Registry) -> Context:
        """Give surroundings in which steps record elsewhere, and nobody is told of it.

        Args:
            config: The project, perhaps with another policy.
            lake: What is read, and where is recorded.
            registry: Where versions are found.

        Returns:
            The other surroundings at the same logical now; these stay as they are.
        """
        other = replace(self, config=config, announces=False)
        other.__dict__ |= {"spark": self.spark, "lake": lake, "registry": registry}
        return other


def instant_text(instant: datetime) -> str:
    """Write an instant the way ids and results do: ISO, UTC, `Z`.

    Args:
        instant: Aware, in UTC.

    Returns:
        The text; fractions of a second only where there are some.

    >>> from datetime import UTC
    >>> instant_text(datetime(2013, 5, 1, 4, tzinfo=UTC))
    '2013-05-01T04:00:00Z'
    """
    return instant.isoformat().replace("+00:00", "Z")

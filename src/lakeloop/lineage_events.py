"""Events of OpenLineage: what a step read and wrote, for a receiver outside. The only owner of its client.

A failure to deliver is told once and ends the deliveries of the call; it fails no job.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lakeloop import __version__
from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.run_log import redacted

_log = logging.getLogger(__name__)
_PRODUCER = f"pkg:pypi/lakeloop@{__version__}"
_DISABLED, _BY_ENVIRONMENT = "OPENLINEAGE_DISABLED", ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
_DYNAMIC = "OPENLINEAGE__TRANSPORT"


@dataclass(frozen=True)
class Dataset:
    """A table or a folder, named as OpenLineage names it.

    Attributes:
        namespace: `file`, `s3://bucket`, ...
        name: Path, or the table's name.
        table: Its name in lakeloop, `gold.weather`; None of what is no table of the lake.
        version: Delta version that was written last.
        rows: Rows that were written.
        size_bytes: Bytes that were written; None where it is not known.
    """

    namespace: str
    name: str
    table: str | None = None
    version: int | None = None
    rows: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class StepRun:
    """A step's run.

    Attributes:
        run_id: The step's, a UUID.
        job: Name of the step, with the model it is for.
        as_of: Its logical now.
    """

    run_id: str
    job: str
    as_of: datetime


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Tell whether the environment asks for events, as OpenLineage's client reads it.

    >>> is_asked_for({"OPENLINEAGE_URL": "http://lineage:5000"}), is_asked_for({})
    (True, False)
    >>> is_asked_for({"OPENLINEAGE__TRANSPORT__TYPE": "console", "OPENLINEAGE_DISABLED": "true"})
    False
    """
    if is_disabled(environment):
        return False
    return any(environment.get(name) for name in _BY_ENVIRONMENT) or any(
        name.startswith(_DYNAMIC) for name in environment
    )


def is_disabled(environment: Mapping[str, str]) -> bool:
    """Tell whether the environment switches events off.

    >>> is_disabled({"OPENLINEAGE_DISABLED": "True"}), is_disabled({})
    (True, False)
    """
    return environment.get(_DISABLED, "").strip().lower() == "true"


def place_of(path: str) -> tuple[str, str]:
    """Name a path as OpenLineage does, and as Spark's listener does.

    Args:
        path: Absolute path, or an address of an object store.

    Returns:
        Namespace and name.

    >>> place_of("/ws/gold/weather"), place_of("s3a://lake/ws/gold/weather")
    (('file', '/ws/gold/weather'), ('s3://lake', 'ws/gold/weather'))
    """
    scheme, found, rest = path.partition("://")
    if not found:
        return "file", path
    host, _, name = rest.partition("/")
    scheme = {"s3a": "s3", "s3n": "s3"}.get(scheme, scheme)
    return f"{scheme}://{host}", name or "/"


@dataclass
class LineageEvents:
    """Sends the events of one call.

    Attributes:
        transport: What the client is configured by; None where the environment says it.
        namespace: Namespace of the jobs.
        job: Name of the call, as the parent of its steps.
        run_id: The call's id, a UUID.

    >>> nowhere = {"type": "http", "url": "http://127.0.0.1:9", "retry": {"total": 0}}
    >>> events = LineageEvents(nowhere, "shops", "run", "00000000-0000-4000-8000-000000000007")
    >>> run = events.begin("score", "late", datetime(2024, 2, 4, tzinfo=UTC))  # cannot be delivered: told, and no error
    >>> run.job, events.complete(run, [], [Dataset("file", "/ws/predictions/late", rows=70)])
    ('run.score.late', None)
    """

    transport: Mapping[str, Any] | None
    namespace: str
    job: str
    run_id: str
    _client: Any = field(default=None, init=False)
    _has_failed: bool = field(default=False, init=False)

    def begin(self, step: str, subject: str | None, as_of: datetime) -> StepRun:
        """Say that a step begins.

        Args:
            step: Its name.
            subject: Model it is for.
            as_of: Its logical now, aware, UTC.

        Returns:
            Its run, for the events that follow.
        """
        job = ".".join(filter(None, (self.job, step if step != self.job else None, subject)))
        run = StepRun(str(uuid.uuid5(uuid.UUID(self.run_id), f"{job} {as_of.isoformat()}")), job, as_of)
        self._send("START", run, (), ())
        return run

    def complete(self, run: StepRun, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> None:
        """Say that a step was done, with what it read and wrote."""
        self._send("COMPLETE", run, inputs, outputs)

    def fail(self, run: StepRun, inputs: Sequence[Dataset], outputs: Sequence[Dataset], error: str) -> None:
        """Say that a step failed, with what it had read and written, and the error's class."""
        self._send("FAIL", run, inputs, outputs, error)

    def _send(
        self,
        state: str,
        run: StepRun,
        inputs: Sequence[Dataset],
        outputs: Sequence[Dataset],
        error: str | None = None,
    ) -> None:
        if self._has_failed:
            return
        try:
            if self._client is None:
                self._client = _open_client(self.transport)
            self._client.emit(_event(self, state, run, inputs, outputs, error))
        except EnvironmentProblemError as missing:
            self._has_failed = True
            _log.warning("%s", missing)
        except Exception as failure:  # noqa: BLE001 - whatever a transport raises: lineage is beside the work
            self._has_failed = True
            said = redacted(str(failure).splitlines()[0][:300]) if str(failure) else ""
            _log.warning(
                "lineage: events of this call are not delivered: %s: %s; the job goes on", type(failure).__name__, said
            )


def _open_client(transport: Mapping[str, Any] | None) -> Any:
    try:
        from openlineage.client import OpenLineageClient, set_producer
    except ImportError:
        raise EnvironmentProblemError(
            "lineage", [Failure("openlineage-python", "not installed")], "pip install 'lakeloop[lineage]'"
        ) from None
    logging.getLogger("openlineage").setLevel(logging.ERROR)
    set_producer(_PRODUCER)
    return OpenLineageClient() if transport is None else OpenLineageClient(config={"transport": dict(transport)})


def _event(
    events: LineageEvents,
    state: str,
    run: StepRun,
    inputs: Sequence[Dataset],
    outputs: Sequence[Dataset],
    error: str | None,
) -> Any:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import (
        dataset_version_dataset,
        error_message_run,
        job_type_job,
        nominal_time_run,
        output_statistics_output_dataset,
        parent_run,
        symlinks_dataset,
    )

    run_facets: dict[str, Any] = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(nominalStartTime=run.as_of.isoformat()),
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(runId=events.run_id), job=parent_run.Job(namespace=events.namespace, name=events.job)
        ),
    }
    if error is not None:
        run_facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message=error, programmingLanguage="python")

    def facets(each: Dataset) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if each.table is not None:
            name = symlinks_dataset.Identifier(namespace=events.namespace, name=each.table, type="TABLE")
            told["symlinks"] = symlinks_dataset.SymlinksDatasetFacet(identifiers=[name])
        if each.version is not None:
            version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(each.version))
            told["version"] = version
        return told

    def statistics(each: Dataset) -> dict[str, Any]:
        found = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=each.rows, size=each.size_bytes
        )
        return {"outputStatistics": found}

    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="LAKELOOP", jobType="STEP")
    return RunEvent(
        eventTime=datetime.now(UTC).isoformat(),
        eventType=RunState[state],
        run=Run(runId=run.run_id, facets=run_facets),
        job=Job(namespace=events.namespace, name=run.job, facets={"jobType": kind}),
        inputs=[InputDataset(each.namespace, each.name, facets=facets(each)) for each in inputs],
        outputs=[
            OutputDataset(each.namespace, each.name, facets=facets(each), outputFacets=statistics(each))
            for each in outputs
        ],
        producer=_PRODUCER,
    )

"""The run ledger: which step of which job was done, with its result and its time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from lakeloop import schemas
from lakeloop.reporting.results import as_plain
from lakeloop.run_log import run_fields
from lakeloop.runs.context import Context
from lakeloop.runs.expressions import assert_expressions
from lakeloop.runs.integrity import HEADS, assert_intact, note_heads, read_heads
from lakeloop.runs.lineage import StepLineage
from lakeloop.runs.order import ALL, STEPS, refuse_earlier
from lakeloop.runs.process_use import ProcessUse, read_process_use
from lakeloop.runs.progress import StepDone
from lakeloop.statuses import Outcome
from lakeloop.tables import TableAddress, TableUse, WriteIdentity, identity_hash

JOB = "ledger"
DONE = "done"

Result = TypeVar("Result")
_log = logging.getLogger("lakeloop.steps")


@contextmanager
def working(context: Context, job: str) -> Iterator[None]:
    """Hold the workspace for a job, and tell what logs and Spark's jobs are about.

    Args:
        context: Project, lake and logical now.
        job: Its name in the run ledger.

    Yields:
        Nothing; the workspace is held meanwhile.

    >>> from lakeloop.run_log import current_run
    >>> with working(fresh, "score"):
    ...     current_run().job, current_run().run_id == fresh.run_id
    ('score', True)
    """
    with run_fields(run_id=context.run_id, job=job, as_of=context.turn), context.lake.writing():
        yield


@dataclass(frozen=True)
class StepRecord:
    """A step that was done.

    Attributes:
        step: Its verb.
        subject: Model it was for; None when it is for the whole project.
        result: What it reported, JSON-safe.
        started_ts: Wall-clock start, UTC.
        seconds: Wall-clock duration.
        cpu_seconds: Processor time of Python and its Java process meanwhile.
        taken: Memory at most, when it was done.
        tables: Table -> what was done with it.

    >>> written = {TableAddress("gold", "shops", "/ws"): TableUse(commits=1, rows_written=7, version=3)}
    >>> taken = ProcessUse(cpu_seconds=5.0, peak_python_bytes=100, peak_java_bytes=None)
    >>> record = StepRecord("features", None, {}, datetime.now(UTC), 2.0, 1.5, taken, written)
    >>> record.metrics()["rows_written"], record.metrics()["cpu_seconds"]
    (7, 1.5)
    >>> record.describe_tables()["gold.shops"]["version"]
    3
    """

    step: str
    subject: str | None
    result: Any
    started_ts: datetime
    seconds: float
    cpu_seconds: float
    taken: ProcessUse
    tables: Mapping[TableAddress, TableUse]

    def metrics(self) -> dict[str, Any]:
        """Give what the step took and wrote, as the columns of `ops.runs` have it."""
        sizes = [each.bytes_written for each in self.tables.values()]
        return {
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_python_bytes": self.taken.peak_python_bytes,
            "peak_java_bytes": self.taken.peak_java_bytes,
            "rows_written": sum(each.rows_written for each in self.tables.values()),
            "bytes_written": None if None in sizes else sum(each or 0 for each in sizes),
        }

    def describe_tables(self) -> dict[str, Any]:
        """Give what was done with each table, by its name."""
        return {str(address): use.as_dict() for address, use in sorted(self.tables.items(), key=lambda e: str(e[0]))}


def timed(
    context: Context, step: str, subject: str | None, call: Callable[[], Result], records: list[StepRecord]
) -> Result:
    """Call a step and note its time and result.

    Args:
        context: Told that the step begins, and what it did.
        step: Its verb.
        subject: Model it is for.
        call: The step.
        records: Gets the record when the step is done.

    Returns:
        The step's result.

    >>> records = []
    >>> timed(context, "training_set", "late", lambda: 333, records)
    333
    >>> records[0].step, records[0].subject, records[0].result
    ('training_set', 'late', 333)
    """
    with run_fields(step=step, subject=subject):
        return _timed(context, step, subject, call, records)


def _timed(
    context: Context, step: str, subject: str | None, call: Callable[[], Result], records: list[StepRecord]
) -> Result:
    started_ts, started = datetime.now(UTC), time.perf_counter()
    name = step.replace("_", " ")
    told = f"{name} {subject}" if subject else name
    context.progress(told)
    context.label_jobs()
    _log.info("%s begins", told, extra={"data": {"event": "begins"}})
    lineage = StepLineage(context.lineage, context.config, step, subject, context.as_of)
    before = read_process_use()
    with context.lake.uses.noting() as tables:
        try:
            result = call()
        except BaseException as failure:
            lineage.fail(tables, failure)
            seconds = round(time.perf_counter() - started, 3)
            data = {"event": "failed", "seconds": seconds, "error": type(failure).__name__}
            _log.info("%s failed after %s s", told, seconds, extra={"data": data})
            raise
    seconds, after = time.perf_counter() - started, read_process_use()
    summary = str(getattr(result, "summary", ""))
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    record = StepRecord(step, subject, as_plain(result), started_ts, seconds, cpu_seconds, after, tables)
    records.append(record)
    data = {"event": "done", "seconds": round(seconds, 3), **record.metrics(), "tables": record.describe_tables()}
    _log.info("%s done%s", told, f": {summary}" if summary else "", extra={"data": data})
    lineage.complete(tables)
    context.finished(StepDone(step, subject, summary, seconds))
    return result


def record_run(context: Context, job: str, subject: str | None, records: list[StepRecord]) -> None:
    """Record a job that was done, once per job, subject and logical now.

    Args:
        context: Project, lake and logical now.
        job: Verb that was called.
        subject: Model it was called for, several joined by `+`; None for all.
        records: Its steps.

    >>> record_run(context, "run", None, [])  # this turn is recorded already
    >>> rows = context.lake.own_rows(schemas.RUNS, context.as_of)
    >>> sorted(row["step"] for row in rows if row["as_of"] == context.as_of)
    ['decide', 'features', 'ingest', 'monitor', 'quality', 'score', 'train', 'training_set']
    """
    rows = [
        {
            "run_id": context.run_id,
            "job": job,
            "step": each.step,
            "subject": each.subject,
            "outcome": DONE,
            "result": json.dumps(each.result, sort_keys=True),
            "started_ts": each.started_ts,
            "seconds": each.seconds,
            "as_of": context.as_of,
            "tables": json.dumps(each.describe_tables(), sort_keys=True),
            **each.metrics(),
        }
        for each in records
    ]
    identity, heads = WriteIdentity(JOB, f"{job} {subject or ALL} {context.turn}"), note_heads(context)
    steps = {STEPS: [[each.step, each.subject] for each in records]}
    written = context.lake.append_own(schemas.RUNS, rows, identity, notes=heads | steps)
    noted = {HEADS: {name: [head.version, head.app_id] for name, head in read_heads(context).items()}}
    if written.outcome is Outcome.SKIPPED and not heads[HEADS].items() <= noted[HEADS].items():
        record_heads(context)


def record_heads(context: Context) -> None:
    """Note the newest write of every table, after a job that leaves no row in the run ledger.

    Args:
        context: Project, lake and logical now.

    >>> record_heads(fresh)
    >>> read_heads(fresh)
    {}
    """
    heads = note_heads(context)
    identity = WriteIdentity(JOB, f"heads {identity_hash(heads)} {context.turn}")
    context.lake.append_own(schemas.RUNS, [], identity, notes=heads)


def run_step(context: Context, verb: str, function: Callable[..., Result], model: str | None = None) -> Result:
    """Call one step on its own and record it.

    Args:
        context: Project, lake and logical now.
        verb: The step's verb.
        function: The step: of the context, or of the context and the model.
        model: The model; None for steps of the whole project.

    Returns:
        The step's result.

    Raises:
        ConflictError: If a table was changed by something else, or a later logical now has used the step's results.
        LakeloopError: What the step raises.

    >>> from datetime import timedelta
    >>> from lakeloop.errors import ConflictError
    >>> try:
    ...     run_step(context.at(context.as_of - timedelta(days=5)), "score", print, "late")
    ... except ConflictError as error:
    ...     print(error)
    score as of 2024-01-30T00:00:00Z: conflicts with what is recorded
      - order: `run` was done as of 2024-02-04T00:00:00Z
      remedy: go forward: name 2024-02-04T00:00:00Z or a later --as-of; what is recorded of the past is not changed
    """
    records: list[StepRecord] = []
    with working(context, verb):
        assert_expressions(context)
        assert_intact(context)
        refuse_earlier(context, verb, model)
        result = timed(
            context, verb, model, lambda: function(context) if model is None else function(context, model), records
        )
        record_run(context, verb, model, records)
    return result

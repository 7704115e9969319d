"""The run ledger: which step of which job was done, with its result and its time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from lakeloop import schemas
from lakeloop.reporting.results import as_plain
from lakeloop.runs.context import Context
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "ledger"
DONE = "done"

Result = TypeVar("Result")


@dataclass(frozen=True)
class StepRecord:
    """A step that was done.

    Attributes:
        step: Its verb.
        subject: Model it was for; None when it is for the whole project.
        result: What it reported, JSON-safe.
        started_ts: Wall-clock start, UTC.
        seconds: Wall-clock duration.
    """

    step: str
    subject: str | None
    result: Any
    started_ts: datetime
    seconds: float


def timed(step: str, subject: str | None, call: Callable[[], Result], records: list[StepRecord]) -> Result:
    """Call a step and note its time and result.

    Args:
        step: Its verb.
        subject: Model it is for.
        call: The step.
        records: Gets the record when the step is done.

    Returns:
        The step's result.
    """
    started_ts, started = datetime.now(UTC), time.perf_counter()
    result = call()
    records.append(StepRecord(step, subject, as_plain(result), started_ts, time.perf_counter() - started))
    return result


def record_run(context: Context, job: str, subject: str | None, records: list[StepRecord]) -> None:
    """Record a job that was done, once per job, subject and logical now.

    Args:
        context: Project, lake and logical now.
        job: Verb that was called.
        subject: Model it was called for; None for all.
        records: Its steps.
    """
    started = min((each.started_ts for each in records), default=None)
    rows = [
        {
            "run_id": identity_hash(job, context.turn, started),
            "job": job,
            "step": each.step,
            "subject": each.subject,
            "outcome": DONE,
            "result": json.dumps(each.result, sort_keys=True),
            "started_ts": each.started_ts,
            "seconds": each.seconds,
            "as_of": context.as_of,
        }
        for each in records
    ]
    identity = WriteIdentity(JOB, f"{job} {subject or '*'} {context.turn}")
    context.lake.append_own(schemas.RUNS, rows, identity)


def run_step(context: Context, verb: str, function: Callable[..., Result], model: str | None = None) -> Result:
    """Call one step on its own and record it.

    Args:
        context: Project, lake and logical now.
        verb: The step's verb.
        function: The step: of the context, or of the context and the model.
        model: The model; None for steps of the whole project.

    Returns:
        The step's result.
    """
    records: list[StepRecord] = []
    result = timed(verb, model, lambda: function(context) if model is None else function(context, model), records)
    with context.lake.writing():
        record_run(context, verb, model, records)
    return result

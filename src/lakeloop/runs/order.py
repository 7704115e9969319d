"""The order of work: no step is done in the past of what was built on it."""

from __future__ import annotations

from datetime import datetime

from lakeloop import schemas
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context, instant_text

RUN = "run"
BACKFILL = "backfill"
"""Makes the past again from all that is there: it comes after everything, and nothing is built on it."""
STEPS = "steps"
"""Key in the notes of the run ledger's commits: step and model of everything a job did."""
REPLAY = "replay"
MODELS = "models"
"""A person's event in the promotions ledger: the next turn scores by it."""
FLOW = ("ingest", REPLAY, "features", "score", "monitor", "decide", "training_set", "train", "recalibrate")
"""The steps with a verb, in the order of a turn; a replay brings rows to bronze as an ingest does."""

STREAM = "score_stream"
"""A scoring by a stream stands where a turn's stands. Nothing comes too late for it: it answers what is due now, while
turns of instants that are past are still to be done."""

ALL = "*"
"""Stands for the model where a job is for the whole project, or for all models."""

_STANDS_BEFORE = {"train": "score", "recalibrate": "score", MODELS: "score", REPLAY: "ingest"}
"""What a training promotes, the next turn scores with: it may not come after that. Rows take keys from later ones."""


def refuse_earlier(context: Context, step: str, model: str | None = None) -> None:
    """Refuse a step whose results a later logical now has already used.

    Args:
        context: Project, lake and logical now.
        step: `run`, `backfill`, `models`, or the ledger's name of a step; others are let through.
        model: The model it is for; None for steps of the whole project.

    Raises:
        ConflictError: If it was done, or built on, as of a later instant. A step that was done at this very instant may
            be repeated: it changes nothing.

    >>> from datetime import timedelta
    >>> refuse_earlier(context, "score", "late")  # again at the same instant: it changes nothing
    >>> try:
    ...     refuse_earlier(context.at(context.as_of - timedelta(days=5)), "score", "late")
    ... except ConflictError as error:
    ...     print(error.failures[0])
    order: `run` was done as of 2024-02-04T00:00:00Z
    """
    step = "score" if step == STREAM else step
    if step not in (RUN, BACKFILL, MODELS, *FLOW):
        return
    done, steps = _done_jobs(context)
    if step not in (RUN, BACKFILL, "ingest", REPLAY) and (step, model or ALL, context.as_of) in steps:
        return
    first = 0 if step in (RUN, BACKFILL) else FLOW.index(_STANDS_BEFORE.get(step, step))
    later = [
        (at, job)
        for job, subject, at in done
        if at > context.as_of and (job == RUN or (job in FLOW[first:] and (model is None or subject in (ALL, model))))
    ]
    if model is not None and _STANDS_BEFORE.get(step) == "score":
        later += _scored_after(context, model)  # a turn that broke off has scored all the same
    if later:
        at, job = max(later, key=lambda each: (each[0], each[1] == RUN, each[1]))  # the turn stands for its steps
        raise ConflictError(
            f"{step.replace('_', '-')} as of {context.turn}",
            [Failure("order", f"`{job.replace('_', '-')}` was done as of {instant_text(at)}")],
            f"go forward: name {instant_text(at)} or a later --as-of; what is recorded of the past is not changed",
        )


def _scored_after(context: Context, model: str) -> list[tuple[datetime, str]]:
    """List the later instants as of which the model has scored, also in a turn that never came to its end."""
    commits = context.lake.commits(context.lake.address("predictions", model))
    units = (each.unit for each in commits if each.job == "score")
    found = (datetime.fromisoformat(unit.rpartition(" ")[2]) for unit in units)
    return [(at, "score") for at in found if at > context.as_of]


def _done_jobs(context: Context) -> tuple[list[tuple[str, str, datetime]], set[tuple[str, str, datetime]]]:
    """List what the run ledger holds: job, subject and logical now; and the same of every step the jobs did."""
    jobs: list[tuple[str, str, datetime]] = []
    steps: set[tuple[str, str, datetime]] = set()
    for commit in context.lake.commits(context.lake.own(schemas.RUNS)):
        job, _, rest = commit.unit.partition(" ")
        subject, _, turn = rest.rpartition(" ")
        if job in (RUN, *FLOW):
            at = datetime.fromisoformat(turn)
            jobs.append((job, subject, at))
            steps |= {(step, model or ALL, at) for step, model in commit.notes.get(STEPS, [(job, subject)])}
    return jobs, steps

"""Sources that an ingest could not take in, told as one error once all others were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakeloop.errors import (
    MAX_SHOWN,
    AccountingError,
    ConflictError,
    DataContractError,
    EnvironmentProblemError,
    Failure,
    NotReadyError,
)
from lakeloop.landing import FileStatus

SourceError = AccountingError | ConflictError | DataContractError | EnvironmentProblemError | NotReadyError
"""What stops one source and says nothing of the others."""

STOPPING = (AccountingError, ConflictError, DataContractError, EnvironmentProblemError, NotReadyError)
"""The same classes, to be caught."""


@dataclass(frozen=True)
class FileNote:
    """A file that was not admitted.

    Attributes:
        source: Its source.
        file: Path below the landing folder.
        status: REFUSED, or UNSETTLED for one that was left where it is.
        reason: Why.
    """

    source: str
    file: str
    status: FileStatus
    reason: str


def raise_stopped(stopped: Sequence[SourceError], notes: Sequence[FileNote], sources: int) -> None:
    """Raise what stopped single sources, as one error; the other sources have been ingested, and their files judged.

    Args:
        stopped: What stopped them; nothing is raised without one.
        notes: Files that were not admitted, of any source.
        sources: How many sources there are.

    Raises:
        LakeloopError: Of the class of the one that is most in the way: what a retry alone does not mend goes first,
            then what has the lower exit code, then what came first.

    >>> asleep = EnvironmentProblemError("source orders", [Failure("jdbc", "no answer")], "check the URL")
    >>> absent = NotReadyError("source shops", [Failure("landing", "does not exist")], "create the folder")
    >>> try:
    ...     raise_stopped([absent, asleep], [], sources=3)
    ... except EnvironmentProblemError as error:
    ...     print(error)
    2 sources: the environment is not ready
      - source shops: landing: does not exist
      - source orders: jdbc: no answer
      remedy: create the folder; check the URL (the other sources were ingested)
    """
    if not stopped:
        return
    first = min(stopped, key=lambda each: (each.retryable, each.exit_code))
    subject, failures = first.subject, list(first.failures)
    if len(stopped) > 1:
        subject = f"{len(stopped)} sources"
        failures = [Failure(f"{each.subject}: {one.name}", one.detail) for each in stopped for one in each.failures]
    failures += [Failure(f"source {each.source}: {each.file}", f"{each.status}: {each.reason}") for each in notes]
    told = ["the other sources were ingested"] if len(stopped) < sources else []
    if all(isinstance(each, DataContractError) for each in stopped):
        told = ["nothing of these batches was written", "the other sources were ingested"]
    remedies = "; ".join(dict.fromkeys(each.remedy for each in stopped[:MAX_SHOWN]))
    raise type(first)(subject, failures, remedies + (f" ({'; '.join(told)})" if told else "")) from first

"""What the gate is told of the world around the scores: the lake, the audit, the artifact, the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class InputFacts:
    """The inputs a version asks for, and what the lake has of them.

    Attributes:
        signature: Input -> its type by the version's signature: `string`, or a number; None when it has none.
        columns: Input -> the type of the column it is read from, as Spark names it; None where there is no such column.
    """

    signature: Mapping[str, str] | None
    columns: Mapping[str, str | None]


@dataclass(frozen=True)
class AuditFacts:
    """What the leakage audit of the training set found.

    Attributes:
        failed: Names of the findings.
        unjudged: Names of what could not be judged.
        checks: Checks that were made.
    """

    failed: tuple[str, ...]
    unjudged: tuple[str, ...]
    checks: int


@dataclass(frozen=True)
class LoadFacts:
    """How a fresh process fared that loaded the artifact and scored rows.

    Attributes:
        rows: Rows that were scored.
        largest_difference: Greatest distance of its scores from those of this process; None when there are none.
        problem: First line of what went wrong; None when nothing did.
    """

    rows: int
    largest_difference: float | None
    problem: str | None = None


@dataclass(frozen=True)
class LatencyFacts:
    """How long calls of the loaded pipeline took, in milliseconds.

    Attributes:
        rows: Rows of a call.
        calls: Calls that were timed of each kind.
        p50_ms: Median.
        p95_ms: What 95 of 100 calls stay below.
        one_row_p50_ms: Median of a call with one row.
        one_row_p95_ms: What 95 of 100 calls with one row stay below.
    """

    rows: int
    calls: int
    p50_ms: float
    p95_ms: float
    one_row_p50_ms: float
    one_row_p95_ms: float


@dataclass(frozen=True)
class GateFacts:
    """Everything the gate is told beside the scores; what is None was not looked at.

    Attributes:
        inputs: The version's inputs.
        audit: The leakage audit.
        loading: The fresh process.
        latency: The pipeline's calls.

    >>> GateFacts().audit is None
    True
    """

    inputs: InputFacts | None = None
    audit: AuditFacts | None = None
    loading: LoadFacts | None = None
    latency: LatencyFacts | None = None

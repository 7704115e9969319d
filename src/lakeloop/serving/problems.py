"""Answers that are none: what is wrong, where, what was got, what is allowed, what to do. No value, and no trace.

Their form is that of RFC 9457, `application/problem+json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

MEDIA_TYPE = "application/problem+json"
MAX_ISSUES = 10
_PREFIX = "urn:lakeloop:problem:"


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong.

    Attributes:
        where: Place in the request, or what is not as it has to be.
        got: What was found, by its type: no value of a request is repeated.
        allowed: What would have been accepted.
        remedy: What to do.
    """

    where: str
    got: str
    allowed: str
    remedy: str


@dataclass(frozen=True)
class Problem:
    """An answer that says why there is no other.

    Attributes:
        status: Status of HTTP.
        kind: Short name, the end of `type`.
        title: What it is, the same for every problem of the kind.
        detail: What it is this time.
        issues: What is wrong, the first of them.
        headers: Further headers.

    >>> Problem(503, "store_down", "the online store does not answer", "timed out").body("r-1")[:37]
    b'{"type":"urn:lakeloop:problem:store_d'
    """

    status: int
    kind: str
    title: str
    detail: str
    issues: Sequence[Issue] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())

    def body(self, request_id: str) -> bytes:
        """Write it as JSON."""
        said: dict[str, Any] = {
            "type": f"{_PREFIX}{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            "issues": [vars(each) for each in self.issues[:MAX_ISSUES]],
        }
        return to_json(said)


class ProblemError(Exception):
    """Carries a problem to where it is answered.

    >>> ProblemError(Problem(404, "not_found", "there is nothing here", "GET /nowhere")).problem.status
    404
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


UNEXPECTED = Problem(500, "unexpected", "something unexpected happened", "the server's log says what")
RETRY_SOON = (("retry-after", "1"),)


def unavailable(kind: str, title: str, detail: str, issues: Sequence[Issue] = ()) -> ProblemError:
    """Make a problem that goes by itself, or by somebody's doing, but not by another request.

    Args:
        kind: Short name.
        title: What it is.
        detail: What it is this time.
        issues: What is wrong.

    Returns:
        The error; its answer says when to ask again.

    >>> unavailable("store_down", "the online store does not answer", "").problem.headers
    (('retry-after', '1'),)
    """
    return ProblemError(Problem(503, kind, title, detail, issues, RETRY_SOON))

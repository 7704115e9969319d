"""Failures of the store the tables lie in: an address that cannot be reached, or does not let who asks in."""

from __future__ import annotations

import re

from lakeloop.errors import EnvironmentProblemError, Failure

_SAYS_A_STORE = re.compile(
    r"generic (?:s3|gcs|microsoftazure|http) error|error occurred while loading credentials|object store error"
    r"|no filesystem for scheme|fs\.\w+\.\w*filesystem not found",
    re.IGNORECASE,
)
_MOST_CAUSES = 10


def explain_store_failure(failure: BaseException) -> EnvironmentProblemError | None:
    r"""Tell whether the store of the tables is to blame for a failure.

    Args:
        failure: What was raised; its causes are looked at too.

    Returns:
        An error with a remedy, or None for any other failure.

    >>> print(explain_store_failure(OSError("Generic S3 error\n  \u21b3 403 Forbidden")))
    the store of the tables: the environment is not ready
      - storage: Generic S3 error: 403 Forbidden
      remedy: check the address, the credentials in the environment, and the network; `lakeloop doctor` tries the store
    >>> explain_store_failure(ValueError("another"))
    """
    from lakeloop.discovery.text import in_a_line  # with all of the configuration, for which no help waits

    cause: BaseException | None = failure
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return None
        if _SAYS_A_STORE.search(str(cause)):
            return EnvironmentProblemError(
                "the store of the tables",
                [Failure("storage", _telling(in_a_line(cause)))],
                "check the address, the credentials in the environment, and the network;"
                " `lakeloop doctor` tries the store",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def _telling(line: str) -> str:
    """Leave out what only says that a call failed."""
    return line.removeprefix("Operation not supported: ")

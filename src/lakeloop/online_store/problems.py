"""What is said of a store that does not answer: where, what was found, what to do; never a password."""

from __future__ import annotations

from lakeloop.config.addresses import hide_credentials, without_password
from lakeloop.errors import EnvironmentProblemError, Failure

REMEDY = "start it, or correct online_store in project.yml; then call the same again"
_MAX_REASON = 200


def no_answer(
    address: str, problem: Exception | str, remedy: str = REMEDY, *, name: str | None = None
) -> EnvironmentProblemError:
    """Say that a store does not answer, or not as it should.

    Args:
        address: Its address.
        problem: What was found.
        remedy: What to do.
        name: What the problem is about; the class of an exception without it.

    Returns:
        The error, without credentials.

    >>> print(no_answer("redis://me:secret@cache:6379/0", ConnectionError("Connection refused")))
    online store redis://***@cache:6379/0: the environment is not ready
      - ConnectionError: Connection refused
      remedy: start it, or correct online_store in project.yml; then call the same again
    """
    name = name or ("answer" if isinstance(problem, str) else type(problem).__name__)
    lines = hide_credentials(str(problem)).strip().splitlines()
    detail = lines[0][:_MAX_REASON] if lines else "no answer"
    return EnvironmentProblemError(f"online store {without_password(address)}", [Failure(name, detail)], remedy)


def read_only(address: str) -> EnvironmentProblemError:
    """Say that a store that is only read was to be written.

    Args:
        address: Its address.

    Returns:
        The error.

    >>> read_only("redis://cache").failures[0].detail
    'it was opened to be read only'
    """
    return no_answer(address, "it was opened to be read only", "open it for writing")

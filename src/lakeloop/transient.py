"""Failures that pass: which those are, and the same call made again after waits that are bounded.

Only a call that may be repeated is made again: a read, or a write that carries its identity. What would fail again
is raised at once, and so is what nobody knows.
"""

from __future__ import annotations

import errno
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from lakeloop.config.addresses import hide_credentials
from lakeloop.config.spark_text import data_condition, quotes_data, shorten_spark
from lakeloop.errors import BusyError, Failure, LakeloopError, UnansweredError

Given = ParamSpec("Given")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class Passing(StrEnum):
    """Why a failure may pass."""

    UNANSWERED = "UNANSWERED"
    """The storage did not answer, or asked to be left alone for a while."""
    OVERTAKEN = "OVERTAKEN"
    """Another writer's commit came in between."""


def _half_or_more() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 - a wait, no secret


@dataclass(frozen=True)
class Patience:
    """How often and how long a call is made again.

    Attributes:
        waits: Seconds before the second attempt, the third, ..., at most.
        total: Seconds after which no further attempt begins.
        sleep: Waits for so many seconds.
        clock: Tells the seconds.
        draw: Gives the part of a wait that is waited for, in [0, 1]: of two who meet, one comes first.
    """

    waits: tuple[float, ...] = (0.5, 2.0, 8.0)
    total: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = _half_or_more


PATIENT = Patience()
"""The patience of a job."""

_LASTING_NUMBERS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR),
        *(errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    }
)
_PASSING_NUMBERS = frozenset(
    {
        *(errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ESTALE, errno.ETIMEDOUT, errno.EPIPE),
        *(errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED),
        *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN),
    }
)
_STATUS = re.compile(r"(?:status(?: code)?[:= ]+|http(?:/[\d.]+)?[ :]+)\s*(\d{3})\b", re.IGNORECASE)
_PASSING_STATUSES = frozenset({"408", "425", "429", "500", "502", "503", "504"})
_LASTING_STATUSES = frozenset({"400", "401", "403", "404", "405", "409", "410", "412"})
_LASTING_TEXTS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    "read-only file system",
    "readonly database",
    "permission denied",
    "operation not permitted",
    "no such file or directory",
    "file too large",
    "accessdenied",
    "access denied",
    "unauthorized",
    "forbidden",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "expiredtoken",
    "nosuchbucket",
    "nosuchkey",
    "filenotfoundexception",
    "not a parquet file",
    "corrupt",
    "invalid json in log",
    "outofmemoryerror",
)
_PASSING_TEXTS = (
    "slowdown",
    "slow down",
    "serverbusy",
    "too many requests",
    "throttl",
    "service unavailable",
    "bad gateway",
    "gateway timeout",
    "requesttimeout",
    "temporarily unavailable",
    "temporary failure in name resolution",
    "connection reset",
    "connection refused",
    "connection aborted",
    "connection closed before message completed",
    "server closed the connection",
    "broken pipe",
    "operation timed out",
    "request timed out",
    "connection timed out",
    "read timed out",
    "stale file handle",
    "resource temporarily unavailable",
    "database is locked",
    "sockettimeoutexception",
    "connecttimeoutexception",
    "nohttpresponseexception",
    "java.net.connectexception",
    "java.net.socketexception",
    "java.net.unknownhostexception",
    "unable to execute http request",
)
_OVERTAKEN_TEXTS = (
    "concurrentappendexception",
    "concurrentwriteexception",
    "concurrenttransactionexception",
    "metadatachangedexception",
    "protocolchangedexception",
    "delta_concurrent_append",
    "delta_concurrent_write",
    "delta_concurrent_transaction",
    "delta_metadata_changed",
    "delta_protocol_changed",
    "metadata changed since last commit",
    "protocol changed since last commit",
    "concurrent transaction",
    "max commit attempts",
)
_OF_A_WORKER = "traceback (most recent call last)"
_OF_USERS = frozenset({"PythonException", "AnalysisException", "ParseException", "ArithmeticException"})
"""Exceptions of Spark about what a project declares; their texts quote values of the data."""


def why_passing(failure: BaseException) -> Passing | None:
    """Tell why a failure may pass by itself.

    Args:
        failure: What was raised; its causes are looked at too.

    Returns:
        None for what would fail again, and for what is not known: that is not repeated.

    >>> why_passing(TimeoutError()), why_passing(PermissionError(13, "Permission denied")), why_passing(KeyError("503"))
    (<Passing.UNANSWERED: 'UNANSWERED'>, None, None)
    >>> why_passing(OSError("Generic S3 error: Server returned non-2xx status code: 503 Service Unavailable: SlowDown"))
    <Passing.UNANSWERED: 'UNANSWERED'>
    """
    chain = list(_causes(failure))
    if any(_is_lasting(each) for each in chain):
        return None
    found = [why for why in map(_why, chain) if why is not None]
    return found[0] if found else None


def _causes(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = failure
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _is_lasting(failure: BaseException) -> bool:
    if isinstance(failure, LakeloopError) or type(failure).__name__ in _OF_USERS:
        return True
    if isinstance(failure, OSError) and failure.errno in _LASTING_NUMBERS:
        return True
    text = _text(failure)
    if data_condition(text.upper()) is not None or _OF_A_WORKER in text:  # of the data, or of a project's own function
        return True
    return any(each in text for each in _LASTING_TEXTS) or bool(_LASTING_STATUSES & set(_STATUS.findall(text)))


def _why(failure: BaseException) -> Passing | None:
    if isinstance(failure, TimeoutError | ConnectionError):
        return Passing.UNANSWERED
    if isinstance(failure, OSError) and failure.errno in _PASSING_NUMBERS:
        return Passing.UNANSWERED
    if not _speaks_of_storage(failure):
        return None
    text = _text(failure)
    if any(each in text for each in _OVERTAKEN_TEXTS):
        return Passing.OVERTAKEN
    if any(each in text for each in _PASSING_TEXTS) or _PASSING_STATUSES & set(_STATUS.findall(text)):
        return Passing.UNANSWERED
    return None


def _speaks_of_storage(failure: BaseException) -> bool:
    """Whether the text of an exception is a storage's: of delta-rs, Spark, Java, SQL or the operating system."""
    module = type(failure).__module__.partition(".")[0]
    return isinstance(failure, OSError) or module in {
        "deltalake",
        "_internal",
        "py4j",
        "pyspark",
        "mlflow",
        "sqlalchemy",
    }


def _text(failure: BaseException) -> str:
    try:
        return str(failure).lower()
    except Exception as unreadable:  # noqa: BLE001 - Py4J asks Java for the text, which may have ended
        return type(unreadable).__name__.lower()


def call_again(
    call: Callable[[], Result], subject: str, patience: Patience | None = None, *, explains: bool = True
) -> Result:
    """Make a call, and make it again while it fails with what may pass.

    Args:
        call: May be made any number of times.
        subject: The table or store that is asked, for messages.
        patience: How often; that of a job without it.
        explains: Whether the last failure becomes an error with a remedy; else the caller does that.

    Returns:
        What the call gives.

    Raises:
        UnansweredError: If the storage did not answer at the last attempt either.
        BusyError: If another writer's commit came in between at the last attempt too.

    >>> answers = iter([TimeoutError("no answer"), None])
    >>> def ask():
    ...     failure = next(answers)
    ...     if failure is not None:
    ...         raise failure
    ...     return 3
    >>> waited = []
    >>> call_again(ask, "gold.shops", Patience(sleep=waited.append, draw=lambda: 1.0)), waited
    (3, [0.5])
    """
    bound = PATIENT if patience is None else patience
    until = bound.clock() + bound.total
    attempts = 0
    while True:
        attempts += 1
        try:
            return call()
        except Exception as failure:
            why = why_passing(failure)
            if why is None:
                raise
            seconds = bound.waits[attempts - 1] * bound.draw() if attempts <= len(bound.waits) else None
            if seconds is None or bound.clock() + seconds >= until:
                if not explains:
                    raise
                raise _given_up(why, subject, attempts, failure) from failure
            _log.warning("%s: %s; asked again in %.1f seconds", subject, _first_line(failure), seconds)
        bound.sleep(seconds)


def asking_again(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a function that reads be called again while it fails with what may pass; its first argument is the subject.

    >>> @asking_again
    ... def read(path: str) -> int:
    ...     return 3
    >>> read("/ws/gold/shops")
    3
    """

    @wraps(function)
    def asked(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        return call_again(partial(function, *args, **kwargs), str(args[0]) if args else function.__name__)

    return asked


def explain_passing(failure: BaseException, subject: str) -> LakeloopError | None:
    """Tell of a failure that may pass and that was not repeated, where it may be repeated as a whole.

    Args:
        failure: What was raised.
        subject: What was asked.

    Returns:
        An error with a remedy; None for any other failure.

    >>> print(explain_passing(TimeoutError("timed out"), "the storage"))
    the storage: the storage does not answer
      - storage: 1 attempt: timed out
      remedy: look whether the storage can be reached; the same call carries on where it stopped
    """
    why = why_passing(failure)
    return None if why is None else _given_up(why, subject, 1, failure)


def _given_up(why: Passing, subject: str, attempts: int, failure: BaseException) -> LakeloopError:
    tried = f"{attempts} attempts, the last" if attempts > 1 else "1 attempt"
    said = _first_line(failure)
    if why is Passing.OVERTAKEN:
        remedy = "let one job at a time write to a table; the same call carries on where it stopped"
        return BusyError(subject, [Failure("commit", f"other writers came first, {tried}: {said}")], remedy)
    remedy = "look whether the storage can be reached; the same call carries on where it stopped"
    return UnansweredError(subject, [Failure("storage", f"{tried}: {said}")], remedy)


def _first_line(failure: BaseException) -> str:
    """Give the line of a failure that tells why it may pass, bounded, without credentials and values of the data."""
    lines = _lines(failure) or [type(failure).__name__]
    whole = "\n".join(lines)
    if quotes_data(failure, whole):  # of Spark's text no more than the sign by which it was known
        signs = [each for each in (*_OVERTAKEN_TEXTS, *_PASSING_TEXTS) if each in whole.lower()]
        return f"Spark: {signs[0] if signs else shorten_spark(whole)}"[:200]
    telling = [line for line in lines if any(each in line.lower() for each in (*_OVERTAKEN_TEXTS, *_PASSING_TEXTS))]
    return hide_credentials((telling or lines)[0].strip())[:200]


def _lines(failure: BaseException) -> list[str]:
    try:
        return [line for line in str(failure).splitlines() if line.strip()]
    except Exception:  # noqa: BLE001 - as above
        return []

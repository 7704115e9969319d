"""What goes wrong in the machine while a step runs: told from exceptions of Python, Spark, Delta and SQLite alike."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure, LakeloopError, LostProcessError

_MAX_MESSAGE = 300
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|↳ ?")  # colours and arrows of delta-rs
_REPEAT = "then repeat the call: it carries on where it stopped"


@dataclass(frozen=True)
class _Trouble:
    """A kind of trouble and how it shows.

    Attributes:
        name: What it is, in a word or two.
        remedy: What to do.
        numbers: Error numbers of the operating system.
        texts: What Java, Delta and SQLite write; a part of the message, lower case.
        types: Names of exceptions that mean nothing else.
        is_lost_process: Whether a process ended on its own, so that a repeat may help.
    """

    name: str
    remedy: str
    numbers: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    is_lost_process: bool = False


_NO_SPACE = "no space left"
_TROUBLES = (
    _Trouble(
        _NO_SPACE,
        f"free space on that disk, or name another workspace in conf/base/project.yml; {_REPEAT}",
        frozenset({errno.ENOSPC, errno.EDQUOT}),
        ("no space left on device", "disk quota exceeded", "database or disk is full"),
    ),
    _Trouble(
        "read-only",
        f"let this user write there, or name another workspace in conf/base/project.yml; {_REPEAT}",
        frozenset({errno.EROFS}),
        ("read-only file system", "attempt to write a readonly database"),
    ),
    _Trouble(
        "permission denied",
        f"let this user read and write there, or name another workspace in conf/base/project.yml; {_REPEAT}",
        frozenset({errno.EACCES, errno.EPERM}),
        ("permission denied", "accessdeniedexception", "operation not permitted"),
    ),
    _Trouble(
        "too many open files",
        f"raise the limit (`ulimit -n 4096`), {_REPEAT}",
        frozenset({errno.EMFILE, errno.ENFILE}),
        ("too many open files",),
    ),
    _Trouble(
        "out of memory",
        "raise spark.driver.memory below spark: in conf/base/project.yml, or give the machine more memory; " + _REPEAT,
        frozenset({errno.ENOMEM}),
        ("java.lang.outofmemoryerror", "java heap space", "gc overhead limit exceeded", "cannot allocate memory"),
        frozenset({"MemoryError"}),
    ),
    _Trouble(
        "a Python worker of Spark ended",
        "repeat the call: it carries on where it stopped; when it happens again, the machine has too little memory",
        texts=("python worker exited unexpectedly", "python worker failed to connect back", "executor lost"),
        is_lost_process=True,
    ),
    _Trouble(
        "the Java process of Spark ended",
        "repeat the call: it carries on where it stopped; when it happens again, the machine has too little memory",
        texts=("answer from java side is empty", "an error occurred while trying to connect to the java server"),
        types=frozenset({"Py4JNetworkError"}),
        is_lost_process=True,
    ),
    _Trouble(
        "the Spark Connect server, or our session of it, is gone",
        f"look whether the server runs, and at its log, {_REPEAT}",
        texts=(
            *("statuscode.unavailable", "failed to connect to all addresses", "[retries_exceeded]"),
            *("[invalid_handle.session_closed]", "[invalid_handle.session_changed]"),
            "[invalid_handle.session_not_found]",
        ),
        is_lost_process=True,
    ),
    _Trouble(
        "another Python on Spark's workers",
        "set PYSPARK_PYTHON of the cluster or the Connect server to a Python of this minor version, with this"
        " environment's packages",
        texts=("[python_version_mismatch]", "different minor version than that in driver"),
    ),
    _Trouble(
        "lakeloop is not on Spark's workers",
        "install lakeloop, with the extras of this environment, into the Python of the cluster's or Connect server's"
        " workers",
        texts=("no module named 'lakeloop",),
    ),
)

_DAMAGED = _Trouble(
    "a data file is damaged",
    "nothing was built on it: put the file or its table's folder back from a backup, then repeat the call; a gold"
    " table whose folder is deleted is built anew from bronze",
    texts=(
        "failed_read_file",
        "checksumexception",
        "could not verify page integrity",
        "parquet magic bytes not found",
        "not a parquet file",
        "corrupt snappy",
        "invalid or truncated",
        "unexpected end of stream",
        "couldn't deserialize thrift",
    ),
)


def explain_machine_failure(failure: BaseException) -> LakeloopError | None:
    """Tell whether the machine is to blame for a failure: a full disk, missing rights, too little memory.

    Args:
        failure: What was raised; its causes are looked at too.

    Returns:
        An error with a remedy, or None for any other failure.

    >>> print(explain_machine_failure(OSError(errno.ENOSPC, "No space left on device", "/data/x")))
    the machine: the environment is not ready
      - no space left: /data/x
      remedy: free space on that disk, or name another workspace in conf/base/project.yml; then repeat the call: it \
carries on where it stopped
    """
    chain = list(_causes(failure))
    for trouble in _TROUBLES:
        for each in chain:
            detail = _detail(trouble, each)
            if detail is not None:
                kind = LostProcessError if trouble.is_lost_process else EnvironmentProblemError
                return kind("the machine", [Failure(trouble.name, detail)], trouble.remedy)
    from lakeloop.transient import explain_passing  # after a failure only: it loads the configuration

    passing = explain_passing(failure, "the storage")
    if passing is not None:
        return passing
    for each in chain:
        detail = _detail(_DAMAGED, each)
        if detail is not None:
            return ConflictError("the tables", [Failure(_DAMAGED.name, detail)], _DAMAGED.remedy)
    return None


def prefer_full_disk(failure: LakeloopError) -> LakeloopError:
    """Name a full disk where a step took its failure for another problem of the environment.

    Args:
        failure: An error of ours.

    Returns:
        The full disk, where the failure shows one; otherwise the failure itself.

    >>> told = EnvironmentProblemError("MLflow", [Failure("store", "database or disk is full")], "correct tracking_uri")
    >>> print(prefer_full_disk(told).failures[0].name)
    no space left
    """
    if isinstance(failure, EnvironmentProblemError):
        known = explain_machine_failure(failure)
        if isinstance(known, EnvironmentProblemError) and known.failures[0].name == _NO_SPACE:
            return known
    return failure


def first_line(failure: BaseException) -> str:
    r"""Give the line of a failure that says most.

    Of a failure of Spark that is its class and its condition: its text carries pages of trace, and values of the data.

    Args:
        failure: What was raised.

    Returns:
        A bounded line.

    >>> first_line(RuntimeError("An error occurred while calling o9.save.\n: an.XError: [A_B] 'Ada'.\n\tat org.Y"))
    'an.XError: [A_B]'
    >>> first_line(ValueError("delta is not a number\nat all"))
    'delta is not a number'
    """
    # After a failure only: they load the configuration.
    from lakeloop.config.addresses import hide_credentials
    from lakeloop.config.spark_text import quotes_data, shorten_spark

    text = _text(failure).strip()
    if quotes_data(failure, text):
        return shorten_spark(text)[:_MAX_MESSAGE]
    return hide_credentials(text.splitlines()[0].rstrip())[:_MAX_MESSAGE] if text else "without a message"


def trace_of(failure: BaseException) -> str:
    """Write where a failure and its causes come from, the first cause first, without what Spark quotes of the data.

    Args:
        failure: What was raised.

    Returns:
        The lines of the code on the way, and one line of each failure that is not ours.

    >>> try:
    ...     raise RuntimeError("[CAST_INVALID_INPUT] The value 'Ada' ... SQLSTATE: 22018")
    ... except RuntimeError as error:
    ...     print(trace_of(error).splitlines()[-1])
    RuntimeError: [CAST_INVALID_INPUT]
    """
    told = []
    for each in reversed(list(_causes(failure))):
        said = str(each) if isinstance(each, LakeloopError) else first_line(each)
        frames = "".join(traceback.format_tb(each.__traceback__))
        told.append(f"Traceback (most recent call last):\n{frames}{type(each).__name__}: {said}\n")
    return "\n".join(told)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = failure
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _text(failure: BaseException) -> str:
    try:
        return _DECORATION.sub("", str(failure))
    except Exception as unreadable:  # noqa: BLE001 - Py4J asks Java for the text, which may have ended
        return f"{type(failure).__name__}, whose text is lost with the Java process ({type(unreadable).__name__})"


def _detail(trouble: _Trouble, failure: BaseException) -> str | None:
    """Say what of a failure shows the trouble; None when nothing does."""
    if isinstance(failure, OSError) and failure.errno in trouble.numbers:
        return str(failure.filename) if failure.filename else str(failure.strerror)
    text = _text(failure)
    if type(failure).__name__ in trouble.types:
        return first_line(failure)
    for line in text.splitlines():
        if any(each in line.lower() for each in trouble.texts):
            path = re.search(r"(?<![\w./])(?:file:)?(/[\w.@%+=:,-]+(?:/[\w.@%+=:,-]*)*)", line)
            shown = line.strip().removeprefix("Caused by: ").removeprefix(": ")
            return path[1].rstrip(":") if path else shown[:_MAX_MESSAGE]
    return None

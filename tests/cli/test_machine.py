"""Failures of the machine: told from real exceptions where they can be made, from built ones elsewhere."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException, PySparkException

from lakeloop.cli.machine import explain_machine_failure, first_line, prefer_full_disk, trace_of
from lakeloop.errors import EnvironmentProblemError, Failure, LakeloopError, LostProcessError

JAVA_FULL_DISK = """An error occurred while calling o231.save.
: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/data/ws/gold/weather.
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.taskFailedWhileWritingRowsError(QueryExecutionErrors.scala:789)
Caused by: java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)
"""
WORKER = """An error occurred while calling o99.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times
Caused by: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)
"""


GONE = "the Spark Connect server, or our session of it, is gone"


class Py4JNetworkError(Exception):
    """Named as Py4J's."""


def explained(failure: BaseException) -> LakeloopError:
    found = explain_machine_failure(failure)
    assert found is not None
    return found


def _open_files(number: int, opened: list[int]) -> None:
    while len(opened) < number:
        opened.append(os.open(os.devnull, os.O_RDONLY))


def name_of(failure: BaseException) -> str:
    found = explained(failure)
    assert isinstance(found, EnvironmentProblemError | LostProcessError)
    return found.failures[0].name


def test_a_full_device_is_told_from_a_real_error() -> None:
    with pytest.raises(OSError) as full, Path("/dev/full").open("wb", buffering=0) as file:  # noqa: PT011 - errno below
        file.write(b"x")
    assert full.value.errno == errno.ENOSPC
    found = explained(full.value)
    assert (found.exit_code, found.retryable) == (7, False)
    assert str(found).splitlines()[:2] == [
        "the machine: the environment is not ready",
        "  - no space left: No space left on device",
    ]


def test_a_path_that_may_not_be_written_is_named() -> None:
    failure = PermissionError(errno.EACCES, "Permission denied", "/data/ws/gold")
    assert "  - permission denied: /data/ws/gold\n" in str(explained(failure))


def test_too_many_open_files_is_told_from_a_real_error() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened: list[int] = []
    used = max(int(name) for name in os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 60  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, hard))
    try:
        with pytest.raises(OSError) as many:  # noqa: PT011 - the number is judged below
            _open_files(used + 10, opened)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in opened:
            os.close(each)
    assert name_of(many.value) == "too many open files"


def test_a_read_only_tracking_store_is_told_from_a_real_error(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as writer:
        writer.execute("create table runs (id text)")
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as refused:
        reader.execute("insert into runs values ('x')")
    reader.close()
    writer.close()
    assert name_of(refused.value) == "read-only"


@pytest.mark.parametrize(
    ("failure", "name", "retryable"),
    [
        (RuntimeError(JAVA_FULL_DISK), "no space left", False),
        (RuntimeError("Generic error: Io error: Read-only file system (os error 30)"), "read-only", False),
        (RuntimeError("x\nCaused by: java.nio.file.AccessDeniedException: /data/ws/gold"), "permission denied", False),
        (RuntimeError("x\nCaused by: java.lang.OutOfMemoryError: Java heap space"), "out of memory", False),
        (MemoryError(), "out of memory", False),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory", False),
        (RuntimeError(WORKER), "a Python worker of Spark ended", True),
        (Py4JNetworkError("Answer from Java side is empty"), "the Java process of Spark ended", True),
        (RuntimeError("<_MultiThreadedRendezvous ...\n\tstatus = StatusCode.UNAVAILABLE\n>"), GONE, True),
        (RuntimeError("[RETRIES_EXCEEDED] The maximum number of retries has been exceeded."), GONE, True),
        (RuntimeError("[INVALID_HANDLE.SESSION_CHANGED] The handle 7 is invalid."), GONE, True),
        (
            RuntimeError("[PYTHON_VERSION_MISMATCH] Python in worker has different minor version: 3.12 than 3.11"),
            "another Python on Spark's workers",
            False,
        ),
        (
            RuntimeError("x\nModuleNotFoundError: No module named 'lakeloop'"),
            "lakeloop is not on Spark's workers",
            False,
        ),
    ],
)
def test_what_spark_and_delta_wrap_is_told_apart(failure: BaseException, name: str, retryable: bool) -> None:
    found = explained(failure)
    assert (name_of(failure), found.exit_code, found.retryable) == (name, 7, retryable)
    assert "\tat " not in str(found)


DAMAGED = """An error occurred while calling o79.collectToPython.
: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:/ws/a.parquet.
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.cannotReadFilesError(QueryExecutionErrors.scala:940)
"""


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (RuntimeError(DAMAGED), "/ws/a.parquet."),
        (OSError("could not verify page integrity, CRC checksum verification failed for page_ordinal 0"), "could not"),
    ],
)
def test_a_file_whose_bytes_changed_is_a_conflict_with_what_is_recorded(failure: Exception, shown: str) -> None:
    found = explained(failure)
    assert (found.exit_code, found.retryable) == (6, False)
    assert str(found).startswith(f"the tables: conflicts with what is recorded\n  - a data file is damaged: {shown}")
    assert "built anew from bronze" in str(found)


def test_a_storage_that_does_not_answer_amid_a_query_damages_nothing() -> None:
    failure = PySparkException(f"{DAMAGED}Caused by: java.net.SocketTimeoutException: Read timed out")
    found = explained(failure)
    assert (found.exit_code, found.retryable) == (7, True)
    assert str(found).splitlines()[0] == "the storage: the storage does not answer"


def test_colours_and_arrows_of_delta_are_left_out() -> None:
    text = "Kernel error\n\x1b[31m↳\x1b[0m No space left on device (os error 28)"
    assert "\n  - no space left: No space left on device (os error 28)\n" in str(explained(RuntimeError(text)))


@pytest.mark.parametrize(
    ("text", "is_full"), [("database or disk is full", True), ("unable to open database file", False)]
)
def test_a_full_disk_is_named_where_a_step_blames_the_tracking_store(text: str, is_full: bool) -> None:
    blamed = EnvironmentProblemError("MLflow", [Failure("sqlite:///mlflow.db", text)], "correct tracking_uri")
    found = prefer_full_disk(blamed)
    assert (found is blamed) != is_full
    assert ("free space" in str(found)) == is_full


def test_a_cause_is_looked_at_too() -> None:
    wrapped = RuntimeError("could not write")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/data/ws/x")
    assert "no space left: /data/ws/x" in str(explained(wrapped))


@pytest.mark.parametrize("failure", [ValueError("x"), KeyError("space"), FileNotFoundError(errno.ENOENT, "no", "/x")])
def test_other_failures_are_not_the_machine_s(failure: BaseException) -> None:
    assert explain_machine_failure(failure) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "without a message"),
        ("one\ntwo", "one"),
        ("[TABLE_NOT_FOUND] There is none.\nJVM stacktrace:\nx", "[TABLE_NOT_FOUND]"),
        ("[CAST_INVALID_INPUT] The value 'Ada' of the type \"STRING\". SQLSTATE: 22018", "[CAST_INVALID_INPUT]"),
        (JAVA_FULL_DISK, "java.io.IOException: [TASK_WRITE_FAILED]"),
        (
            "An error occurred while calling o1.x.\n: java.lang.NumberFormatException: For input string: Ada\n\tat y",
            "java.lang.NumberFormatException",
        ),
        (
            "[STREAM_FAILED] Query [id = 1] terminated with exception: [CAST] bad value SQLSTATE: XXKST",
            "[CAST]",
        ),
        (
            'Thrown from the Python worker.\nTraceback (most recent call last):\n  File "x", line 1\nValueError: Ada',
            "ValueError",
        ),
    ],
)
def test_the_line_that_says_most(text: str, line: str) -> None:
    assert first_line(RuntimeError(text)) == line


def test_what_spark_says_before_it_reads_a_row_is_told_whole() -> None:
    text = "[UNRESOLVED_COLUMN] A column `grade` cannot be resolved. SQLSTATE: 42703"
    assert first_line(AnalysisException(text)) == text


def test_a_trace_names_the_causes_and_quotes_nothing() -> None:
    value = "Ada"  # a trace shows the lines of the code

    def cast() -> None:
        raise PySparkException(f"[CAST_INVALID_INPUT] The value '{value}' is no INT. SQLSTATE: 22018")

    def fail() -> None:
        try:
            cast()
        except PySparkException as failure:
            raise LakeloopError("label.as can't be computed") from failure

    with pytest.raises(LakeloopError) as raised:
        fail()
    lines = trace_of(raised.value).splitlines()
    assert "The value 'Ada'" not in "".join(lines)
    assert [line for line in lines if line.startswith(("PySpark", "Lakeloop"))] == [
        "PySparkException: [CAST_INVALID_INPUT]",
        "LakeloopError: label.as can't be computed",
    ]
    assert [line.rpartition(" in ")[2] for line in lines if line.startswith("  File")][-1] == "fail"


def test_a_text_that_is_lost_with_java_is_no_error_of_its_own() -> None:
    class LostError(Exception):
        def __str__(self) -> str:
            raise ConnectionRefusedError

    assert first_line(LostError()) == "LostError, whose text is lost with the Java process (ConnectionRefusedError)"

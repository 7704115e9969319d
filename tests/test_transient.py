"""Which failures pass, how often a call is made again, and that a write is made once all the same."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from mlflow.exceptions import MlflowException
from pyspark.errors.exceptions.base import AnalysisException, PySparkException, PythonException
from pyspark.sql.types import StructType

from lakeloop import schemas, transient
from lakeloop.errors import BusyError, ConflictError, EnvironmentProblemError, LakeloopError, UnansweredError
from lakeloop.registry import answers
from lakeloop.schemas import column
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, TableAddress, WriteIdentity, in_process
from lakeloop.tables.integrity import find_damage
from lakeloop.transient import Passing, Patience, call_again, why_passing

REFUSED = (
    "Kernel error -> Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing GET http://127.0.0.1:1/b/_delta_log in 9ms,"
    " after 1 retries, max_retries\n  \x1b[31m↳\x1b[0m 1, retry_timeout\n  \x1b[31m↳\x1b[0m 2s  - HTTP error\n"
    "  \x1b[31m↳\x1b[0m Connection refused (os error 111)\n"
)
SLOW_DOWN = "Generic S3 error: Server returned non-2xx status code: 503 Service Unavailable: <Code>SlowDown</Code>"
DENIED = "Generic S3 error: Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>"
OVERTAKEN = "Failed to commit transaction: Metadata changed since last commit."
UNANSWERED = Passing.UNANSWERED


def caused_by(cause: BaseException) -> Exception:
    failure = DeltaError("it failed")
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (TimeoutError("timed out"), UNANSWERED),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), UNANSWERED),
        (OSError(errno.ESTALE, "Stale file handle"), UNANSWERED),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), UNANSWERED),
        (OSError(REFUSED), UNANSWERED),
        (OSError(SLOW_DOWN), UNANSWERED),
        (OSError("HTTP 429 Too Many Requests"), UNANSWERED),
        (PySparkException("java.net.SocketTimeoutException: Read timed out"), UNANSWERED),
        (PySparkException("AmazonS3Exception: Slow Down (Service: Amazon S3; Status Code: 503)"), UNANSWERED),
        (MlflowException("(sqlite3.OperationalError) database is locked"), UNANSWERED),
        (MlflowException("(psycopg2.OperationalError) server closed the connection unexpectedly"), UNANSWERED),
        (caused_by(TimeoutError()), UNANSWERED),
        (CommitFailedError(OVERTAKEN), Passing.OVERTAKEN),
        (CommitFailedError("Failed to commit transaction: Concurrent transaction failed."), Passing.OVERTAKEN),
        (PySparkException("[DELTA_CONCURRENT_APPEND] ..."), Passing.OVERTAKEN),
        (PySparkException("io.delta.exceptions.MetadataChangedException: ..."), Passing.OVERTAKEN),
        # what would fail again
        (OSError(errno.ENOSPC, "No space left on device"), None),
        (OSError(errno.EROFS, "Read-only file system"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), None),
        (OSError(DENIED), None),
        (OSError("Generic S3 error: Server returned non-2xx status code: 404 Not Found: <Code>NoSuchKey</Code>"), None),
        (OSError("Generic S3 error: status code: 503, then 403 Forbidden"), None),  # the lasting one counts
        (DeltaError("Invalid JSON in log record"), None),
        (DeltaError("Parquet error: Corrupt footer"), None),
        (caused_by(OSError(errno.ENOSPC, "No space left on device")), None),
        (PySparkException("java.io.IOException: No space left on device"), None),
        (MlflowException("database or disk is full"), None),
        # what nobody knows, and what only quotes the data
        (ValueError("connection reset"), None),
        (KeyError("503"), None),
        (AnalysisException("[CAST_INVALID_INPUT] The value 'timed out: connection reset' of the type STRING"), None),
        (PythonException("TimeoutError: connection timed out"), None),
        (PySparkException("the flight 503 was cancelled"), None),
        (PySparkException("a value is too long for varchar (500)"), None),
        (PySparkException("Caused by: [CAST_INVALID_INPUT] The value 'Read timed out' of .. SQLSTATE: 22018"), None),
        (PySparkException("Traceback (most recent call last): ... requests.ReadTimeout: Read timed out"), None),
        (ConflictError("gold.shops", [], "connection reset"), None),
    ],
)
def test_only_what_is_known_to_pass_may_pass(failure: Exception, why: Passing | None) -> None:
    assert why_passing(failure) is why


class Watch:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **changes: Any) -> Patience:
        return replace(Patience(sleep=self.sleep, clock=lambda: self.now, draw=lambda: 1.0), **changes)


def failing(times: int, failure: Exception) -> Callable[[], int]:
    """A call that fails so often, and then tells how often it was made."""
    made = iter(range(times + 1))

    def call() -> int:
        number = next(made)
        if number < times:
            raise failure
        return number + 1

    return call


@pytest.mark.parametrize(("times", "slept"), [(0, []), (1, [0.5]), (2, [0.5, 2.0]), (3, [0.5, 2.0, 8.0])])
def test_a_call_is_made_again_after_waits_that_grow(times: int, slept: list[float]) -> None:
    watch = Watch()
    assert call_again(failing(times, OSError(SLOW_DOWN)), "gold.shops", watch.patience()) == times + 1
    assert watch.slept == slept


def test_the_waits_are_drawn_so_that_two_do_not_meet_again() -> None:
    watch = Watch()
    parts = iter([0.5, 0.75])
    call_again(failing(2, TimeoutError()), "gold.shops", watch.patience(draw=lambda: next(parts)))
    assert watch.slept == [0.25, 1.5]


def test_what_would_fail_again_is_raised_at_once_as_it_is() -> None:
    watch, full = Watch(), OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space") as raised:
        call_again(failing(1, full), "gold.shops", watch.patience())
    assert raised.value is full
    assert watch.slept == []


@pytest.mark.parametrize(
    ("failure", "kind", "code", "said"),
    [
        (
            OSError(f"https://me:secret@store: {SLOW_DOWN}"),
            UnansweredError,
            7,
            [
                "gold.shops: the storage does not answer",
                "  - storage: 4 attempts, the last: https://***@store: Generic S3 error: Server returned non-2xx"
                " status code: 503 Service Unavailable: <Code>SlowDown</Code>",
                "  remedy: look whether the storage can be reached; the same call carries on where it stopped",
            ],
        ),
        (
            CommitFailedError(OVERTAKEN),
            BusyError,
            6,
            [
                "gold.shops: busy",
                f"  - commit: other writers came first, 4 attempts, the last: {OVERTAKEN}",
                "  remedy: let one job at a time write to a table; the same call carries on where it stopped",
            ],
        ),
    ],
)
def test_after_the_last_attempt_it_is_told_with_a_remedy(
    failure: Exception, kind: type[LakeloopError], code: int, said: list[str]
) -> None:
    watch = Watch()
    with pytest.raises(kind) as told:
        call_again(failing(9, failure), "gold.shops", watch.patience())
    assert (told.value.exit_code, told.value.retryable, sum(watch.slept)) == (code, True, 10.5)
    assert str(told.value).splitlines() == said


def test_what_spark_quotes_of_the_data_is_not_told() -> None:
    failure = PySparkException(
        "Job aborted: the row of 'Ada'.\nCaused by: java.net.SocketTimeoutException: Ada timed out"
    )
    with pytest.raises(UnansweredError) as told:
        call_again(failing(9, failure), "gold.shops", Watch().patience())
    assert str(told.value).splitlines()[1] == "  - storage: 4 attempts, the last: Spark: sockettimeoutexception"


def test_no_attempt_begins_after_the_time_is_up() -> None:
    """Attempts that take long themselves leave less time for others."""
    watch = Watch()

    def slow() -> None:
        watch.now += 100
        raise TimeoutError

    with pytest.raises(UnansweredError, match="2 attempts"):
        call_again(slow, "gold.shops", watch.patience())
    assert (watch.slept, watch.now) == ([0.5], 200.5)


# --- tables ----------------------------------------------------------------------------------------------------------

COLUMNS = StructType([column("shop", schemas.TEXT, "the shop")])
WRITE = WriteIdentity("score", "late 2013-05-01")


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that are waited for, which take none."""
    watch = Watch()
    monkeypatch.setattr(transient, "PATIENT", watch.patience())
    return iter([watch.slept]).__next__()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(lambda: pytest.fail("Spark was started"), tmp_path / "workspace", retention=timedelta(days=30))


@pytest.fixture
def shops(lake: Lake) -> TableAddress:
    address = lake.address("gold", "shops")
    lake.create(address, COLUMNS, "One row per shop.")
    return address


def stored(address: TableAddress) -> tuple[int, list[str]]:
    table = DeltaTable(address.path)
    return table.version(), sorted(table.to_pyarrow_table()["shop"].to_pylist())


@pytest.mark.parametrize("lands", [False, True], ids=["it did not land", "it landed and only the answer was lost"])
def test_a_write_that_fails_for_a_moment_is_made_once(
    lake: Lake, shops: TableAddress, waited: list[float], monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    write, failures = in_process.write_deltalake, iter([OSError(SLOW_DOWN), TimeoutError("no answer")])

    def unsteady(*given: Any, **named: Any) -> None:
        failure = next(failures, None)
        if failure is None or lands:
            write(*given, **named)
        if failure is not None:
            raise failure

    monkeypatch.setattr(in_process, "write_deltalake", unsteady)
    result = lake.append(pa.table({"shop": ["A", "B"]}), shops, WRITE, expect_rows=2)
    assert (result.outcome, result.rows, result.attempts) == (Outcome.WRITTEN, 2, 2 if lands else 3)
    assert waited == ([0.5] if lands else [0.5, 2.0])
    assert stored(shops) == (1, ["A", "B"])
    assert lake.append(pa.table({"shop": ["A", "B"]}), shops, WRITE).outcome is Outcome.SKIPPED


def test_a_write_that_meets_another_writer_is_begun_anew(
    lake: Lake, shops: TableAddress, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, others = in_process.write_deltalake, iter([{"delta.appendOnly": "true"}])

    def overtaken(table: Any, *given: Any, **named: Any) -> None:
        for properties in others:
            DeltaTable(shops.path).alter.set_table_properties(properties)
        write(table, *given, **named)

    monkeypatch.setattr(in_process, "write_deltalake", overtaken)
    assert lake.append(pa.table({"shop": ["A"]}), shops, WRITE).attempts == 2
    assert (waited, stored(shops)) == ([0.5], (2, ["A"]))


@pytest.mark.parametrize("lasting", [OSError(errno.ENOSPC, "No space left on device"), OSError(DENIED)])
def test_a_write_that_would_fail_again_is_not_repeated(
    lake: Lake, shops: TableAddress, waited: list[float], monkeypatch: pytest.MonkeyPatch, lasting: OSError
) -> None:
    def failing_write(*given: Any, **named: Any) -> None:
        raise lasting

    monkeypatch.setattr(in_process, "write_deltalake", failing_write)
    with pytest.raises(OSError) as raised:  # noqa: PT011 - it is the very failure
        lake.append(pa.table({"shop": ["A"]}), shops, WRITE)
    assert raised.value is lasting
    assert (waited, stored(shops)) == ([], (0, []))


def test_a_write_that_is_never_answered_is_told_and_the_same_call_makes_it(
    lake: Lake, shops: TableAddress, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*given: Any, **named: Any) -> None:
        raise OSError(SLOW_DOWN)

    with monkeypatch.context() as patched:
        patched.setattr(in_process, "write_deltalake", unanswered)
        with pytest.raises(UnansweredError, match=r"gold.shops: the storage does not answer\n  - storage: 4 attempts"):
            lake.append(pa.table({"shop": ["A"]}), shops, WRITE)
    assert waited == [0.5, 2.0, 8.0]
    assert lake.append(pa.table({"shop": ["A"]}), shops, WRITE).outcome is Outcome.WRITTEN
    assert stored(shops) == (1, ["A"])


def test_a_read_that_is_not_answered_is_no_damage_and_no_lost_version(
    shops: TableAddress, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*given: Any, **named: Any) -> None:
        raise OSError(REFUSED)

    monkeypatch.setattr("lakeloop.tables.integrity.DeltaTable", unanswered)
    monkeypatch.setattr(in_process, "DeltaTable", unanswered)
    with pytest.raises(UnansweredError):
        find_damage(shops.path, None)
    with pytest.raises(UnansweredError):
        in_process.holds_version(shops.path, 0)
    with pytest.raises(UnansweredError):
        in_process.read_version(shops.path)
    assert len(waited) == 9


# --- the tracking store ----------------------------------------------------------------------------------------------


class Store:
    """Stands for MLflow's client on a database that is locked so often."""

    def __init__(self, times: int) -> None:
        self.asked = 0
        self.times = times

    def _answer(self) -> str:
        self.asked += 1
        if self.asked <= self.times:
            raise MlflowException("(sqlite3.OperationalError) database is locked")
        return "answered"

    get_run = search_runs = set_tag = create_run = lambda self: self._answer()


def client_on(store: Store, address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(answers.mlflow, "MlflowClient", lambda *_: store)
    return answers.ExplainingClient(address)


@pytest.mark.parametrize("call", ["get_run", "search_runs", "set_tag"])
def test_a_database_that_is_locked_for_a_moment_is_asked_again(
    call: str, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(2)
    assert getattr(client_on(store, "sqlite:////ws/mlflow.db", monkeypatch), call)() == "answered"
    assert (store.asked, waited) == (3, [0.5, 2.0])


@pytest.mark.parametrize(
    ("call", "address", "asked"),
    [
        ("create_run", "sqlite:////ws/mlflow.db", 1),  # it may have been made: there would be two
        ("get_run", "http://mlflow.example", 1),  # MLflow has asked a server again already
        ("get_run", "postgresql://db/mlflow", 4),
    ],
)
def test_a_store_that_does_not_answer_is_told_with_its_address(
    call: str, address: str, asked: int, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(9)
    with pytest.raises(EnvironmentProblemError, match=f"tracking_uri '{address}': .*database is locked"):
        getattr(client_on(store, address, monkeypatch), call)()
    assert (store.asked, len(waited)) == (asked, asked - 1)


def test_no_answer_and_a_commit_that_came_first_are_told_apart() -> None:
    assert why_passing(ConnectionResetError(104, "Connection reset by peer")) is Passing.UNANSWERED
    assert why_passing(CommitFailedError(OVERTAKEN)) is Passing.OVERTAKEN

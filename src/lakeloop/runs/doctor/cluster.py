"""The executors of a cluster: whether they work, and whether their Python and lakeloop are the driver's."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from lakeloop.discovery.text import count_of
from lakeloop.runs.doctor.failures import SPARK_FAILURES
from lakeloop.runs.doctor.finding import Finding, fail, ok
from lakeloop.runs.doctor.names import CLUSTER

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_PATIENCE_SECONDS = 90
_TASKS = 4
_ABSENT = "absent"


def check_executors(session: SparkSession, wanted: str) -> Finding:
    """Run one small job, and compare what its tasks say of their Python and lakeloop with this process.

    Args:
        session: The session.
        wanted: What it was to run on, for people.

    Returns:
        FAIL when no executor takes the job in time, it fails, or versions differ.

    >>> check_executors(spark, "spark://master:7077").status.value
    'OK'
    """
    try:
        answers = within(lambda: ask_executors(session), _PATIENCE_SECONDS)
    except TimeoutError:
        found = f"{wanted}: no executor took a job within {_PATIENCE_SECONDS} s"
        return fail(CLUSTER, found, "see the cluster's page: no worker may be free, or none reaches this driver")
    except SPARK_FAILURES as failure:
        first = str(failure).strip().partition("\n")[0]
        return fail(CLUSTER, f"{wanted}: a small job fails: {first[:200]}", "see the executors' logs")
    return judge_answers(answers, wanted, ".".join(map(str, sys.version_info[:2])), version("lakeloop"))


def judge_answers(answers: Sequence[dict[str, str]], wanted: str, python: str, lakeloop: str) -> Finding:
    """Judge what executors said.

    Args:
        answers: Of each task its host, and its versions of Python and lakeloop; `absent` where that is not importable.
        wanted: What it was to run on, for people.
        python: This process's version of Python, `3.11`.
        lakeloop: This process's version of lakeloop.

    Returns:
        FAIL when a version differs.

    >>> answer = {"host": "a", "python": "3.11", "lakeloop": "0.1.0"}
    >>> judge_answers([answer], "spark://master:7077", "3.11", "0.1.0").found
    'spark://master:7077: 1 host answers, Python 3.11, lakeloop 0.1.0'
    >>> judge_answers([answer | {"lakeloop": "absent"}], "yarn", "3.11", "0.1.0").found
    'yarn: lakeloop cannot be imported on a'
    """
    others = sorted({(each["host"], each["python"]) for each in answers if each["python"] != python})
    if others:
        host, theirs = others[0]
        remedy = "set PYSPARK_PYTHON to the same Python on all machines, or send the environment along: docs/deploy.md"
        return fail(CLUSTER, f"{wanted}: Python {theirs} on {host}, {python} here", remedy)
    unlike = sorted({(each["host"], each["lakeloop"]) for each in answers if each["lakeloop"] != lakeloop})
    if unlike:
        host, theirs = unlike[0]
        told = f"lakeloop cannot be imported on {host}"
        if theirs != _ABSENT:
            told = f"lakeloop {theirs} on {host}, {lakeloop} here"
        return fail(CLUSTER, f"{wanted}: {told}", "send this lakeloop along with the job: docs/deploy.md")
    hosts = {each["host"] for each in answers}
    said = f"{count_of(len(hosts), 'host')} {'answers' if len(hosts) == 1 else 'answer'}"
    return ok(CLUSTER, f"{wanted}: {said}, Python {python}, lakeloop {lakeloop}")


def ask_executors(session: SparkSession) -> list[dict[str, str]]:
    """Ask a few tasks where they run, and with what.

    Args:
        session: The session.

    Returns:
        Of each task `host`, `python` and `lakeloop`.

    >>> found = ask_executors(spark)
    >>> {each["lakeloop"] for each in found} == {version("lakeloop")}
    True
    """

    def tell(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # sent by value: executors that lack lakeloop could not load it by its name
        import json
        import platform
        from importlib.metadata import PackageNotFoundError, version

        import pyarrow

        try:
            __import__("lakeloop")
        except ImportError:
            has = "absent"
        else:
            try:
                has = version("lakeloop")
            except PackageNotFoundError:  # a zip on the path has no metadata: what is imported is what was sent
                has = "sent"
        answer = {"host": platform.node(), "python": platform.python_version().rpartition(".")[0], "lakeloop": has}
        for _ in batches:
            pass
        yield pyarrow.RecordBatch.from_pydict({"said": [json.dumps(answer)]})

    asked = session.range(_TASKS, numPartitions=_TASKS).mapInArrow(tell, "said string")
    rows = asked.collect()  # bounded: a row per task
    own = version("lakeloop")
    return [{**said, "lakeloop": own if said["lakeloop"] == "sent" else said["lakeloop"]} for said in map(_read, rows)]


def _read(row: Any) -> dict[str, str]:
    answer: dict[str, str] = json.loads(row["said"])
    return answer


def within(work: Callable[[], Any], seconds: float) -> Any:
    """Do something that may never end, for a while.

    Args:
        work: What to do; where it does not end it is left behind, and ends with the process.
        seconds: How long to wait.

    Returns:
        What it gives.

    Raises:
        TimeoutError: If it has not ended by then. What it raises is raised here.

    >>> within(lambda: 7, 10)
    7
    """
    ended: Queue[tuple[Any, BaseException | None]] = Queue()

    def do() -> None:
        try:
            ended.put((work(), None))
        except BaseException as failure:  # noqa: BLE001 - raised where it is waited for
            ended.put((None, failure))

    threading.Thread(target=do, daemon=True).start()
    try:
        given, failure = ended.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if failure is not None:
        raise failure
    return given

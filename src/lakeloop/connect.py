"""Spark Connect: a session whose Spark is a server elsewhere, and what of it is refused before anything is done.

A client sends plans; the server has the data, the memory and Delta. What of that does not fit is told when the session
is opened, with what was asked for, what the server has, and what to do.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyspark

from lakeloop.errors import ConfigError, ConfigIssue, EnvironmentProblemError, Failure, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REMOTE = "SPARK_REMOTE"
"""Variable that names a Connect server, as PySpark reads it."""

_WAIT_SECONDS = 20.0
_PACKAGES = ("grpc", "grpc_status", "google.rpc")
_OF_PROCESSES = (
    *("spark.master", "spark.app.", "spark.driver.", "spark.executor.", "spark.cores.", "spark.task.", "spark.ui."),
    *("spark.dynamicAllocation.", "spark.memory.", "spark.submit.", "spark.eventLog.", "spark.history."),
)
"""Settings that size and start Spark's processes: the server's own matter, whoever its clients are."""

_WANTED = {
    # Readers other than Spark take the older INT96 for nanoseconds, which end in the year 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}
"""What every session of ours is given, where the server lets it."""


def is_connect(session: Any) -> bool:
    """Tell whether a session is one of Spark Connect.

    Args:
        session: A Spark session.

    Returns:
        Told from its class: nothing is asked of a server, and its packages are not imported.

    >>> is_connect(spark)  # a classic session
    False
    """
    return type(session).__module__.startswith("pyspark.sql.connect.")


def open_remote(app: str, address: str, settings: Mapping[str, str]) -> SparkSession:
    """Open a session of a Connect server; what it cannot do for us is refused here.

    Args:
        app: Name shown by Spark.
        address: The server's, `sc://host:15002`; what `SPARK_REMOTE` says.
        settings: The project's settings; those that size processes are left to the server.

    Returns:
        The session, with the project's settings.

    Raises:
        EnvironmentProblemError: If packages are missing, the server does not answer, is of another version of Spark, or
            has no Delta.
        UsageError: If the address is none.
        ConfigError: If the server does not let a session set what the project asks for.

    >>> open_remote("shops", "spark:15002", {})
    Traceback (most recent call last):
    lakeloop.errors.UsageError: SPARK_REMOTE: got spark:15002; allowed: sc://host:port, with ;key=value after a slash; \
remedy: write SPARK_REMOTE=sc://spark:15002
    """
    shown = show_address(address)
    subject = f"Spark Connect server {shown}"
    missing = [each for each in _PACKAGES if not _is_there(each)]
    if missing:
        found = Failure("packages", f"{', '.join(missing)} cannot be imported here, and the client needs them")
        remedy = f"pip install 'pyspark[connect]=={pyspark.__version__}'"
        raise EnvironmentProblemError(subject, [found], remedy)
    if address.startswith("local"):
        remedy = f"unset {REMOTE} for a local session, or name a server: docs/spark_connect.md tells how to start one"
        raise UsageError(REMOTE, shown, "the address of a server", remedy)
    if not address.startswith("sc://"):
        remedy = f"write {REMOTE}=sc://{shown.rpartition('://')[2]}"
        raise UsageError(REMOTE, shown, "sc://host:port, with ;key=value after a slash", remedy)
    _assert_answers(address, subject)
    from pyspark.sql import SparkSession

    try:
        session: SparkSession = SparkSession.builder.remote(address).appName(app).getOrCreate()
        version = session.version
    except Exception as failure:
        if not _is_of_spark(failure):
            raise
        found = Failure("session", f"it opens none: {_first_line(failure)}")
        remedy = "check the token in the address, and the server's log"
        raise EnvironmentProblemError(subject, [found], remedy) from failure
    problem = version_problem(pyspark.__version__, version)
    if problem is not None:
        remedy = f"use a server of Spark {_minor(pyspark.__version__)}, or install pyspark=={_minor(version)}.* here"
        raise EnvironmentProblemError(subject, [problem], remedy)
    _assert_has_delta(session, subject)
    for key, value in _WANTED.items():
        with contextlib.suppress(Exception):  # a platform that fixes it has its reasons
            session.conf.set(key, value)
    _make_settings(session, shown, settings)
    return session


def show_address(address: str) -> str:
    """Write a server's address without what is secret in it.

    >>> show_address("sc://spark:15002/;use_ssl=true;token=abc")
    'sc://spark:15002/;use_ssl=true;token=***'
    """
    place, *parts = address.split(";")
    host = place.rpartition("@")
    plain = place if not host[1] else f"{place.partition('//')[0]}//***@{host[2]}"
    named = (each.partition("=") for each in parts)
    public = ("use_ssl", "user_id", "session_id", "user_agent")
    return ";".join([plain, *(f"{key}={value if key in public else '***'}" for key, _, value in named)])


def version_problem(ours: str, theirs: str) -> Failure | None:
    """Tell whether client and server are of different Spark; a patch more or less is none.

    Args:
        ours: Version of PySpark here.
        theirs: Version the server says.

    Returns:
        What does not fit; None when it does.

    >>> version_problem("4.2.0", "4.2.1") is None
    True
    >>> print(version_problem("4.2.0", "4.1.2"))
    version: the server is Spark 4.1.2, the client here PySpark 4.2.0: allowed is a server of 4.2
    """
    if _minor(ours) == _minor(theirs):
        return None
    said = f"the server is Spark {theirs}, the client here PySpark {ours}: allowed is a server of {_minor(ours)}"
    return Failure("version", said)


def assert_shared_folder(session: SparkSession, folder: Path) -> None:
    """Refuse a server that does not see a folder of this process, or whose files this process does not see.

    Landed files, checkpoints, pinned reads and the small tables are written here and read there, and the other way
    round. The server reads a line that was written here, and writes it beside; then it is looked for here.

    Args:
        session: A session of Spark Connect.
        folder: Folder that both use by the same path: the workspace.

    Raises:
        EnvironmentProblemError: If they do not.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     assert_shared_folder(spark, Path(folder))  # this session sees what this process writes
    """
    sent = uuid.uuid4().hex
    place = folder / f".seen_by_both_{sent}"
    was_there = folder.exists()
    try:
        place.mkdir(parents=True)
        (place / "asked.txt").write_text(f"{sent}\n", encoding="utf-8")
    except OSError:
        return  # nobody writes here: whoever has to will say so
    try:
        _assert_answered(session, folder, place, sent)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _assert_answered(session: SparkSession, folder: Path, place: Path, sent: str) -> None:
    found = None
    try:
        session.read.text(str(place / "asked.txt")).write.text(str(place / "answered"))
    except Exception as failure:
        if not _is_of_spark(failure):
            raise
        condition = _condition(failure)
        found = "does not see" if condition == "PATH_NOT_FOUND" else f"fails ({condition}) on"
        found = f"the server {found} a file that this process wrote there"
    else:
        answers = [part.read_text(encoding="utf-8").strip() for part in (place / "answered").glob("part-*")]
        if answers != [sent]:
            found = "this process does not see a file that the server wrote there"
    if found is not None:
        raise EnvironmentProblemError(
            f"workspace {folder}",
            [Failure("shared folder", f"{found}; allowed is a folder that client and server see by the same path")],
            "mount it by that path on both, name such a folder as workspace in project.yml, or start the server on this"
            " machine, as a user that may read and write there",
        )


def _assert_answers(address: str, subject: str) -> None:
    """Refuse a server that nobody reaches; PySpark itself would ask again for ten minutes."""
    import grpc
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.client import DefaultChannelBuilder

    try:
        channel = DefaultChannelBuilder(address).toChannel()
    except (PySparkException, ValueError) as failure:
        shown = show_address(address)
        remedy = f"mend {REMOTE}: {_first_line(failure)}"
        raise UsageError(REMOTE, shown, "sc://host:port, with ;key=value after a slash", remedy) from failure
    try:
        grpc.channel_ready_future(channel).result(timeout=_WAIT_SECONDS)
    except grpc.FutureTimeoutError as failure:
        found = Failure("connection", f"nobody answered there for {_WAIT_SECONDS:g} seconds")
        remedy = f"start it (docs/spark_connect.md tells how), or correct {REMOTE}; check port, network and use_ssl"
        raise EnvironmentProblemError(subject, [found], remedy) from failure
    finally:
        channel.close()


def _assert_has_delta(session: SparkSession, subject: str) -> None:
    """Refuse a server without Delta: it is asked what only Delta's parser knows, of a table that is not there."""
    try:
        session.sql("DESCRIBE HISTORY delta.`/lakeloop/no/such/table`").schema  # noqa: B018 - asks the server
    except Exception as failure:
        if not _is_of_spark(failure):
            raise
        if _condition(failure).startswith("DELTA_"):
            return
        found = Failure("Delta", f"it does not know DESCRIBE HISTORY of a Delta table ({_condition(failure)})")
        remedy = (
            "start it with spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension,"
            " spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog and Delta's jars:"
            " docs/spark_connect.md has the command"
        )
        raise EnvironmentProblemError(subject, [found], remedy) from failure


def _make_settings(session: SparkSession, shown: str, settings: Mapping[str, str]) -> None:
    issues = []
    for key, value in settings.items():
        if key.startswith(_OF_PROCESSES):
            continue
        there = session.conf.get(key, None)
        if there == value:
            continue
        try:
            session.conf.set(key, value)
        except Exception as failure:
            if not _is_of_spark(failure):
                raise
            refused = _condition(failure).startswith("CANNOT_MODIFY")
            issues.append(
                ConfigIssue(
                    "project.yml",
                    None,
                    f"spark: {key}",
                    value,
                    f"{there or 'nothing'}, as the server {shown} was started: a session cannot set it"
                    if refused
                    else f"a value that Spark takes: {_first_line(failure)}",
                    f"start the server with --conf {key}={value}, or take the line out for this environment"
                    if refused
                    else "correct the value",
                )
            )
    if issues:
        raise ConfigError(issues)


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package above it
        return False


def _is_of_spark(failure: Exception) -> bool:
    return type(failure).__module__.startswith(("pyspark.", "grpc"))


def _condition(failure: Exception) -> str:
    """Give the condition of a failure; over Connect its class says little."""
    asked = getattr(failure, "getCondition", None)
    return str((asked() if asked is not None else None) or type(failure).__name__)


def _first_line(failure: Exception) -> str:
    return str(failure).strip().partition("\n")[0][:200] or type(failure).__name__


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])

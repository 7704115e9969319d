"""Where the tables of a workspace lie, and who may commit to them there.

A commit to a Delta table is a file of the log that nobody may put a second time. Folders, Azure and Google Cloud have a
way to put a file only where there is none, and both engines use it. On S3 they use different ones, or none: delta-rs
puts conditionally; Spark replaces what is there, unless a log store asks DynamoDB first, which delta-rs does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from lakeloop.config.workspace import S3, S3Writers, is_address, is_s3
from lakeloop.errors import EnvironmentProblemError, Failure

LOG_STORE = f"spark.delta.logStore.{S3}.impl"
"""Spark's setting that names the log store of S3."""

SAFE_LOG_STORE = "io.delta.storage.S3DynamoDBLogStore"
"""The log store that lets several drivers commit to tables on S3."""

_PAGE = "docs/storage.md"


@dataclass(frozen=True)
class Store:
    """Where the tables lie.

    Attributes:
        root: Folder or address of the workspace; layers and tables are below it.
        s3_writers: What is declared of jobs that write at the same time; of S3 only.
        spark_settings: What project.yml says to Spark, to tell where a log store was left out.
    """

    root: str
    s3_writers: S3Writers | None = None
    spark_settings: Mapping[str, str | int | bool] = field(default_factory=dict, compare=False)

    @property
    def is_address(self) -> bool:
        """Whether it is an address of an object store.

        >>> Store("s3a://lake/flights").is_address, Store("/data/ws").is_address
        (True, False)
        """
        return is_address(self.root)

    @property
    def by_spark(self) -> bool:
        """Whether Spark makes every commit, because the engines do not see one another's here.

        >>> [Store("s3a://lake/flights", each).by_spark for each in (S3Writers.ONE, S3Writers.SEVERAL)]
        [False, True]
        """
        return is_s3(self.root) and self.s3_writers is S3Writers.SEVERAL

    def assert_writable(self, spark: Callable[[], SparkSession]) -> None:
        """Refuse to write where commits of other jobs would be lost.

        Args:
            spark: Gives the session; asked only where what it was started with decides.

        Raises:
            EnvironmentProblemError: If nothing is declared of S3, or Spark has no log store for several writers.

        >>> Store("/data/ws").assert_writable(lambda: spark)
        >>> try:
        ...     Store("s3a://lake/flights").assert_writable(lambda: spark)
        ... except EnvironmentProblemError as error:
        ...     print(error.failures[0])
        s3_writers: it is not declared, and on S3 a commit can replace another job's without a word
        """
        if not is_s3(self.root):
            return
        log_store = spark().conf.get(LOG_STORE, None) if self.by_spark else None
        problem = find_problem(self.s3_writers, log_store, str(self.spark_settings.get(LOG_STORE, "")))
        if problem is not None:
            failure, remedy = problem
            raise EnvironmentProblemError(f"workspace {self.root}", [failure], f"{remedy}; see {_PAGE}")


def find_problem(declared: S3Writers | None, log_store: str | None, wanted: str = "") -> tuple[Failure, str] | None:
    """Judge whether jobs may write to tables on S3.

    Args:
        declared: What is declared of jobs that write at the same time.
        log_store: Class of the log store that the session has for S3; None for Spark's own choice.
        wanted: What project.yml says of it; empty where it says nothing.

    Returns:
        What is wrong, and what to do; None when commits cannot replace one another.

    >>> find_problem(S3Writers.ONE, None), find_problem(S3Writers.SEVERAL, SAFE_LOG_STORE)
    (None, None)
    >>> failure, remedy = find_problem(S3Writers.SEVERAL, None)
    >>> print(failure)
    spark.delta.logStore.s3a.impl: it is not set, so Spark replaces what another job committed; allowed: \
io.delta.storage.S3DynamoDBLogStore
    """
    if declared is None:
        return (
            Failure("s3_writers", "it is not declared, and on S3 a commit can replace another job's without a word"),
            "write s3_writers: one in project.yml where one job at a time writes; or s3_writers: several, with"
            f" {LOG_STORE}: {SAFE_LOG_STORE} under spark:",
        )
    if declared is S3Writers.ONE or log_store == SAFE_LOG_STORE:
        return None
    got = f"it is {log_store}" if log_store else "it is not set, so Spark replaces what another job committed"
    remedy = f"write {LOG_STORE}: {SAFE_LOG_STORE} under spark: in project.yml, with its DynamoDB table and jar"
    if wanted == SAFE_LOG_STORE:
        remedy = "the session was started without it, though project.yml names it: tell spark-submit or the server"
    return Failure(LOG_STORE, f"{got}; allowed: {SAFE_LOG_STORE}"), f"{remedy}; or s3_writers: one"

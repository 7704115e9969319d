"""Whether Spark and this process see the same tables: Spark may run on machines that lack a folder, or a credential."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from deltalake.exceptions import DeltaError

from lakeloop.discovery.text import in_a_line
from lakeloop.runs.doctor.cluster import within
from lakeloop.runs.doctor.failures import SPARK_FAILURES
from lakeloop.runs.doctor.finding import Finding, fail, ok
from lakeloop.runs.doctor.names import SHARED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PATIENCE_SECONDS = 120
_MOST_SHOWN = 200


def check_shared(session: SparkSession, root: str) -> Finding:
    """Have Spark append to a small table that this process made, and read back what it wrote.

    Args:
        session: The session.
        root: Folder or address of the tables.

    Returns:
        FAIL when one does not see what the other wrote. The table is removed again.

    >>> check_shared(spark, str(context.config.workspace)).status.value
    'OK'
    """
    from lakeloop.tables import PREFIX, make_trial, read_trial, remove_table

    path = f"{root.rstrip('/')}/{PREFIX}{uuid.uuid4().hex[:12]}"
    remedy = "the workspace has to be a place that driver, executors and server see alike: docs/storage.md"

    def exchange() -> list[int]:
        make_trial(path)
        session.range(1).selectExpr("id + 2 as n").write.format("delta").mode("append").save(path)
        return read_trial(path)

    try:
        found = within(exchange, _PATIENCE_SECONDS)
    except TimeoutError:
        return fail(SHARED, f"{root}: Spark wrote nothing within {_PATIENCE_SECONDS} s", remedy)
    except (*SPARK_FAILURES, DeltaError, OSError) as failure:
        return fail(SHARED, f"{root}: {in_a_line(failure)[:_MOST_SHOWN]}", _remedy(failure, remedy))
    finally:
        with suppress(OSError):
            remove_table(path)
    if sorted(found) != [1, 2]:
        return fail(SHARED, f"{root}: what Spark wrote there is not there for this process", remedy)
    return ok(SHARED, f"Spark and this process read and write the same tables at {root}")


def _remedy(failure: Exception, otherwise: str) -> str:
    """Name what Spark lacks for a store, where that is what it says.

    >>> _remedy(ValueError("ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"), "")
    "Spark lacks the store's file system: add its jars, for S3 org.apache.hadoop:hadoop-aws: docs/storage.md"
    """
    said = str(failure)
    if "No FileSystem for scheme" in said or ("ClassNotFoundException" in said and ".fs." in said):
        return "Spark lacks the store's file system: add its jars, for S3 org.apache.hadoop:hadoop-aws: docs/storage.md"
    if "DATA_SOURCE_NOT_FOUND" in said or "Failed to find data source: delta" in said:
        return "Spark there lacks Delta: start it with the Delta jars, extension and catalog: docs/deploy.md"
    return otherwise

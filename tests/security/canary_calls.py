"""Calls of the command line, one after the other in one process with one Spark: python -m tests.security.canary_calls.

What Spark shows of its settings on its own pages goes to the file that the environment names.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

from lakeloop.cli import main


def spark_pages() -> str:
    """Read what Spark's pages show of settings, jobs and queries."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        return ""
    context = session.sparkContext
    root = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}"
    addresses = [f"{root}/{page}" for page in ("environment", "jobs", "sql?length=10000", "stages")]
    addresses += [f"{context.uiWebUrl}/environment/"]
    return "\n".join(urllib.request.urlopen(each).read().decode("utf-8") for each in addresses)


if __name__ == "__main__":
    for arguments in json.loads(sys.argv[1]):
        try:
            main(arguments)
        except SystemExit as ended:
            sys.stdout.write(f"{arguments} ended with {ended.code}\n")
    Path(os.environ["SPARK_PAGES"]).write_text(spark_pages(), encoding="utf-8")

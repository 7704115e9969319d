"""What Spark's event log tells of an application: tasks, shuffled bytes, and what came back to the driver."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SETTINGS = {
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
"""Settings with which Spark writes a log that `read_log` reads; `spark.eventLog.dir` is added."""


@dataclass(frozen=True)
class SparkWork:
    """What the tasks of an application did.

    Attributes:
        jobs: Spark jobs.
        tasks: Tasks that ended, failed ones included.
        shuffle_bytes: Bytes written for other stages to read.
        spilled_bytes: Bytes written to disk for lack of memory.
        result_bytes: Bytes of results that tasks sent to the driver.
        read_rows: Rows read from files.
    """

    jobs: int = 0
    tasks: int = 0
    shuffle_bytes: int = 0
    spilled_bytes: int = 0
    result_bytes: int = 0
    read_rows: int = 0


def read_log(lines: Iterable[str]) -> SparkWork:
    """Sum up the lines of an event log.

    Args:
        lines: One JSON object each.

    Returns:
        The sums.

    >>> metrics = {"Result Size": 900, "Shuffle Write Metrics": {"Shuffle Bytes Written": 50}}
    >>> read_log([json.dumps({"Event": "SparkListenerJobStart"}),
    ...           json.dumps({"Event": "SparkListenerTaskEnd", "Task Metrics": metrics})])
    SparkWork(jobs=1, tasks=1, shuffle_bytes=50, spilled_bytes=0, result_bytes=900, read_rows=0)
    """
    jobs, ended = 0, []
    for line in lines:
        if "SparkListenerJobStart" in line[:40]:
            jobs += 1
        elif "SparkListenerTaskEnd" in line[:40]:
            ended.append(json.loads(line).get("Task Metrics") or {})
    return SparkWork(
        jobs,
        len(ended),
        sum(each.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0) for each in ended),
        sum(each.get("Disk Bytes Spilled", 0) for each in ended),
        sum(each.get("Result Size", 0) for each in ended),
        sum(each.get("Input Metrics", {}).get("Records Read", 0) for each in ended),
    )


def read_logs(folder: Path) -> SparkWork:
    """Sum up all logs of a folder.

    Args:
        folder: `spark.eventLog.dir`; its logs are whole when the applications have ended.

    Returns:
        The sums.
    """
    found = [read_log(path.open(encoding="utf-8")) for path in sorted(folder.iterdir()) if path.is_file()]
    return SparkWork(*(sum(getattr(each, name) for each in found) for name in SparkWork.__dataclass_fields__))

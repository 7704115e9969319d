"""Spark's jobs, told apart: the run, the step and the model in their tags and, where there is one, their description.

Tags are kept by the session and by Spark Connect alike; a description only by a Spark in this process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pyspark.sql import SparkSession

from lakeloop.connect import is_connect
from lakeloop.run_log import RunFields, current_run

PREFIX = "lakeloop-run-"
_NOT_IN_TAGS = re.compile(r"[\s,]+")  # Spark refuses commas

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Label:
    session: SparkSession
    fields: RunFields


_latest: list[_Label] = []


def label_jobs(session: SparkSession) -> None:
    """Label the jobs that this thread starts from now on with the run that it works for.

    Args:
        session: The session.

    >>> from lakeloop.run_log import run_fields
    >>> with run_fields(run_id="7d", job="run", step="score", subject="late", as_of="2024-02-04T00:00:00Z"):
    ...     label_jobs(spark)
    ...     sorted(each for each in spark.getTags() if each.startswith("lakeloop"))
    ['lakeloop-run-7d', 'lakeloop-step-score-late']
    >>> label_jobs(spark)
    >>> [each for each in spark.getTags() if each.startswith("lakeloop")]
    []
    """
    fields = current_run()
    _latest[:] = [_Label(session, fields)]
    _apply(session, fields)


def _apply(session: SparkSession, fields: RunFields) -> None:
    wanted = set() if fields.run_id is None else {f"{PREFIX}{fields.run_id}"}
    if fields.step is not None:
        named = "-".join(filter(None, (fields.step, fields.subject)))
        wanted.add(f"lakeloop-step-{_NOT_IN_TAGS.sub('_', named)}")
    there = {each for each in session.getTags() if each.startswith("lakeloop-")}
    for tag in there - wanted:
        session.removeTag(tag)
    for tag in wanted - there:
        session.addTag(tag)
    _describe(session, fields)


def _describe(session: SparkSession, fields: RunFields) -> None:
    if is_connect(session):
        return
    parts = (fields.job, fields.step if fields.step != fields.job else None, fields.subject, fields.as_of)
    text = " ".join(filter(None, parts))
    shown = f"lakeloop {text} (run {fields.run_id})" if fields.run_id is not None else None
    session.sparkContext.setLocalProperty("spark.job.description", shown)  # type: ignore[arg-type]  # None removes it


def labelled(call: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """Give a function that labels the jobs of the thread it is called in as those of the thread that asked.

    Args:
        call: The function.

    Returns:
        The same, for another thread.

    >>> labelled(str.upper)("a")
    'A'
    """
    label = _latest[-1] if _latest else None

    def labelling(item: Item) -> Result:
        if label is not None:
            _apply(label.session, label.fields)
        return call(item)

    return labelling

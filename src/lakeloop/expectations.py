"""The only module that imports Great Expectations: suites made from the declarations, run on a frame.

One ephemeral context serves the whole process. Results hold verdicts and counts, never values of the data.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyspark.sql import DataFrame

from lakeloop.statuses import Severity


@dataclass(frozen=True)
class Expectation:
    """An expectation by its Great Expectations name.

    Attributes:
        check: Name under which its verdict is recorded.
        type: Class name in `great_expectations.expectations`.
        arguments: Its arguments.
        severity: Whether a failure stops the turn (`fail`) or is recorded (`warn`).
    """

    check: str
    type: str
    arguments: dict[str, Any]
    severity: Severity


@dataclass(frozen=True)
class ExpectationVerdict:
    """What came of an expectation.

    Attributes:
        expectation: The expectation.
        passed: The verdict; None when it raised and could not be judged.
        unexpected_rows: Rows that broke it, where it failed and rows can be counted.
        problem: Why it could not be judged.
    """

    expectation: Expectation
    passed: bool | None
    unexpected_rows: int | None = None
    problem: str | None = None


@cache
def _context() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def run_suite(rows: DataFrame, name: str, expectations: Sequence[Expectation]) -> list[ExpectationVerdict]:
    """Run expectations on a frame.

    Args:
        rows: The frame.
        name: Name of the suite.
        expectations: What to expect.

    Returns:
        A verdict per expectation, in order. A failed one was run again to count the rows that broke it.

    >>> at_least = Expectation("min_rows", "ExpectTableRowCountToBeBetween", {"min_value": 2}, Severity.FAIL)
    >>> known = Expectation("not_null_id", "ExpectColumnValuesToNotBeNull", {"column": "id"}, Severity.WARN)
    >>> rows = spark.sql("select * from values (1), (2), (null) as t(id)")
    >>> for found in run_suite(rows, "ids", [at_least, known]):
    ...     print(found.expectation.check, found.passed, found.unexpected_rows)
    min_rows True None
    not_null_id False 1
    """
    results = _validate(rows, name, expectations, "BOOLEAN_ONLY")
    problems = [_problem(result) for result in results]
    failed = [
        expectation
        for expectation, result, problem in zip(expectations, results, problems, strict=True)
        if problem is None and not result.success
    ]
    counted = iter(_validate(rows, name, failed, "BASIC") if failed else [])
    verdicts = []
    for expectation, result, problem in zip(expectations, results, problems, strict=True):
        if problem is not None:
            verdicts.append(ExpectationVerdict(expectation, None, problem=problem))
        elif result.success:
            verdicts.append(ExpectationVerdict(expectation, passed=True))
        else:
            count = next(counted).result.get("unexpected_count")
            verdicts.append(ExpectationVerdict(expectation, passed=False, unexpected_rows=count))
    return verdicts


def _validate(rows: DataFrame, name: str, expectations: Sequence[Expectation], result_format: str) -> list[Any]:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = _context()
    if name in {each.name for each in context.data_sources.all().values()}:
        context.data_sources.delete(name)
    source = context.data_sources.add_spark(name, persist=False)
    batch = source.add_dataframe_asset(name=name).add_batch_definition_whole_dataframe(name)
    suite = gx.ExpectationSuite(name=name)
    for index, each in enumerate(expectations):
        suite.add_expectation(getattr(gxe, each.type)(**each.arguments, meta={"index": index}))
    found = batch.get_batch({"dataframe": rows}).validate(suite, result_format=result_format)
    context.data_sources.delete(name)
    return sorted(found.results, key=lambda result: int(result.expectation_config.meta["index"]))


def _problem(result: Any) -> str | None:
    info = result.exception_info or {}
    raised = info.get("raised_exception") or any(
        isinstance(each, dict) and each.get("raised_exception") for each in info.values()
    )
    if not raised:
        return None
    message = info.get("exception_message") or next(
        (each.get("exception_message") for each in info.values() if isinstance(each, dict)), "unknown"
    )
    return str(message).splitlines()[0][:300]

"""The only module that imports Great Expectations: suites made from the declarations, run on a frame, and Data Docs.

One ephemeral context serves the whole process. Results hold verdicts and counts, never values of the data.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from lakeloop.config.spark_text import quotes_data, shorten_spark
from lakeloop.errors import EnvironmentProblemError, Failure
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


@dataclass(frozen=True)
class StoredVerdict:
    """A check as it was recorded.

    Attributes:
        check: Its name.
        severity: What a failure does.
        passed: The verdict; None when it could not be judged.
        problem: What is wrong, or why it could not be judged.
        type: Class name in `great_expectations.expectations`; None for a check of lakeloop's own.
        arguments: Its arguments.
        found: What was found: name -> number.
    """

    check: str
    severity: Severity
    passed: bool | None
    problem: str | None = None
    type: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredResult:
    """What was recorded of a source in a turn.

    Attributes:
        source: The source.
        as_of: Logical now of the turn.
        rows: Rows that were judged.
        passed: Whether the turn could go on.
        verdicts: The checks.
    """

    source: str
    as_of: datetime
    rows: int
    passed: bool
    verdicts: tuple[StoredVerdict, ...]


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
    asked: dict[str, int] = {}
    for each in expectations:
        if _question(each) not in asked:  # a suite holds equal expectations once
            asked[_question(each)] = len(asked)
            suite.add_expectation(getattr(gxe, each.type)(**each.arguments, meta={"index": asked[_question(each)]}))
    found = batch.get_batch({"dataframe": rows}).validate(suite, result_format=result_format)
    context.data_sources.delete(name)
    results = sorted(found.results, key=lambda result: int(result.expectation_config.meta["index"]))
    return [results[asked[_question(each)]] for each in expectations]


def _question(expectation: Expectation) -> str:
    given = {name: value for name, value in expectation.arguments.items() if value is not None}
    return json.dumps([expectation.type, given], sort_keys=True)


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
    text = str(message)
    return (shorten_spark(text) if quotes_data(None, text) else text.splitlines()[0])[:300]


_SITE = "lakeloop"
_RANDOM_NAME = re.compile(r"(?<=collapse-body-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REMOTE_LOGO = re.compile(r"https://great-expectations-web-assets[^\"]*/logo-long\.png[^\"]*")


def write_data_docs(results: Sequence[StoredResult], folder: Path) -> None:
    """Write recorded verdicts as Data Docs, by the renderer of Great Expectations; nothing is judged again.

    Args:
        results: What was recorded, source by source and turn by turn.
        folder: Where to; it is empty or does not exist. The same results give the same bytes.

    Raises:
        EnvironmentProblemError: If a page could not be rendered.

    >>> import tempfile
    >>> from datetime import UTC
    >>> known = {"type": "ExpectColumnValuesToNotBeNull", "arguments": {"column": "seats"}}
    >>> verdicts = (
    ...     StoredVerdict("not_null_seats", Severity.WARN, False, **known, found={"unexpected_rows": 2}),
    ...     StoredVerdict("freshness_event_ts", Severity.FAIL, True, found={"age_seconds": 60.0}),
    ... )
    >>> may = StoredResult("planes", datetime(2013, 5, 1, tzinfo=UTC), rows=9, passed=True, verdicts=verdicts)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_data_docs([may], Path(folder))
    ...     pages = sorted(page.relative_to(folder).as_posix() for page in Path(folder).rglob("*.html"))
    >>> pages
    ['index.html', 'validations/planes/20130501T000000Z/20130501T000000.000000Z/planes.html']
    """
    context = _site_context()
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for result in results:
        context.validation_results_store.set(*_as_validation(result))
    context.build_data_docs(site_names=[_SITE])
    pages = sorted(folder.rglob("*.html"))
    if len(pages) != len(results) + 1:  # Great Expectations prints what it can't render, and goes on
        raise EnvironmentProblemError(
            "Data Docs",
            [Failure("pages", f"{len(pages)} were written, {len(results) + 1} were to be")],
            "look at what Great Expectations printed; install the version that requirements.lock names",
        )
    for page in pages:
        _make_repeatable(page, folder)


def _site_context() -> Any:
    """A context of its own, so that no site shows what another one was given."""
    _context()  # quiet, and without analytics
    import great_expectations as gx

    return gx.get_context(mode="ephemeral")


def _make_repeatable(page: Path, folder: Path) -> None:
    """Take out random names, and the address of a logo that tells when a page was written; a logo lies beside them."""
    depth = len(page.relative_to(folder).parts) - 1
    text = page.read_text(encoding="utf-8")
    text = _REMOTE_LOGO.sub(f"{'../' * depth}static/images/logo-long.png", text)
    page.write_text(_RANDOM_NAME.sub("0", text), encoding="utf-8")


def _as_validation(result: StoredResult) -> tuple[Any, Any]:
    """Write a result as Great Expectations keeps them: its key and its content."""
    import great_expectations as gx
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run = RunIdentifier(run_name=f"{result.as_of:%Y%m%dT%H%M%SZ}", run_time=result.as_of)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=result.source),
        run_id=run,
        batch_identifier=result.source,
    )
    passed = sum(each.passed is True for each in result.verdicts)
    statistics = {
        "evaluated_expectations": len(result.verdicts),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(result.verdicts) - passed,
        "success_percent": 100.0 * passed / len(result.verdicts) if result.verdicts else None,
    }
    content = ExpectationSuiteValidationResult(
        success=result.passed,
        results=[_as_expectation_result(each, result.rows) for each in result.verdicts],
        suite_name=result.source,
        statistics=statistics,
        meta={"great_expectations_version": gx.__version__, "run_id": run.to_json_dict()},
    )
    return key, content


def _as_expectation_result(verdict: StoredVerdict, rows: int) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations.core import ExpectationValidationResult

    severity = "warning" if verdict.severity is Severity.WARN else "critical"
    if verdict.type is None:
        expectation = _recorded_check()(description=verdict.check, severity=severity)
    else:
        expectation = getattr(gxe, verdict.type)(**verdict.arguments, severity=severity)
    unjudged = verdict.passed is None
    broken = verdict.found.get("unexpected_rows")
    found = ", ".join(f"{name}: {value}" for name, value in verdict.found.items() if value is not None)
    shown: dict[str, Any] = {"observed_value": found or None}
    if verdict.type is not None:
        is_whole = verdict.type.startswith("ExpectTable")
        counted = {"element_count": rows, "unexpected_count": broken or 0}
        shown = {"observed_value": rows} if is_whole else counted
        if not is_whole and rows:
            shown["unexpected_percent"] = 100.0 * (broken or 0) / rows
    return ExpectationValidationResult(
        success=verdict.passed is True,
        expectation_config=expectation.configuration,
        result=shown,
        meta={},
        exception_info={
            "raised_exception": unjudged,
            "exception_message": f"not judged: {verdict.problem}" if unjudged else None,
            "exception_traceback": "",  # it is rendered as text
        },
    )


@cache
def _recorded_check() -> Any:
    """A kind of expectation for the checks that Great Expectations does not have; it is shown, never run."""
    from great_expectations.expectations.expectation import BatchExpectation

    class ExpectRecordedCheckToPass(BatchExpectation):  # type: ignore[misc]  # it has no types
        def _validate(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    return ExpectRecordedCheckToPass

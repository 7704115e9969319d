"""The quality gate: a turn's bronze rows through a suite made from the declarations, once per source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.source import Allowed, ColumnType, Expression, NotNull, Range, Source, Unique, rule_name
from lakeloop.errors import Failure, QualityGateError
from lakeloop.expectations import Expectation, ExpectationVerdict, run_suite
from lakeloop.quality.typing import cast_text
from lakeloop.runs.context import Context
from lakeloop.statuses import Severity, Status
from lakeloop.tables import Lake, WriteIdentity

JOB = "quality"
SUITE = "suite"
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SourceQuality:
    """The gate's verdict on one source.

    Attributes:
        source: The source.
        rows: Rows checked.
        status: OK, or why there was nothing to judge.
        passed: The verdict; None when there was nothing to judge and the source may be silent.
        failures: Failed checks.
    """

    source: str
    rows: int
    status: Status
    passed: bool | None
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class QualityResult:
    """The gate's verdicts."""

    sources: tuple[SourceQuality, ...]

    @property
    def passed(self) -> bool:
        """Whether no source failed."""
        return all(each.passed is not False for each in self.sources)


def check_quality(context: Context) -> QualityResult:
    """Put what became available in the turn through the gate, source by source.

    Args:
        context: Project, lake and logical now.

    Returns:
        A verdict per source; also written to `monitoring.quality`, whatever it is.
    """
    with context.lake.writing():
        return QualityResult(tuple(_check(context, source) for source in context.config.sources.values()))


def assert_gate_passed(context: Context, source: str) -> None:
    """Refuse to build on rows that did not pass the gate; rows it has not seen yet are put through it.

    Args:
        context: Project, lake and logical now.
        source: The source.

    Raises:
        QualityGateError: If the gate failed.
    """
    verdict = _check(context, context.config.sources[source])
    if verdict.passed is False:
        raise QualityGateError(
            f"source {source}",
            verdict.failures,
            "look at monitoring.quality and quarantine; mend the feed or the rule; nothing was built on these rows",
        )


def read_gate(context: Context) -> bool | None:
    """Tell whether the gate passed in this turn.

    Args:
        context: Project, lake and logical now.

    Returns:
        False when a source failed, True when none did, None when a source was not judged in this turn.
    """
    lake = context.lake
    address = lake.own(schemas.QUALITY)
    verdicts: list[bool | None] = []
    for name in context.config.sources:
        commit = lake.find_commit(address, WriteIdentity(JOB, f"{name} {context.turn}"))
        if commit is None:
            return None
        verdicts.append(commit.notes["passed"])
    return False not in verdicts


def suite_of(source: Source) -> list[Expectation]:
    """Make a suite from a source's declarations.

    Args:
        source: The source's declaration.

    Returns:
        Expectations: least rows, key and times present, key unique, and every declared rule. What was quarantined is
        not in bronze any more, so a rule of severity quarantine that fails here is a breach of contract.
    """
    null, unique = "ExpectColumnValuesToNotBeNull", "ExpectCompoundColumnsToBeUnique"
    fail = Severity.FAIL
    expectations = [
        Expectation("min_rows", "ExpectTableRowCountToBeBetween", {"min_value": source.gate.min_rows}, fail),
        *(
            Expectation(f"not_null_{name}", null, {"column": name}, fail)
            for name in dict.fromkeys((*source.key, "event_ts", "available_ts"))
        ),
        _unique("unique_key", source.key, unique),
    ]
    for rule in source.rules:
        severity = Severity.WARN if rule.severity is Severity.WARN else fail
        match rule:
            case NotNull():
                expectations += [
                    Expectation(f"not_null_{name}", null, {"column": name}, severity)
                    for name in rule.columns
                    if name not in source.key
                ]
            case Unique():
                expectations.append(_unique(rule_name(rule), rule.columns, unique))
            case Range():
                bounds = {"column": rule.column, "min_value": rule.min, "max_value": rule.max}
                expectations.append(Expectation(rule_name(rule), "ExpectColumnValuesToBeBetween", bounds, severity))
            case Allowed():
                allowed = {"column": rule.column, "value_set": list(rule.values)}
                expectations.append(Expectation(rule_name(rule), "ExpectColumnValuesToBeInSet", allowed, severity))
            case Expression():
                holds = {"column": _holds(rule), "value_set": [True]}
                expectations.append(Expectation(rule.name, "ExpectColumnValuesToBeInSet", holds, severity))
    return expectations


def _unique(check: str, columns: Sequence[str], compound: str) -> Expectation:
    if len(columns) == 1:
        return Expectation(check, "ExpectColumnValuesToBeUnique", {"column": columns[0]}, Severity.FAIL)
    return Expectation(check, compound, {"column_list": list(columns)}, Severity.FAIL)


def _holds(rule: Expression) -> str:
    return f"holds_{rule.name}"


def _rows_to_check(context: Context, source: Source, after: datetime) -> DataFrame:
    lake = context.lake
    rows = lake.read(lake.address("bronze", source.source), context.as_of, after=after)
    for name, kind in source.all_columns.items():
        if kind is ColumnType.LOCAL_TIMESTAMP:  # rules saw a local reading as the instant a clock in UTC shows it
            rows = rows.withColumn(name, cast_text(F.col(name), kind))
    expressions = [rule for rule in source.rules if isinstance(rule, Expression)]
    return rows.withColumns({_holds(rule): F.coalesce(F.expr(rule.that), F.lit(True)) for rule in expressions})


def _check(context: Context, source: Source) -> SourceQuality:
    lake, name = context.lake, source.source
    identity = WriteIdentity(JOB, f"{name} {context.turn}")
    address = lake.create_own(schemas.QUALITY)
    done = lake.find_commit(address, identity)
    if done is not None:
        return _from_notes(name, done.notes)
    context.progress(f"quality {name}")
    after = _checked_through(lake, name, context.as_of)
    bronze = lake.address("bronze", name)
    rows = _rows_to_check(context, source, after) if lake.exists(bronze) else None
    count = rows.count() if rows is not None else 0
    suite = suite_of(source)
    if rows is None or count == 0:
        passed = None if source.gate.min_rows == 0 else False
        failures: tuple[Failure, ...] = ()
        if passed is False:
            failures = (Failure("min_rows", "no row became available in the turn"),)
        verdict, verdicts = SourceQuality(name, 0, Status.EMPTY_WINDOW, passed, failures), []
    else:
        verdicts = run_suite(rows, name, suite)
        failures = tuple(
            Failure(each.expectation.check, _describe(each))
            for each in verdicts
            if each.passed is not True and each.expectation.severity is Severity.FAIL
        )
        verdict = SourceQuality(name, count, Status.OK, not failures, failures)
    found = [_row(context, verdict, after, each) for each in verdicts]
    whole = {"failures": [str(each) for each in verdict.failures]}
    found.append(_quality_row(context, verdict, after, SUITE, "fail", verdict.passed, whole))
    notes = {
        "rows": verdict.rows,
        "status": verdict.status.value,
        "passed": verdict.passed,
        "failures": [[each.name, each.detail] for each in verdict.failures],
        "through": context.as_of.isoformat(),
        "source": name,
    }
    lake.append_own(schemas.QUALITY, found, identity, notes=notes)
    return verdict


def _from_notes(name: str, notes: Any) -> SourceQuality:
    failures = tuple(Failure(*each) for each in notes["failures"])
    return SourceQuality(name, notes["rows"], Status(notes["status"]), notes["passed"], failures)


def _checked_through(lake: Lake, source: str, as_of: datetime) -> datetime:
    """Tell up to where earlier turns checked the source."""
    commits = lake.commits(lake.own(schemas.QUALITY))
    earlier = [datetime.fromisoformat(each.notes["through"]) for each in commits if each.notes.get("source") == source]
    return max((each for each in earlier if each < as_of), default=_BEGINNING)


def _describe(verdict: ExpectationVerdict) -> str:
    if verdict.problem is not None:
        return f"could not be judged: {verdict.problem}"
    return "not met" if verdict.unexpected_rows is None else f"{verdict.unexpected_rows} rows"


def _row(context: Context, verdict: SourceQuality, after: datetime, each: ExpectationVerdict) -> dict[str, Any]:
    observed = {"unexpected_rows": each.unexpected_rows, "problem": each.problem}
    expectation = each.expectation
    return _quality_row(context, verdict, after, expectation.check, expectation.severity.value, each.passed, observed)


def _quality_row(
    context: Context,
    verdict: SourceQuality,
    after: datetime,
    check: str,
    severity: str,
    passed: bool | None,
    observed: dict[str, Any],
) -> dict[str, Any]:
    return {
        "source": verdict.source,
        "window": (after, context.as_of),
        "check": check,
        "severity": severity,
        "rows": verdict.rows,
        "status": verdict.status.value,
        "passed": passed,
        "observed": json.dumps(observed),
        "as_of": context.as_of,
    }

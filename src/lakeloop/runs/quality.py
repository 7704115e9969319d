"""The quality gate: a turn's bronze rows through a suite made from the declarations, source by source.

A verdict stands, but a source that failed is judged again at the same instant once its rows or its declaration are
others: a feed that came late, or a rule that was mended. What failed and was not judged again is judged with the next
turn's rows: nothing was built on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from lakeloop import schemas
from lakeloop.config.rules.not_null import NotNull
from lakeloop.config.rules.unique import expected_unique
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.discovery.text import count_of
from lakeloop.errors import Failure, QualityGateError
from lakeloop.expectations import Expectation, ExpectationVerdict, run_suite
from lakeloop.quality.rules import holds
from lakeloop.runs.context import Context
from lakeloop.runs.table_rules import (
    SUITE,
    TableVerdict,
    as_json,
    judge_turn,
    measure_rows,
    read_bronze,
    sources_referred,
)
from lakeloop.statuses import Severity, Status
from lakeloop.tables import Commit, Lake, WriteIdentity
from lakeloop.with_columns import with_columns

JOB = "quality"
_AGAIN = " again "
"""Stands in the unit of a second verdict on a source at one instant, before its number."""
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

    @property
    def summary(self) -> str:
        """Rows that were judged, and the sources that failed."""
        failed = [each.source for each in self.sources if each.passed is False]
        judged = f"{count_of(sum(each.rows for each in self.sources), 'row')} judged"
        return f"{judged}, failed: {', '.join(failed)}" if failed else f"{judged}, passed"


def check_quality(context: Context) -> QualityResult:
    """Put what became available in the turn through the gate, source by source.

    Args:
        context: Project, lake and logical now.

    Returns:
        A verdict per source; also written to `monitoring.quality`, whatever it is.

    >>> [(each.source, each.rows, each.passed) for each in check_quality(context).sources]
    [('deliveries', 229, True), ('orders', 240, True)]
    """
    with context.lake.writing():
        return QualityResult(tuple(_check(context, source) for source in context.config.sources.values()))


def assert_gate_passed(verdicts: Sequence[SourceQuality]) -> None:
    r"""Refuse to build on rows that did not pass the gate.

    Args:
        verdicts: What the gate said of each source that is built on.

    Raises:
        QualityGateError: If a source failed; with the failures of all that did.

    >>> assert_gate_passed(check_quality(context).sources)  # all passed
    >>> silent = [SourceQuality(name, 0, Status.EMPTY_WINDOW, False, (Failure("min_rows", "no row became available"),))
    ...           for name in ("deliveries", "orders")]
    >>> try:
    ...     assert_gate_passed(silent)
    ... except QualityGateError as error:
    ...     print(*error.failures, sep="\n")
    deliveries.min_rows: no row became available
    orders.min_rows: no row became available
    """
    failed = [each for each in verdicts if each.passed is False]
    if failed:
        raise QualityGateError(
            ", ".join(f"source {each.source}" for each in failed),
            [
                Failure(failure.name if len(failed) == 1 else f"{each.source}.{failure.name}", failure.detail)
                for each in failed
                for failure in each.failures
            ],
            "look at monitoring.quality and quarantine; mend the feed or the rule, then call it again:"
            " nothing was built on these rows",
        )


def read_gate(context: Context) -> bool | None:
    """Tell whether the gate passed in this turn.

    Args:
        context: Project, lake and logical now.

    Returns:
        False when a source failed; True when one passed and none failed; None when a source was not put through the
        gate in this turn, or when none had rows to judge.

    >>> from datetime import timedelta
    >>> read_gate(context), read_gate(context.at(context.as_of + timedelta(days=1)))
    (True, None)
    """
    verdicts: list[bool | None] = []
    for name in context.config.sources:
        attempts = _attempts(context, name)
        if not attempts:
            return None
        verdicts.append(attempts[-1].notes["passed"])
    if False in verdicts:
        return False
    return True if True in verdicts else None


def gate_attempt(context: Context) -> int:
    """Tell how often the gate was asked at the logical now.

    Args:
        context: Project, lake and logical now.

    Returns:
        1 when no source was judged again; 0 when none was judged.

    >>> gate_attempt(context)
    1
    """
    return max((len(_attempts(context, name)) for name in context.config.sources), default=0)


def is_through_gate(context: Context, source: str) -> bool:
    """Tell whether a source was put through the gate at the logical now and did not fail.

    Args:
        context: Project, lake and logical now.
        source: The source.

    Returns:
        True when what is available up to now may have been built on.

    >>> is_through_gate(context, "orders"), is_through_gate(fresh, "orders")
    (True, False)
    """
    attempts = _attempts(context, source)
    return bool(attempts) and attempts[-1].notes["passed"] is not False


def _attempts(context: Context, source: str) -> list[Commit]:
    """Find the verdicts on a source at the logical now, oldest first."""
    unit = f"{source} {context.turn}"
    commits = context.lake.commits(context.lake.own(schemas.QUALITY))
    return [each for each in commits if each.job == JOB and each.unit.partition(_AGAIN)[0] == unit]


def suite_of(source: Source) -> list[Expectation]:
    """Make a suite from a source's declarations.

    Args:
        source: The source's declaration.

    Returns:
        Expectations: least rows, key and times present, key unique, and every declared rule. What was quarantined is
        not in bronze any more, so a rule of severity quarantine that fails here is a breach of contract.

    >>> [each.check for each in suite_of(context.config.sources["orders"])]
    ['min_rows', 'not_null_order', 'not_null_event_ts', 'not_null_available_ts', 'unique_key', 'range_items']
    """
    fail = Severity.FAIL
    least = {"min_value": source.gate.min_rows}
    expectations = [Expectation("min_rows", "ExpectTableRowCountToBeBetween", least, fail)]
    present = NotNull(rule="not_null", columns=tuple(dict.fromkeys((*source.key, *TIME_COLUMNS))))
    implied = [*present.expected()]
    if source.order_by is None:  # else a key has versions
        implied.append(expected_unique("unique_key", source.key))
    expectations += [Expectation(each.check, each.type, dict(each.arguments), fail) for each in implied]
    told = {each.check for each in implied}
    for rule in source.rules:
        severity = Severity.WARN if rule.severity is Severity.WARN else fail
        expectations += [
            Expectation(each.check, each.type, dict(each.arguments), severity)
            for each in rule.expected()
            if each.check not in told
        ]
    return expectations


def with_computed(turn: DataFrame, source: Source) -> DataFrame:
    """Add the columns that the suite of a source looks at beside the table's own.

    Args:
        turn: Bronze rows.
        source: The source's declaration.

    Returns:
        The rows with a column per condition, whether it holds.

    >>> orders = context.lake.read_uncut(context.lake.address("bronze", "orders"))
    >>> [name for name in with_computed(orders, context.config.sources["orders"]).columns if name.startswith("holds_")]
    ['holds_range_items']
    """
    return with_columns(turn, {name: holds(each) for rule in source.rules for name, each in rule.computed().items()})


def _check(context: Context, source: Source) -> SourceQuality:
    lake, name = context.lake, source.source
    lake.create_own(schemas.QUALITY)
    attempts = _attempts(context, name)
    if attempts and attempts[-1].notes["passed"] is not False:
        return _from_notes(name, attempts[-1].notes)
    judged = {
        "bronze_version": _bronze_version(lake, name),
        "referred": {other: _bronze_version(lake, other) for other in sources_referred(source)},
        "spec_hash": context.config.spec_hash("source", name),
    }
    if attempts and {key: attempts[-1].notes.get(key) for key in judged} == judged:  # it would fail again
        return _from_notes(name, attempts[-1].notes)
    attempt = len(attempts) + 1
    context.progress(f"quality {name}")
    after = _checked_through(lake, name, context.as_of)
    turn = read_bronze(context, source, after)
    measured = measure_rows(context, source, turn, after)
    verdicts = (
        [] if turn is None or not measured.rows else run_suite(with_computed(turn, source), name, suite_of(source))
    )
    whole_turn = judge_turn(context, source, measured)
    verdict = _verdict(source, measured.rows, verdicts, whole_turn)
    found = [_row(verdict, each) for each in verdicts] + [_table_row(verdict, each) for each in whole_turn]
    whole = {"failures": [str(each) for each in verdict.failures]}
    found.append(_quality_row(verdict, SUITE, Severity.FAIL, verdict.passed, whole))
    same = {"window": (after, context.as_of), "attempt": attempt, "as_of": context.as_of}
    notes = {
        "rows": verdict.rows,
        "status": verdict.status.value,
        "passed": verdict.passed,
        "failures": [[each.name, each.detail] for each in verdict.failures],
        "through": context.as_of.isoformat(),
        "source": name,
        **judged,
    }
    unit = f"{name} {context.turn}{f'{_AGAIN}{attempt}' if attempts else ''}"
    lake.append_own(schemas.QUALITY, [{**each, **same} for each in found], WriteIdentity(JOB, unit), notes=notes)
    return verdict


def _bronze_version(lake: Lake, source: str) -> int | None:
    bronze = lake.address("bronze", source)
    return lake.version(bronze) if lake.exists(bronze) else None


def _verdict(
    source: Source, rows: int, verdicts: Sequence[ExpectationVerdict], whole_turn: Sequence[TableVerdict]
) -> SourceQuality:
    """Sum up the checks; a turn without rows has not passed, whatever its other checks say."""
    failures = [
        Failure(each.expectation.check, _describe(each))
        for each in verdicts
        if each.passed is not True and each.expectation.severity is Severity.FAIL
    ]
    if not rows and source.gate.min_rows:
        failures.append(Failure("min_rows", "no row became available in the turn"))
    failures += [
        Failure(each.judged.check, each.judged.detail)
        for each in whole_turn
        if each.judged.is_broken and each.severity is Severity.FAIL
    ]
    passed = False if failures else True if rows else None
    return SourceQuality(source.source, rows, Status.OK if rows else Status.EMPTY_WINDOW, passed, tuple(failures))


def _from_notes(name: str, notes: Any) -> SourceQuality:
    failures = tuple(Failure(*each) for each in notes["failures"])
    return SourceQuality(name, notes["rows"], Status(notes["status"]), notes["passed"], failures)


def _checked_through(lake: Lake, source: str, as_of: datetime) -> datetime:
    """Tell up to where earlier turns checked the source; what failed is to be checked again."""
    earlier = [
        datetime.fromisoformat(each.notes["through"])
        for each in lake.commits(lake.own(schemas.QUALITY))
        if each.notes.get("source") == source and each.notes["passed"] is not False
    ]
    return max((each for each in earlier if each < as_of), default=_BEGINNING)


def _describe(verdict: ExpectationVerdict) -> str:
    if verdict.problem is not None:
        return f"could not be judged: {verdict.problem}"
    return "not met" if verdict.unexpected_rows is None else f"{verdict.unexpected_rows} rows"


def _row(verdict: SourceQuality, each: ExpectationVerdict) -> dict[str, Any]:
    expected = {"type": each.expectation.type, "arguments": each.expectation.arguments}
    observed = {"unexpected_rows": each.unexpected_rows, "problem": each.problem, "expectation": expected}
    return _quality_row(verdict, each.expectation.check, each.expectation.severity, each.passed, observed)


def _table_row(verdict: SourceQuality, each: TableVerdict) -> dict[str, Any]:
    judged = each.judged
    observed = {**judged.observed, "problem": None if judged.passed else judged.detail}
    row = _quality_row(verdict, judged.check, each.severity, judged.passed, observed)
    return row | {"status": judged.status.value}


def _quality_row(
    verdict: SourceQuality, check: str, severity: Severity, passed: bool | None, observed: dict[str, Any]
) -> dict[str, Any]:
    return {
        "source": verdict.source,
        "check": check,
        "severity": severity.value,
        "rows": verdict.rows,
        "status": verdict.status.value,
        "passed": passed,
        "observed": as_json(observed),
    }

"""Quarantined rows judged again by today's declaration: those that pass enter bronze, once, and never the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.discovery.text import count_of
from lakeloop.quality.accounting import Accounting
from lakeloop.quality.replay import IS_REPLAYED, has_reason, mark_replayed, stage_again
from lakeloop.quality.rules import judge_rows
from lakeloop.quality.typing import type_rows
from lakeloop.quality.uniqueness import ACCEPTED, DUPLICATE, QUARANTINED, SUPERSEDED
from lakeloop.quality.versions import classify
from lakeloop.runs.context import Context
from lakeloop.runs.declared import assert_same_source
from lakeloop.runs.expressions import assert_expressions
from lakeloop.runs.failed_expressions import explain_failure
from lakeloop.runs.ingest_batch import WARNED, count_classes, select_accepted
from lakeloop.runs.integrity import assert_intact
from lakeloop.runs.late_rows import refuse_built_instant
from lakeloop.runs.ledger import StepRecord, record_run, timed, working
from lakeloop.runs.new_columns import name_added, take_added
from lakeloop.runs.order import REPLAY, refuse_earlier
from lakeloop.runs.quarantine import assert_rule_known, find_source
from lakeloop.tables import Commit, WriteIdentity, identity_hash

JOB = REPLAY
_REMEDY = "replay as of a later instant, at which the platform could know the rows: those of this one were built on"


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes:
        source: The source.
        rule: Rule whose rows were judged again; None for all.
        rows_read: Quarantined rows that were judged again: those that had not entered bronze before.
        rows_accepted: Of these, now in bronze.
        rows_quarantined: Of these, still broken: they stay.
        rows_duplicate: Of these, equal to an accepted row in every landed column: they stay, and are in bronze already.
        rows_superseded: Of these, older versions of a key than the newest one accepted: they stay.
    """

    source: str
    rule: str | None
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int
    rows_superseded: int = 0

    @property
    def summary(self) -> str:
        """Rows judged again and where they went."""
        parts = [f"{count_of(self.rows_read, 'row')} judged again", f"{self.rows_accepted:,} accepted"]
        parts += [f"{self.rows_quarantined:,} still quarantined"]
        parts += [f"{self.rows_duplicate:,} duplicate"] if self.rows_duplicate else []
        parts += [f"{self.rows_superseded:,} superseded"] if self.rows_superseded else []
        return ", ".join(parts)


def run_replay(context: Context, source: str, rule: str | None = None) -> ReplayResult:
    """Replay a source's quarantine as a job: the workspace looked at before, the run ledger written after.

    Args:
        context: Project, lake and logical now.
        source: The source.
        rule: Only rows that broke this rule; None for all.

    Returns:
        What was done.

    Raises:
        ConflictError: If a later logical now, or the gate at this one, has used the source already.
        UsageError: If there is no such source, or no row that broke the rule.

    >>> from datetime import timedelta
    >>> try:
    ...     run_replay(context.at(context.as_of - timedelta(days=5)), "orders")
    ... except Exception as error:
    ...     print(error)
    replay as of 2024-01-30T00:00:00Z: conflicts with what is recorded
      - order: `run` was done as of 2024-02-04T00:00:00Z
      remedy: go forward: name 2024-02-04T00:00:00Z or a later --as-of; what is recorded of the past is not changed
    """
    records: list[StepRecord] = []
    find_source(context.config, source)  # before Spark starts
    with working(context, JOB):
        assert_expressions(context)
        assert_intact(context)
        refuse_earlier(context, JOB)
        result = timed(context, JOB, source, lambda: replay(context, source, rule), records)
        record_run(context, JOB, source, records)
    return result


def replay(context: Context, name: str, rule: str | None = None) -> ReplayResult:
    """Judge a source's quarantined rows again, by its declaration of today.

    Rows that pass enter bronze and are available at the later of the declared expression and the logical now, whatever
    history is trusted: what was built before did not know them. Nothing is taken out of quarantine.

    Args:
        context: Project, lake and logical now.
        name: The source.
        rule: Only rows that broke this rule; None for all.

    Returns:
        What was done, now or by the same call before.

    Raises:
        AccountingError: If a row is lost.
        DataContractError: If an expression of the source can't be computed for some row.
        ConflictError: If rows would become available at an instant up to which something is built already, or the
            source's columns, key or mode were changed after rows were accepted.
        UsageError: If there is no such source, or no row that broke the rule.

    >>> replay(fresh, "orders").summary  # nothing has landed
    '0 rows judged again, 0 accepted, 0 still quarantined'
    """
    lake, source = context.lake, find_source(context.config, name)
    bronze, quarantine = lake.address("bronze", name), lake.address("quarantine", name)
    with lake.writing():
        if not lake.exists(quarantine):
            return ReplayResult(name, rule, 0, 0, 0, 0)
        assert_same_source(lake, source)
        _record_written(context, name)
        judged_by = identity_hash(context.config.spec_hash("source", name), lake.version(quarantine))
        identity = WriteIdentity(JOB, f"{JOB} {name} {rule or '*'} {context.turn} {judged_by}")
        done = lake.find_commit(lake.own(schemas.REPLAYS), identity)
        if done is not None:
            return _result_of(done)
        quarantined = lake.read(quarantine, context.as_of, by="as_of").where(has_reason(rule))
        before = lake.read_uncut(bronze, version=lake.version(bronze))  # what is written here is not judged against
        marked = mark_replayed(quarantined, before)
        pending = marked.where(~F.col(IS_REPLAYED))
        rows = pending.count()
        if not rows:
            assert_rule_known(context, name, rule)
            return ReplayResult(name, rule, 0, 0, 0, 0)
        refuse_built_instant(context, [name], f"{JOB} of {name}", _REMEDY)
        observed = source.model_copy(update={"history": None})
        staged = stage_again(pending, source)
        added = name_added(staged, source, there := lake.columns(bronze))
        judged = judge_rows(type_rows(take_added(staged, added), observed, context.as_of), source)
        classified = classify(judged, before, source, added)
        try:
            counts = count_classes(classified)
        except PySparkException as failure:  # its text quotes the value
            raise explain_failure(context.config, observed, staged, context.as_of, failure) from None
        ended = (counts[ACCEPTED], counts[QUARANTINED], counts[DUPLICATE], counts[SUPERSEDED])
        accounting = Accounting(name, rows, *ended)
        accounting.assert_nothing_lost()
        notes = _note(accounting, rule, counts[WARNED], context)
        if accounting.rows_accepted:
            stamped = classified.withColumn("_ingested_ts", F.current_timestamp())
            lake.append(
                select_accepted(stamped, source, added),
                bronze,
                identity,
                notes=notes,
                expect_rows=accounting.rows_accepted,
                adds_columns=not set(added) <= set(there.fieldNames()),
            )
        _record(context, identity, notes)
        return ReplayResult(name, rule, rows, *ended)


def _note(accounting: Accounting, rule: str | None, warned: int, context: Context) -> dict[str, Any]:
    return {
        "source": accounting.source,
        "rule": rule,
        "rows_read": accounting.rows_read,
        "rows_accepted": accounting.rows_accepted,
        "rows_quarantined": accounting.rows_quarantined,
        "rows_duplicate": accounting.rows_duplicate,
        "rows_superseded": accounting.rows_superseded,
        "rows_warned": warned,
        "as_of": context.as_of.isoformat(),
    }


def _record(context: Context, identity: WriteIdentity, notes: dict[str, Any]) -> None:
    row = {**notes, "as_of": datetime.fromisoformat(notes["as_of"])}
    context.lake.append_own(schemas.REPLAYS, [row], identity, notes=notes)


def _record_written(context: Context, source: str) -> None:
    """Record replays that entered bronze and were stopped before their accounting: their commit says all of it."""
    for commit in context.lake.commits(context.lake.address("bronze", source)):
        if commit.job == JOB:
            _record(context, WriteIdentity(JOB, commit.unit), dict(commit.notes))


def _result_of(done: Commit) -> ReplayResult:
    counts = ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
    return ReplayResult(done.notes["source"], done.notes["rule"], *(int(done.notes[each]) for each in counts))

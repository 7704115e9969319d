"""What is in quarantine: how many rows by source and rule, and the first of them as they landed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.source import Source
from lakeloop.config.tree import Config
from lakeloop.discovery.private import HIDDEN
from lakeloop.errors import UsageError
from lakeloop.quality.replay import IS_REPLAYED, has_reason, mark_replayed
from lakeloop.quality.rules import REASONS
from lakeloop.runs.context import Context
from lakeloop.runs.order import REPLAY

_ALL = "*"


@dataclass(frozen=True)
class RuleCount:
    """Quarantined rows that broke one rule.

    Attributes:
        rule: The rule; a row that broke several counts for each.
        rows: How many.
        first: Logical now of the first ingest that rejected one.
        last: Logical now of the last.
        rows_replayed: Of these rows, those that have entered bronze since.
    """

    rule: str
    rows: int
    first: datetime
    last: datetime
    rows_replayed: int


@dataclass(frozen=True)
class SourceCount:
    """Quarantined rows of one source.

    Attributes:
        source: The source.
        rows: How many; a row counts once.
        rows_replayed: Of these rows, those that have entered bronze since.
        rules: The rules that were broken, by name.
    """

    source: str
    rows: int = 0
    rows_replayed: int = 0
    rules: tuple[RuleCount, ...] = ()


@dataclass(frozen=True)
class QuarantineCounts:
    """What is in quarantine, source by source."""

    sources: tuple[SourceCount, ...]


@dataclass(frozen=True)
class Reason:
    """Why a row was rejected."""

    rule: str
    column: str
    message: str


@dataclass(frozen=True)
class QuarantinedRow:
    """A rejected row.

    Attributes:
        file: Landed file it came from.
        record: Number of the record in that file, from 1.
        as_of: Logical now of the ingest that rejected it.
        is_replayed: Whether it has entered bronze since.
        key: Landed columns of the source's key -> text as it landed.
        reasons: Every rule it broke.
        values: The other landed columns -> text as it landed; null is null.
        malformed: The record's text, where it could not be taken apart.
    """

    file: str
    record: int
    as_of: datetime
    is_replayed: bool
    key: dict[str, str | None]
    reasons: tuple[Reason, ...]
    values: dict[str, str | None]
    malformed: str | None


@dataclass(frozen=True)
class QuarantineSample:
    """The first rejected rows of a source.

    Attributes:
        source: The source.
        rule: Rule whose rows were asked for; None for all.
        limit: How many were asked for.
        rows: By logical now, file and record.
    """

    source: str
    rule: str | None
    limit: int
    rows: tuple[QuarantinedRow, ...]


def list_quarantine(context: Context) -> QuarantineCounts:
    """Count what was quarantined up to the logical now, by source and rule.

    Args:
        context: Project, lake and logical now.

    Returns:
        Counts per source, in one aggregation each.

    >>> [(each.source, each.rows, [rule.rule for rule in each.rules]) for each in list_quarantine(context).sources]
    [('deliveries', 0, []), ('orders', 35, ['range_items'])]
    """
    return QuarantineCounts(tuple(_count(context, name) for name in context.config.sources))


def _count(context: Context, source: str) -> SourceCount:
    if not context.lake.exists(context.lake.address("quarantine", source)):
        return SourceCount(source)
    context.progress(f"quarantine {source}")
    known = _known_rows(context, source)  # first: columns need a session, which this may be the first to open
    named = F.concat(F.array(F.lit(_ALL)), F.array_distinct(F.transform(REASONS, lambda reason: reason["rule"])))
    broken = known.select(F.explode(named).alias("rule"), "as_of", IS_REPLAYED)
    counted = broken.groupBy("rule").agg(
        F.count("*").alias("rows"),
        F.min("as_of").alias("first"),
        F.max("as_of").alias("last"),
        F.sum(F.col(IS_REPLAYED).cast("long")).alias("replayed"),
    )
    found = {row["rule"]: row for row in counted.toArrow().to_pylist()}  # bounded: one row per rule
    whole = found.pop(_ALL, None)
    if whole is None:
        return SourceCount(source)
    rules = (
        RuleCount(name, row["rows"], row["first"], row["last"], row["replayed"]) for name, row in sorted(found.items())
    )
    return SourceCount(source, whole["rows"], whole["replayed"], tuple(rules))


def show_quarantine(context: Context, name: str, rule: str | None = None, limit: int = 10) -> QuarantineSample:
    """Give the first rows of a source that were quarantined up to the logical now.

    Args:
        context: Project, lake and logical now.
        name: The source.
        rule: Only rows that broke this rule; None for all.
        limit: How many at most.

    Returns:
        Rows by logical now, file and record, with keys, reasons and landed values. What is personal stays hidden.

    Raises:
        UsageError: If there is no such source, or no row that broke the rule.

    >>> sample = show_quarantine(context, "orders", limit=1)
    >>> [(row.file, row.key, row.reasons[0].rule) for row in sample.rows]
    [('until_20240125.csv', {'order': '505'}, 'range_items')]
    """
    source = find_source(context.config, name)
    if not context.lake.exists(context.lake.address("quarantine", name)):
        return QuarantineSample(name, rule, limit, ())
    rows = _known_rows(context, name, rule).orderBy("as_of", "_source_file", "_source_row").limit(limit)
    found = rows.toArrow().to_pylist()  # bounded: as many as were asked for
    if not found:
        assert_rule_known(context, name, rule)
    return QuarantineSample(name, rule, limit, tuple(_row(source, each) for each in found))


def _row(source: Source, row: dict[str, Any]) -> QuarantinedRow:
    hidden = private_source_columns(source)

    def shown(name: str) -> str | None:
        return HIDDEN if name in hidden and row[name] is not None else row[name]

    malformed = row["_malformed"]
    return QuarantinedRow(
        row["_source_file"],
        row["_source_row"],
        row["as_of"],
        row[IS_REPLAYED],
        {each: shown(each) for each in source.key if each in source.columns},
        tuple(Reason(each["rule"], each["column"], each["message"]) for each in row[REASONS]),
        {each: shown(each) for each in source.columns if each not in source.key},
        # The text of a record holds all of its columns.
        HIDDEN if hidden and malformed is not None else malformed,
    )


def _known_rows(context: Context, source: str, rule: str | None = None) -> DataFrame:
    """Give what was rejected up to the logical now, and whether it had entered bronze by then."""
    lake = context.lake
    quarantined = lake.read(lake.address("quarantine", source), context.as_of, by="as_of").where(has_reason(rule))
    bronze = lake.address("bronze", source)
    is_any_replayed = any(each.job == REPLAY for each in lake.commits(bronze))
    return mark_replayed(quarantined, lake.read(bronze, context.as_of) if is_any_replayed else None)


def find_source(config: Config, name: str) -> Source:
    """Find a source by what was typed.

    Args:
        config: The project.
        name: What was typed.

    Returns:
        Its declaration.

    Raises:
        UsageError: If there is none, with the closest one.

    >>> try:
    ...     find_source(context.config, "order")
    ... except UsageError as error:
    ...     print(error)
    SOURCE: got 'order'; allowed: deliveries, orders; remedy: did you mean 'orders'?
    """
    if name not in config.sources:
        remedy = rename_remedy(name, config.sources, "name one of these")
        raise UsageError("SOURCE", repr(name), listed(config.sources), remedy)
    return config.sources[name]


def assert_rule_known(context: Context, source: str, rule: str | None) -> None:
    """Refuse a rule's name that no quarantined row has as a reason: nothing found would say nothing.

    Args:
        context: Project, lake and logical now.
        source: The source.
        rule: What was typed; nothing is asked of None.

    Raises:
        UsageError: If no row broke it up to the logical now, with the rules that were broken.

    >>> try:
    ...     assert_rule_known(context, "orders", "range_item")
    ... except UsageError as error:
    ...     print(error)
    --rule: got 'range_item'; allowed: range_items; remedy: did you mean 'range_items'?
    """
    if rule is None:
        return
    names = [each.rule for each in _count(context, source).rules]
    if rule not in names:
        allowed = listed(names) if names else "nothing: no row is in quarantine"
        raise UsageError("--rule", repr(rule), allowed, rename_remedy(rule, names, "leave the option out for all"))

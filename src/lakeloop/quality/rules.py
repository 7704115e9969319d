"""Row rules as columns: every row gets the list of all rules it broke, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.landing import FileFormat, NewColumns
from lakeloop.config.rules import Condition
from lakeloop.config.source import Source
from lakeloop.quality.marks import list_marks
from lakeloop.quality.typing import RAW, UNCOMPUTED, attempted
from lakeloop.schemas import REASON
from lakeloop.statuses import Severity

REASONS, WARNINGS, BROKEN = "_reasons", "_warnings", "_broken_fail_rules"
UNKNOWN = "_unknown"
"""Map of what landed in columns that are not declared: name -> text."""


UNKNOWN_COLUMN = "unknown_column_"
"""Begins the name of the rule that a row breaks by a column that is not declared."""

_MALFORMED = {
    FileFormat.CSV: "has another number of fields than the header",
    FileFormat.JSON: "is no JSON object",
    FileFormat.PARQUET: "can't be read",
}


def _malformed(source: Source) -> str:
    return "can't be taken apart" if source.landing is None else _MALFORMED[source.landing.format]


@dataclass(frozen=True)
class RowRule:
    """A rule over one row.

    Attributes:
        name: Its name in reasons and reports.
        column: Column it speaks of.
        broken: Whether the row breaks it; a condition that is null counts as not broken.
        message: What is wrong, without the value.
        severity: What breaking it does.
    """

    name: str
    column: str
    broken: Column
    message: str
    severity: Severity


def row_rules(source: Source) -> list[RowRule]:
    """List the rules of a source that speak of one row: implied by types, key and times, and declared.

    Args:
        source: The source's declaration.

    Returns:
        Rules in order: malformed record, types, key, derived columns, times, declared ones; uniqueness is not here.

    >>> source, _ = context.config.sources["orders"], spark.version  # columns need a session
    >>> [rule.name for rule in row_rules(source)][:5]
    ['malformed', 'type_order', 'type_shop', 'type_items', 'type_due_ts']
    """
    quarantine = Severity.QUARANTINE
    rules = [RowRule("malformed", "", F.col("_malformed").isNotNull(), _malformed(source), quarantine)]
    rules += [
        RowRule(
            f"type_{name}",
            name,
            F.col(f"{RAW}.{name}").isNotNull() & F.col(name).isNull(),
            f"is not readable as {declared.type}",
            quarantine,
        )
        for name, declared in source.columns.items()
    ]
    rules += [
        RowRule(f"key_{name}", name, F.col(name).isNull(), "is missing in the key", quarantine) for name in source.key
    ]
    rules += [
        RowRule(
            f"derive_{name}", name, F.array_contains(UNCOMPUTED, name), "can't be computed from the row", quarantine
        )
        for name in source.derive
    ]
    rules += [
        RowRule(
            name,
            name,
            F.col(name).isNull() | F.array_contains(UNCOMPUTED, name),
            "can't be computed from the row",
            quarantine,
        )
        for name in ("event_ts", "available_ts")
    ]
    if source.order_by is not None:
        value, fails = attempted(source.order_by)
        is_lost = value.isNull() if fails is None else fails | value.isNull()
        rules.append(RowRule("order_by", "", is_lost, "can't be computed from the row", quarantine))
    for rule in source.rules:
        rules += [
            RowRule(each.name, each.column, ~holds(each), each.message, rule.severity) for each in rule.conditions()
        ]
    return rules


def holds(condition: Condition) -> Column:
    """Say whether a condition holds for a row; true where it is null, false where it can't be computed.

    >>> from lakeloop.config.rules import Condition
    >>> rows = spark.sql("select * from values (0), (2), (null) as t(seats)")
    >>> [row[0] for row in rows.select(holds(Condition("", "", "10 / seats > 4", "", is_written=True))).collect()]
    [False, True, True]
    """
    if not condition.is_written:
        return F.coalesce(F.expr(condition.holds), F.lit(True))
    value, fails = attempted(condition.holds)
    is_kept = F.coalesce(value, F.lit(True))
    return is_kept if fails is None else ~fails & is_kept


def judge_rows(typed: DataFrame, source: Source) -> DataFrame:
    """Give every row the rules it broke.

    Args:
        typed: Typed rows with `_raw`.
        source: The source's declaration.

    Returns:
        The rows with `_reasons` (severity quarantine and fail), `_warnings` (names of broken rules of severity warn)
        and `_broken_fail_rules` (names of broken rules of severity fail).

    >>> from lakeloop.quality.typing import type_rows
    >>> source = context.config.sources["orders"]
    >>> columns = "order string, shop string, items string, due_ts string, _malformed string"
    >>> landed = [("7", "A", "two", "2024-02-01T10:00:00Z", None), ("8", "A", "0", "2024-02-01T11:00:00Z", None)]
    >>> typed = type_rows(spark.createDataFrame(landed, columns), source, context.as_of)
    >>> [[reason.rule for reason in row._reasons] for row in judge_rows(typed, source).collect()]
    [['type_items'], ['range_items']]
    """
    rules = row_rules(source)

    def is_broken(rule: RowRule) -> Column:
        return F.coalesce(rule.broken, F.lit(False))

    def reason(rule: RowRule) -> Column:
        return F.struct(
            F.lit(rule.name).alias("rule"), F.lit(rule.column).alias("column"), F.lit(rule.message).alias("message")
        )

    def names(severity: Severity) -> Column:
        broken = [(is_broken(rule), F.lit(rule.name)) for rule in rules if rule.severity is severity]
        return list_marks(broken, "string")

    rejecting = [(is_broken(rule), reason(rule)) for rule in rules if rule.severity is not Severity.WARN]
    reasons = list_marks(rejecting, REASON.simpleString())
    if UNKNOWN in typed.columns and source.origin.new_columns in (NewColumns.QUARANTINE, NewColumns.REFUSE):
        reasons = F.concat(reasons, _unknown_columns())
    return typed.withColumns(
        {
            REASONS: reasons,
            WARNINGS: names(Severity.WARN),
            BROKEN: names(Severity.FAIL),
        }
    )


def _unknown_columns() -> Column:
    """Give a reason for every column that is not declared."""
    names = F.coalesce(F.map_keys(UNKNOWN), F.array().cast("array<string>"))

    def reason(name: Column) -> Column:
        rule, message = F.concat(F.lit(UNKNOWN_COLUMN), name), F.lit("is not declared")
        return F.struct(rule.alias("rule"), name.alias("column"), message.alias("message"))

    return F.transform(names, reason)

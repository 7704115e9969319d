"""Row rules as columns: every row gets the list of all rules it broke, in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.source import Allowed, ColumnType, Expression, NotNull, Range, Rule, Source, Unique, rule_name
from lakeloop.quality.typing import RAW, cast_text
from lakeloop.schemas import REASON
from lakeloop.statuses import Severity

REASONS, WARNINGS, BROKEN, CLASS = "_reasons", "_warnings", "_broken_fail_rules", "_class"

ACCEPTED, QUARANTINED, DUPLICATE = "accepted", "quarantined", "duplicate"


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
        Rules in order: malformed record, types, key, times, declared ones. Uniqueness is not among them.
    """
    quarantine = Severity.QUARANTINE
    rules = [
        RowRule(
            "malformed", "", F.col("_malformed").isNotNull(), "has another number of fields than the header", quarantine
        )
    ]
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
        RowRule(name, name, F.col(name).isNull(), "can't be computed from the row", quarantine)
        for name in ("event_ts", "available_ts")
    ]
    for rule in source.rules:
        rules += _declared(rule)
    return rules


def _declared(rule: Rule) -> Iterable[RowRule]:
    match rule:
        case NotNull():
            for name in rule.columns:
                yield RowRule(f"not_null_{name}", name, F.col(name).isNull(), "is missing", rule.severity)
        case Range():
            value = F.col(rule.column).cast("double")
            broken = F.isnan(value)  # it compares as greater than every number
            if rule.min is not None:
                broken = broken | (value < rule.min)
            if rule.max is not None:
                broken = broken | (value > rule.max)
            message = (
                f"is outside {'-inf' if rule.min is None else rule.min} to {'inf' if rule.max is None else rule.max}"
            )
            yield RowRule(rule_name(rule), rule.column, broken, message, rule.severity)
        case Allowed():
            broken = ~F.col(rule.column).cast("string").isin(list(rule.values))
            yield RowRule(rule_name(rule), rule.column, broken, "is not one of the allowed values", rule.severity)
        case Expression():
            yield RowRule(rule.name, "", ~F.expr(rule.that), f"does not hold: {rule.that}", rule.severity)
        case Unique():
            return


def judge_rows(typed: DataFrame, source: Source) -> DataFrame:
    """Give every row the rules it broke.

    Args:
        typed: Typed rows with `_raw`.
        source: The source's declaration.

    Returns:
        The rows with `_reasons` (severity quarantine and fail), `_warnings` (names of broken rules of severity warn)
        and `_broken_fail_rules` (names of broken rules of severity fail).
    """
    rules = row_rules(source)

    def reason(rule: RowRule) -> Column:
        value = F.struct(
            F.lit(rule.name).alias("rule"), F.lit(rule.column).alias("column"), F.lit(rule.message).alias("message")
        )
        return F.when(F.coalesce(rule.broken, F.lit(False)), value)

    def names(severity: Severity) -> Column:
        broken = [
            F.when(F.coalesce(rule.broken, F.lit(False)), F.lit(rule.name))
            for rule in rules
            if rule.severity is severity
        ]
        return F.array_compact(F.array(*broken)) if broken else F.array().cast("array<string>")

    rejecting = [reason(rule) for rule in rules if rule.severity is not Severity.WARN]
    return typed.withColumns(
        {
            REASONS: F.array_compact(F.array(*rejecting)),
            WARNINGS: names(Severity.WARN),
            BROKEN: names(Severity.FAIL),
        }
    )


def unique_keys(source: Source) -> list[tuple[str, tuple[str, ...]]]:
    """List the sets of columns that must be unique, with the rule's name: the key first, then declared ones."""
    declared = [(rule_name(rule), rule.columns) for rule in source.rules if isinstance(rule, Unique)]
    return [("unique_key", source.key), *declared]


def classify_rows(judged: DataFrame, accepted_before: DataFrame | None, source: Source) -> DataFrame:
    """Say of every row whether it is accepted, quarantined or an exact duplicate.

    A row whose key was accepted before, in an earlier batch or earlier in this one, is an exact duplicate when all
    landed columns agree, and quarantined otherwise. Which of several rows of this batch comes first goes by file name
    and record number, so that the answer does not depend on the order of reading.

    Args:
        judged: Rows with `_reasons`.
        accepted_before: Bronze rows of earlier batches; None when there are none.
        source: The source's declaration.

    Returns:
        The rows with `_class`, and the broken uniqueness added to `_reasons`.
    """
    # Bronze keeps a local reading as the text that landed, so text is compared with text there.
    landed = F.struct(
        *(F.col(f"{RAW}.{name}" if _is_local(source, name) else name).alias(name) for name in source.columns)
    )
    rows = judged.withColumn("_is_ok", F.size(REASONS) == 0).withColumn("_landed", landed)
    duplicate, conflicts = F.lit(False), []
    for index, (name, columns) in enumerate(unique_keys(source)):
        first = f"_first_{index}"
        order = Window.partitionBy("_is_ok", *columns).orderBy("_source_file", "_source_row")
        rows = rows.withColumn(first, F.first("_landed").over(order)).withColumn(
            f"_rank_{index}", F.row_number().over(order)
        )
        if accepted_before is not None:
            earlier = f"_earlier_{index}"
            keys = (_typed(source, column).alias(column) for column in columns)
            known = accepted_before.select(*keys, F.struct(*source.columns).alias(earlier))
            rows = rows.join(known, list(columns), "left")
            rows = rows.withColumn(first, F.coalesce(F.col(earlier), F.col(first))).withColumn(
                f"_rank_{index}", F.when(F.col(earlier).isNotNull(), F.lit(2)).otherwise(F.col(f"_rank_{index}"))
            )
        has_values = F.lit(True)
        for column in columns:
            has_values = has_values & F.col(column).isNotNull()
        repeated = has_values & (F.col(f"_rank_{index}") > 1)
        same = F.col(first).eqNullSafe(F.col("_landed"))
        if index == 0:
            duplicate = repeated & same
        message = "is taken by a row with other content"
        broken = F.struct(
            F.lit(name).alias("rule"), F.lit(", ".join(columns)).alias("column"), F.lit(message).alias("message")
        )
        conflicts.append(F.when(repeated & ~same, broken))
    found = F.array_compact(F.array(*conflicts)).cast(f"array<{REASON.simpleString()}>")
    rows = rows.withColumn(REASONS, F.when(F.col("_is_ok"), found).otherwise(F.col(REASONS)))
    kind = F.when(F.size(REASONS) > 0, QUARANTINED).when(F.col("_is_ok") & duplicate, DUPLICATE).otherwise(ACCEPTED)
    return rows.withColumn(CLASS, kind)


def _is_local(source: Source, name: str) -> bool:
    return name in source.columns and source.columns[name].type is ColumnType.LOCAL_TIMESTAMP


def _typed(source: Source, name: str) -> Column:
    """Give a column of bronze the type it has while rows are judged."""
    return cast_text(F.col(name), ColumnType.LOCAL_TIMESTAMP) if _is_local(source, name) else F.col(name)

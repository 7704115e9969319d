"""Which rows are accepted: those that break no rule and take no key that is taken.

Uniqueness is judged against the rows accepted before, then within the batch: first the key, then each declared rule in
the order of its declaration. Of several rows that claim one value the first by file name and record number takes it. A
row that lost under one rule claims nothing under the rules after it; what it took under the rules before, it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.source import ColumnType, Source
from lakeloop.quality.marks import list_marks
from lakeloop.quality.rules import REASONS
from lakeloop.quality.typing import RAW, cast_text
from lakeloop.schemas import REASON
from lakeloop.with_columns import with_columns

CLASS = "_class"
ACCEPTED, QUARANTINED, DUPLICATE, SUPERSEDED = "accepted", "quarantined", "duplicate", "superseded"

_STANDING, _CLAIMS, _REPEATED = "_is_standing", "_claims", "_is_repeated"


def unique_keys(source: Source) -> list[tuple[str, tuple[str, ...]]]:
    """List the sets of columns that must be unique, with the rule's name: the key first, then declared ones.

    >>> unique_keys(context.config.sources["orders"])
    [('unique_key', ('order',))]
    """
    declared = [(rule.label, rule.unique_columns) for rule in source.rules if rule.unique_columns]
    return [("unique_key", source.key), *declared]


def classify_rows(
    judged: DataFrame, accepted_before: DataFrame | None, source: Source, added: Sequence[str] = ()
) -> DataFrame:
    """Say of every row whether it is accepted, quarantined or an exact duplicate.

    A row whose key was accepted before, in an earlier batch or earlier in this one, is an exact duplicate when all
    landed columns agree, and quarantined otherwise. A row that repeats one of this batch goes where that one goes.

    Args:
        judged: Rows with `_reasons`.
        accepted_before: Bronze rows of earlier batches; None when there are none.
        source: The source's declaration.
        added: Columns that were taken from files without being declared; they are compared as declared ones are.

    Returns:
        The rows with `_class`, and the broken uniqueness added to `_reasons`.

    >>> source = context.config.sources["orders"]
    >>> before = context.lake.read_uncut(context.lake.address("bronze", "orders")).where("order = 3000")
    >>> same = before.withColumn(REASONS, F.array().cast(f"array<{REASON.simpleString()}>"))
    >>> other, new = same.withColumn("items", F.lit(99)), same.withColumn("order", F.lit(-1))
    >>> [classify_rows(rows, before, source).first()[CLASS] for rows in (same, other, new)]
    ['duplicate', 'quarantined', 'accepted']
    """
    landed = F.struct(*landed_columns(source, added))
    keys = unique_keys(source)
    if accepted_before is not None:
        absent = {name: F.lit(None).cast("string") for name in added if name not in accepted_before.columns}
        accepted_before = with_columns(accepted_before, absent)
    rows = judged.withColumns({_STANDING: F.size(REASONS) == 0, "_landed": landed})
    rows = _compare_with_earlier(rows, accepted_before, source, keys, added)
    needed = {column for _, columns in keys for column in columns}
    twice = [name for name in (*source.columns, *added) if name not in needed and not _is_local(source, name)]
    names = list(rows.columns)
    rows = rows.drop(*twice)  # what is landed holds them, and rows are moved and sorted for each set of columns
    for index, (_, columns) in enumerate(keys):
        rows = _compare_within_batch(rows, columns, index)
    found = [(F.coalesce(F.col(_conflict(index)), F.lit(False)), _reason(*key)) for index, key in enumerate(keys)]
    conflicts = list_marks(found, REASON.simpleString())
    rows = rows.withColumn(REASONS, F.when(F.col(_STANDING), conflicts).otherwise(F.col(REASONS)))
    if len(keys) > 1:
        same_key = Window.partitionBy(_STANDING, *keys[0][1])
        fate = F.first(F.when(F.col("_took_key"), F.col(REASONS)), ignorenulls=True).over(same_key)
        repeats = F.col(_REPEATED) & fate.isNotNull()
        rows = rows.withColumn(REASONS, F.when(repeats, fate).otherwise(F.col(REASONS)))
    kind = F.when(F.size(REASONS) > 0, QUARANTINED).when(F.col(_REPEATED), DUPLICATE).otherwise(ACCEPTED)
    held = {name: F.col("_landed")[name].alias(name) for name in twice}
    rows = rows.select(*(held.get(name, F.col(name)) for name in dict.fromkeys([*names, *rows.columns])))
    return rows.withColumn(CLASS, kind)


def _compare_with_earlier(
    rows: DataFrame,
    accepted_before: DataFrame | None,
    source: Source,
    keys: Sequence[tuple[str, tuple[str, ...]]],
    added: Sequence[str],
) -> DataFrame:
    """Find what was accepted before: repetitions, conflicts, and the rows that may claim something in this batch."""
    repeated, taken = F.lit(False), [F.lit(False) for _ in keys]
    if accepted_before is not None:
        for index, (_, columns) in enumerate(keys):
            rows = rows.join(_earlier_holders(accepted_before, source, columns, index, added), list(columns), "left")
        held = [F.col(f"_earlier_{index}").isNotNull() & F.col(_STANDING) for index in range(len(keys))]
        repeated = held[0] & F.col("_earlier_0").eqNullSafe(F.col("_landed"))
        taken = [each & ~repeated for each in held]
    lost = repeated
    for each in taken:
        lost = lost | each
    conflicts = {_conflict(index): each for index, each in enumerate(taken)}
    return rows.withColumns({_REPEATED: repeated, **conflicts, _CLAIMS: F.col(_STANDING) & ~lost})


def _earlier_holders(
    accepted_before: DataFrame, source: Source, columns: Sequence[str], index: int, added: Sequence[str]
) -> DataFrame:
    keys = (_typed(source, column).alias(column) for column in columns)
    if index == 0:
        # One per key, whatever bronze holds: a row that lands must never be joined to two.
        holders = accepted_before.select(*keys, F.struct(*source.columns, *added).alias("_holder"))
        return holders.groupBy(*columns).agg(F.min("_holder").alias("_earlier_0"))
    # Rows accepted before the rule was declared may share a value.
    return accepted_before.select(*keys).distinct().withColumn(f"_earlier_{index}", F.lit(True))


def landed_columns(source: Source, added: Sequence[str] = ()) -> list[Column]:
    """Give the landed columns of judged rows as bronze has them: a local reading is the text that landed.

    >>> columns = landed_columns(context.config.sources["orders"], ["tip"])
    >>> spark.sql("select 7L as order, 'A' as shop, 2 as items, now() as due_ts, '1' as tip").select(*columns).columns
    ['order', 'shop', 'items', 'due_ts', 'tip']
    """
    names = (*source.columns, *added)
    return [F.col(f"{RAW}.{name}" if _is_local(source, name) else name).alias(name) for name in names]


def _compare_within_batch(rows: DataFrame, columns: Sequence[str], index: int) -> DataFrame:
    """Let the first of the rows that still claim a value take it; the others repeat it or lose."""
    has_values = F.lit(True)
    for column in columns:
        has_values = has_values & F.col(column).isNotNull()
    order = Window.partitionBy(_STANDING, *columns).orderBy(F.col(_CLAIMS).desc(), "_source_file", "_source_row")
    first = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)  # one frame, and no copy of what is landed
    found = {"_rank": F.row_number().over(order), "_holder_claims": F.first(_CLAIMS).over(first)}
    if index == 0:
        found["_holder"] = F.first("_landed").over(first)
    rows = with_columns(rows, found)
    is_taken = F.col("_holder_claims") & has_values & F.col(_STANDING)
    is_later = F.col(_CLAIMS) & (F.col("_rank") > 1)
    decided: dict[str, Column] = {}
    repeated = F.col(_REPEATED)
    if index == 0:
        same = F.col("_holder").eqNullSafe(F.col("_landed"))
        repeated = repeated | (is_taken & is_later & same)
        decided = {_REPEATED: repeated, "_took_key": F.col(_CLAIMS) & has_values & (F.col("_rank") == 1)}
    loses = is_taken & ~repeated & (~F.col(_CLAIMS) | is_later)
    decided[_conflict(index)] = F.col(_conflict(index)) | loses
    # Who claimed and is neither a repetition nor a loser claims on.
    decided[_CLAIMS] = F.col(_CLAIMS) & ~repeated & ~loses
    return with_columns(rows, decided)


def _conflict(index: int) -> str:
    return f"_loses_{index}"


def _reason(name: str, columns: Sequence[str]) -> Column:
    message = "is taken by a row with other content"
    return F.struct(
        F.lit(name).alias("rule"), F.lit(", ".join(columns)).alias("column"), F.lit(message).alias("message")
    )


def _is_local(source: Source, name: str) -> bool:
    return name in source.columns and source.columns[name].type is ColumnType.LOCAL_TIMESTAMP


def _typed(source: Source, name: str) -> Column:
    """Give a column of bronze the type it has while rows are judged."""
    return cast_text(F.col(name), ColumnType.LOCAL_TIMESTAMP) if _is_local(source, name) else F.col(name)

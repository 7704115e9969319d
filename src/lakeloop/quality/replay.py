"""Quarantined rows on their way back: their number, by which bronze says where a row came from, and as landed text."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop.config.landing import FileFormat
from lakeloop.config.source import Source
from lakeloop.quality.rules import REASONS, UNKNOWN

IS_REPLAYED = "_is_replayed"
_PLACE = ("_source_file", "_source_row")
_FIXED = (*_PLACE, "as_of", "_batch_id", "_malformed")
_MAX_LONG = 2**63 - 1


def number_row() -> Column:
    """Number a quarantined row by what does not change with the declaration of its source.

    A row that was replayed has this number in bronze, in place of a micro-batch: what entered and what says that it
    entered are one commit.

    Returns:
        A number below 0; a micro-batch has one from 0 on.

    >>> quarantine = context.lake.read_uncut(context.lake.address("quarantine", "orders"))
    >>> numbers = quarantine.select(number_row().alias("number"))
    >>> numbers.where("number < 0").distinct().count() == quarantine.count()
    True
    """
    return -F.xxhash64(*_FIXED, F.to_json(REASONS)).bitwiseAND(F.lit(_MAX_LONG)) - 1


def mark_replayed(quarantined: DataFrame, bronze: DataFrame | None) -> DataFrame:
    """Say of every quarantined row whether it has entered bronze since.

    Args:
        quarantined: Rows of a quarantine table.
        bronze: Rows of the bronze table, as far as they are to be known; None when there are none.

    Returns:
        The rows with `_is_replayed`, and with their number as `_batch_id`.

    >>> quarantine, bronze = (context.lake.read_uncut(context.lake.address(each, "orders"))
    ...                       for each in ("quarantine", "bronze"))
    >>> marked = mark_replayed(quarantine, bronze)
    >>> marked.count() == quarantine.count(), marked.where("_is_replayed").count()
    (True, 0)
    """
    numbered = quarantined.withColumn("_batch_id", number_row())
    if bronze is None:
        return numbered.withColumn(IS_REPLAYED, F.lit(False))
    entered = bronze.where(F.col("_batch_id") < 0).select("_batch_id", *_PLACE).distinct()
    entered = entered.withColumn(IS_REPLAYED, F.lit(True))
    marked = numbered.join(entered, ["_batch_id", *_PLACE], "left")
    return marked.withColumn(IS_REPLAYED, F.coalesce(IS_REPLAYED, F.lit(False)))


def has_reason(rule: str | None) -> Column:
    """Tell whether a quarantined row broke a rule; without one every row does.

    >>> quarantine = context.lake.read_uncut(context.lake.address("quarantine", "orders"))
    >>> [quarantine.where(has_reason(rule)).count() for rule in (None, "range_items", "other")]
    [35, 35, 0]
    """
    return F.lit(True) if rule is None else F.exists(REASONS, lambda reason: reason["rule"] == rule)


def stage_again(marked: DataFrame, source: Source) -> DataFrame:
    """Give quarantined rows the form in which landed rows are judged.

    Args:
        marked: Rows with their number, of `mark_replayed`.
        source: The source's declaration of today.

    Returns:
        Declared columns as text, null where it stands for a missing value today; `_malformed`, where each row came
        from, and what is not declared today either.

    >>> quarantine = context.lake.read_uncut(context.lake.address("quarantine", "orders"))
    >>> stage_again(mark_replayed(quarantine, None), context.config.sources["orders"]).columns[3:]
    ['due_ts', '_malformed', '_source_file', '_source_row', '_batch_id']
    """
    if UNKNOWN not in marked.columns:
        texts = [F.col(name) if name in marked.columns else F.lit(None).cast("string") for name in source.columns]
        return marked.select(*_named(source, texts), "_malformed", *_PLACE, "_batch_id")
    # What was no declared column when the row landed may be one today.
    found = [F.element_at(UNKNOWN, F.lit(name)) for name in source.columns]
    texts = [
        F.coalesce(name, text) if name in marked.columns else text
        for name, text in zip(source.columns, found, strict=True)
    ]
    still = F.map_filter(UNKNOWN, lambda name, _: ~name.isin(*source.columns))
    return marked.select(*_named(source, texts), "_malformed", *_PLACE, "_batch_id", still.alias(UNKNOWN))


def _named(source: Source, texts: Sequence[Column]) -> list[Column]:
    nulls = _null_texts(source)
    kept = [F.when(~text.isin(nulls), text) for text in texts] if nulls else texts
    return [text.alias(name) for name, text in zip(source.columns, kept, strict=True)]


def _null_texts(source: Source) -> list[str]:
    """List the texts that stand for a missing value; a number of a Parquet file is none, and can't be told here."""
    if source.landing is None or source.landing.format is FileFormat.PARQUET:
        return []
    return sorted(source.landing.nulls)

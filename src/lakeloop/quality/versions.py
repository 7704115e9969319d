"""Sources of mode upsert: bronze is a log of versions, and a reader takes the newest version it could know."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.config.source import ColumnType, Source
from lakeloop.quality.rules import REASONS
from lakeloop.quality.typing import attempted, cast_text
from lakeloop.quality.uniqueness import (
    ACCEPTED,
    CLASS,
    DUPLICATE,
    QUARANTINED,
    SUPERSEDED,
    classify_rows,
    landed_columns,
)
from lakeloop.schemas import REASON
from lakeloop.with_columns import with_columns

SAME_VERSION = "unique_version"
"""Rule that a row breaks by the ordering value of a version with other content."""

_ORDER, _CONTENT, _STANDING, _FATE = "_order", "_content", "_is_standing", "_fate"


def classify(
    judged: DataFrame, accepted_before: DataFrame | None, source: Source, added: Sequence[str] = ()
) -> DataFrame:
    """Say of every row where it goes, by the mode of its source.

    Args:
        judged: Rows with `_reasons`.
        accepted_before: Bronze rows of earlier batches; None when there are none.
        source: The source's declaration.
        added: Columns of bronze that are not declared.

    Returns:
        The rows with `_class`, and what they broke by it added to `_reasons`.

    >>> source = context.config.sources["orders"]
    >>> before = context.lake.read_uncut(context.lake.address("bronze", "orders")).where("order = 3000")
    >>> judged = before.withColumn(REASONS, F.array().cast(f"array<{REASON.simpleString()}>"))
    >>> more = judged.withColumn("items", F.col("items") + 1)
    >>> versions = source.model_copy(update={"order_by": "items"})
    >>> [classify(more, before, each).first()[CLASS] for each in (source, versions)]
    ['quarantined', 'accepted']
    """
    if source.order_by is None:
        return classify_rows(judged, accepted_before, source, added)
    return _classify_versions(judged, accepted_before, source, source.order_by, added)


def _classify_versions(
    judged: DataFrame, before: DataFrame | None, source: Source, order_by: str, added: Sequence[str]
) -> DataFrame:
    """Accept a row whose ordering value is above all that came before it: earlier batches, then by file and record.

    One that is below is superseded, one that equals a version is its duplicate, and one that has the ordering value of
    the newest version and other content is rejected.
    """
    key = list(source.key)
    names = (*source.columns, *added)
    rows = judged.withColumns(
        {
            _STANDING: F.size(REASONS) == 0,
            _ORDER: _order(order_by),
            _CONTENT: _hash_content(landed_columns(source, added)),
        }
    )
    newest, is_known = F.lit(None).cast(rows.schema[_ORDER].dataType), F.lit(False)
    if before is not None:
        absent = {name: F.lit(None).cast("string") for name in added if name not in before.columns}
        known = _with_order(with_columns(before, absent), source, order_by)
        known = known.select(
            *(F.col(f"_typed_{name}" if f"_typed_{name}" in known.columns else name).alias(name) for name in key),
            _ORDER,
            _hash_content([F.col(name) for name in names]).alias(_CONTENT),
        )
        seen = known.select(*key, _CONTENT).distinct().withColumn("_is_known", F.lit(True))
        rows = rows.join(known.groupBy(*key).agg(F.max(_ORDER).alias("_newest")), key, "left")
        rows = rows.join(seen, [*key, _CONTENT], "left")
        newest, is_known = F.col("_newest"), F.coalesce("_is_known", F.lit(False))
    by_place = ("_source_file", "_source_row")
    same_key = Window.partitionBy(_STANDING, *key).orderBy(*by_place)
    above = F.greatest(newest, F.max(_ORDER).over(same_key.rowsBetween(Window.unboundedPreceding, -1)))
    fate = (
        F.when(is_known, DUPLICATE)
        .when(above.isNull() | (F.col(_ORDER) > above), ACCEPTED)
        .when(F.col(_ORDER) < above, SUPERSEDED)
        .otherwise(QUARANTINED)
    )
    same_row = Window.partitionBy(_STANDING, *key, _CONTENT).orderBy(*by_place)
    rows = rows.withColumn(_FATE, fate).withColumns(
        {"_rank": F.row_number().over(same_row), "_first_fate": F.first(_FATE).over(same_row)}
    )
    repeats = (F.col("_rank") > 1) & (F.col("_first_fate") == ACCEPTED)
    fate = F.when(repeats, DUPLICATE).otherwise(F.col(_FATE))
    kind = F.when(F.col(_STANDING), fate).otherwise(QUARANTINED)
    taken = F.array(_taken(key)).cast(f"array<{REASON.simpleString()}>")
    reasons = F.when(F.col(_STANDING) & (fate == QUARANTINED), taken).otherwise(F.col(REASONS))
    return rows.withColumns({CLASS: kind, REASONS: reasons})


def newest_versions(rows: DataFrame, source: Source) -> DataFrame:
    """Give the newest version of every key among the rows that are known.

    Args:
        rows: Bronze rows of the source, cut at the instant of the reader.
        source: The source's declaration.

    Returns:
        One row per key, that with the greatest ordering value; of a source of mode append the rows as they are.

    >>> bronze = context.lake.read_uncut(context.lake.address("bronze", "orders")).where("order = 3000")
    >>> rows = bronze.union(bronze.withColumn("items", F.lit(99)))
    >>> source = context.config.sources["orders"]
    >>> versions = source.model_copy(update={"order_by": "items"})
    >>> newest_versions(rows, source).count(), [row["items"] for row in newest_versions(rows, versions).collect()]
    (2, [99])
    """
    if source.order_by is None:
        return rows
    newest = Window.partitionBy(*source.key).orderBy(F.col(_ORDER).desc(), F.col("available_ts"))
    ordered = _with_order(rows, source, source.order_by).withColumn("_rank", F.row_number().over(newest))
    return ordered.where("_rank = 1").select(*rows.columns)


def standing_versions(rows: DataFrame, source: Source) -> DataFrame:
    """Give the versions that were the newest of their key when they became available: what a log of states is made of.

    Args:
        rows: All bronze rows of the source up to the instant of the reader.
        source: The source's declaration.

    Returns:
        At most one row per key and `available_ts`; of a source of mode append the rows as they are.

    >>> bronze = context.lake.read_uncut(context.lake.address("bronze", "orders")).where("order = 3000")
    >>> overtaken = bronze.withColumn("available_ts", F.expr("available_ts + interval 1 day"))
    >>> rows = bronze.withColumn("items", F.lit(99)).union(overtaken)
    >>> versions = context.config.sources["orders"].model_copy(update={"order_by": "items"})
    >>> [row["items"] for row in standing_versions(rows, versions).collect()]
    [99]
    """
    if source.order_by is None:
        return rows
    known = Window.partitionBy(*source.key).orderBy(F.unix_micros("available_ts"))
    known = known.rangeBetween(Window.unboundedPreceding, Window.currentRow)
    ordered = _with_order(rows, source, source.order_by).withColumn("_newest", F.max(_ORDER).over(known))
    return ordered.where(F.col(_ORDER) == F.col("_newest")).select(*rows.columns)


def versions_with_ends(rows: DataFrame, source: Source, name: str) -> DataFrame:
    """Give every version of every key with the instant at which a newer one took its place.

    Args:
        rows: Bronze rows of the source, cut at the instant of the reader.
        source: The source's declaration.
        name: Column to add: availability of the next version; null of the newest.

    Returns:
        The rows with that column; of a source of mode append the rows as they are.

    >>> bronze = context.lake.read_uncut(context.lake.address("bronze", "orders")).where("order = 3000")
    >>> newer = bronze.withColumns({"items": F.lit(99), "available_ts": F.expr("available_ts + interval 1 day")})
    >>> versions = context.config.sources["orders"].model_copy(update={"order_by": "items"})
    >>> found = versions_with_ends(bronze.union(newer), versions, "until_ts").orderBy("items")
    >>> [(row["items"], row["until_ts"] is None) for row in found.collect()]
    [(7, False), (99, True)]
    """
    if source.order_by is None:
        return rows
    following = Window.partitionBy(*source.key).orderBy(F.col(_ORDER), F.col("available_ts").desc())
    ordered = _with_order(rows, source, source.order_by)
    return ordered.withColumn(name, F.lead("available_ts").over(following)).select(*rows.columns, name)


def _with_order(rows: DataFrame, source: Source, order_by: str) -> DataFrame:
    """Add the ordering value to rows of bronze, where a local reading is text and was an instant when it was judged."""
    local = [name for name, each in source.all_columns.items() if each is ColumnType.LOCAL_TIMESTAMP]
    typed = with_columns(rows, {f"_text_{name}": F.col(name) for name in local})
    typed = with_columns(typed, {name: cast_text(F.col(name), ColumnType.LOCAL_TIMESTAMP) for name in local})
    ordered = typed.withColumns({_ORDER: _order(order_by), **{f"_typed_{name}": F.col(name) for name in local}})
    return with_columns(ordered, {name: F.col(f"_text_{name}") for name in local})


def _order(order_by: str) -> Column:
    """Compute the ordering value; null where it can't be computed: such a row broke a rule already."""
    value, fails = attempted(order_by)
    return value if fails is None else F.when(~fails, value)


def _hash_content(columns: Sequence[Column]) -> Column:
    """Hash the landed content of a row; Spark's hash alone would pass over nulls, wherever they stand."""
    return F.xxhash64(*(part for each in columns for part in (each.isNull(), each)))


def _taken(key: Sequence[str]) -> Column:
    message = "have the ordering value of a version with other content"
    return F.struct(
        F.lit(SAME_VERSION).alias("rule"), F.lit(", ".join(key)).alias("column"), F.lit(message).alias("message")
    )

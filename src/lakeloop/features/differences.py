"""How the published rows of a state log differ from the rows that are computed now, and which look-ups that touches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lakeloop.features.same_values import are_same

PUBLISHED, COMPUTED, IS_SAME = "published_rows", "computed_rows", "is_same"
FROM, UNTIL = "from_ts", "until_ts"


def compare_rows(published: DataFrame, computed: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Compare two state logs key by key.

    Args:
        published: Rows with entity columns, `available_ts`, and the columns of `computed`.
        computed: Rows with entity columns, `available_ts` and values, at most one per entity and `available_ts`.
        entity: Key columns.

    Returns:
        One row per entity and `available_ts` of either: `published_rows`, `computed_rows` and `is_same`, true where one
        row stands on each side and all values are the same.

    >>> log = lambda rows: spark.createDataFrame(rows, "shop string, available_ts timestamp, mean double")
    >>> first, then = datetime(2013, 5, 1), datetime(2013, 5, 2)
    >>> found = compare_rows(log([("A", first, 1.0), ("A", then, 2.0)]), log([("A", first, 1.0 + 1e-12)]), ["shop"])
    >>> [tuple(row)[2:] for row in found.orderBy("available_ts").collect()]
    [(1, 1, True), (1, 0, False)]
    """
    key = [*entity, "available_ts"]
    values = [name for name in computed.columns if name not in key]
    types = {field.name: field.dataType for field in computed.schema.fields}

    def side(rows: DataFrame, is_computed: bool) -> DataFrame:
        named = F.struct(*(F.col(name) for name in values)) if values else F.struct(F.lit(0).alias("_none"))
        return rows.select(*key, named.alias("_row"), F.lit(is_computed).alias("_is_computed"))

    both = side(published, is_computed=False).unionByName(side(computed, is_computed=True))
    of_computed = F.col("_is_computed")
    compared = both.groupBy(*key).agg(
        F.count_if(~of_computed).alias(PUBLISHED),
        F.count_if(of_computed).alias(COMPUTED),
        F.max(F.when(~of_computed, F.col("_row"))).alias("_old"),
        F.max(F.when(of_computed, F.col("_row"))).alias("_new"),
    )
    is_same = (F.col(PUBLISHED) == 1) & (F.col(COMPUTED) == 1)
    for name in values:
        is_same = is_same & are_same(F.col(f"_old.`{name}`"), F.col(f"_new.`{name}`"), types[name])
    return compared.select(*key, PUBLISHED, COMPUTED, is_same.alias(IS_SAME))


def count_differences(compared: DataFrame) -> DataFrame:
    """Count what a replacement of the published rows by the computed ones would do.

    Args:
        compared: What `compare_rows` gives.

    Returns:
        One row: `rows_now`, `rows_after`, `added`, `changed`, `removed`, the number of instants that differ (`ticks`),
        and the `first` and the `last` of them.

    >>> log = lambda rows: spark.createDataFrame(rows, "shop string, available_ts timestamp, mean double")
    >>> days = [datetime(2013, 5, day) for day in (1, 2, 3)]
    >>> published = log([("A", days[0], 1.0), ("A", days[1], 2.0)])
    >>> computed = log([("A", days[0], 1.5), ("A", days[2], 2.0), ("B", days[2], 2.0)])
    >>> tuple(count_differences(compare_rows(published, computed, ["shop"])).first())[:6]
    (2, 3, 2, 1, 1, 3)
    """
    published, computed, differs = F.col(PUBLISHED), F.col(COMPUTED), ~F.col(IS_SAME)
    at = F.when(differs, F.col("available_ts"))
    return compared.select(
        F.coalesce(F.sum(published), F.lit(0)).alias("rows_now"),
        F.coalesce(F.sum(computed), F.lit(0)).alias("rows_after"),
        F.count_if(published == 0).alias("added"),
        F.count_if((published > 0) & (computed > 0) & differs).alias("changed"),
        F.coalesce(F.sum(F.greatest(published - computed, F.lit(0))), F.lit(0)).alias("removed"),
        F.count_distinct(at).alias("ticks"),
        F.min(at).alias("first"),
        F.max(at).alias("last"),
    )


def find_spans(compared: DataFrame, later: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Find the stretches of time in which a look-up meets a row that differs.

    Args:
        compared: What `compare_rows` gives for a range of a log.
        later: Published rows after the range, which stay as they are.
        entity: Key columns.

    Returns:
        Entity columns, `from_ts` and `until_ts`: a look-up from the one on, up to and without the other, meets another
        row than before; null is for ever.

    >>> log = lambda rows: spark.createDataFrame(rows, "shop string, available_ts timestamp, mean double")
    >>> days = [datetime(2013, 5, day) for day in (1, 2, 3)]
    >>> compared = compare_rows(log([("A", days[0], 1.0)]), log([("A", days[0], 2.0)]), ["shop"])
    >>> spans = find_spans(compared, log([("A", days[2], 5.0)]), ["shop"])
    >>> [(row["from_ts"].day, row["until_ts"].day) for row in spans.collect()]
    [(1, 3)]
    """
    states = compared.select(*entity, "available_ts", IS_SAME).unionByName(
        later.select(*entity, "available_ts", F.lit(True).alias(IS_SAME))
    )
    following = F.lead("available_ts").over(Window.partitionBy(*entity).orderBy("available_ts"))
    spans = states.select(*entity, F.col("available_ts").alias(FROM), following.alias(UNTIL), IS_SAME)
    return spans.where(~F.col(IS_SAME)).drop(IS_SAME)


def touched_by(spine: DataFrame, spans: DataFrame, entity: Sequence[str]) -> DataFrame:
    """Find the rows of a spine whose look-up meets a row that differs.

    Args:
        spine: Rows with entity columns and `prediction_ts`.
        spans: What `find_spans` gives.
        entity: Key columns.

    Returns:
        The rows, each once.

    >>> spans = spark.sql("select 'A' as shop, timestamp'2013-05-01' as from_ts, timestamp'2013-05-03' as until_ts")
    >>> spine = spark.sql("select 'A' as shop, explode(sequence(date'2013-04-30', date'2013-05-04')) as day")
    >>> rows = touched_by(spine.selectExpr("shop", "cast(day as timestamp) as prediction_ts"), spans, ["shop"])
    >>> sorted(row["prediction_ts"].day for row in rows.collect())
    [1, 2]
    """
    span = spans.select(*(F.col(name).alias(f"_{name}") for name in entity), FROM, UNTIL)
    meets = (F.col("prediction_ts") >= F.col(FROM)) & (F.col(UNTIL).isNull() | (F.col("prediction_ts") < F.col(UNTIL)))
    for name in entity:
        meets = meets & (F.col(name) == F.col(f"_{name}"))
    return spine.join(span, meets, "left_semi")


def touched_after(spine: DataFrame, after: datetime) -> DataFrame:
    """Give the rows of a spine that may meet a row of a range, where it was not compared.

    Args:
        spine: Rows with `prediction_ts`.
        after: Instant before the range.

    Returns:
        The rows after it.

    >>> from datetime import UTC
    >>> days = [(datetime(2013, 5, day, tzinfo=UTC),) for day in (1, 2, 3)]
    >>> touched_after(spark.createDataFrame(days, "prediction_ts timestamp"), days[0][0]).count()
    2
    """
    return spine.where(F.col("prediction_ts") > F.lit(after))

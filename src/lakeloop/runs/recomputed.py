"""The features of a sample, computed again by what their table is declared as."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.source import TIME_COLUMNS
from lakeloop.features.recompute import recall, recompute
from lakeloop.quality.versions import standing_versions
from lakeloop.runs.context import Context
from lakeloop.runs.function_table import find_function
from lakeloop.runs.statement_table import statement_answers


def recompute_sample(context: Context, table: FeatureTable, sample: DataFrame) -> DataFrame:
    """Compute the features of a table again for a few rows, from what was available at each row's own instant.

    Args:
        context: Project, lake and a logical now at or after all instants.
        table: The table's declaration. Of other feature tables a statement sees the published states.
        sample: Rows with `prediction_id`, `prediction_ts` and the entity columns.

    Returns:
        `_sample` (the row's `prediction_id`) and the features of the rows of which something was known.

    >>> rows = spark.sql("select 'a' as prediction_id, 'A' as shop, timestamp'2024-01-20 10:00:00Z' as prediction_ts")
    >>> again = recompute_sample(context, context.config.feature_tables["shop_last"], rows)
    >>> again.columns, again.count()
    (['_sample', 'last_delay_minutes'], 1)
    """
    asked = sample.select(
        F.col("prediction_id").alias("_sample"), F.col("prediction_ts").alias("_asked_ts"), *table.entity
    )
    if table.kind is Kind.SQL:
        return statement_answers(context, table, asked)
    source = context.config.sources[str(table.from_)]
    events = context.lake.read(context.lake.address("bronze", source.source), context.as_of)
    if table.kind is Kind.PYTHON:
        seen = events.select(*source.all_columns, *TIME_COLUMNS)
        return recall(asked, seen, table, find_function(context, table), source.key)
    if source.order_by is not None:
        events = standing_versions(events, source)
    return recompute(asked, events, table, context.as_of)

"""What the join costs on Spark."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from lakeloop.point_in_time.lookup import Lookup
from lakeloop.point_in_time.spark import join_as_of
from tests.factories import GOLD_COLUMNS, SPINE_COLUMNS, frame
from tests.point_in_time.engines import LATER


@pytest.mark.parametrize(
    ("key_sets", "exchanges"),
    [
        ([("origin",)], 1),
        ([("origin",), ("origin",), ("origin",)], 1),
        ([("origin",), ("dest",), ("origin", "dest"), ("dest",)], 3),
    ],
)
def test_join_as_of_shuffles_once_per_key_set(
    spark: SparkSession, key_sets: list[tuple[str, ...]], exchanges: int
) -> None:
    gold = frame(spark, GOLD_COLUMNS, [])
    lookups = [Lookup(f"table_{index}", gold, entity, ("wind",), LATER) for index, entity in enumerate(key_sets)]
    found = join_as_of(frame(spark, SPINE_COLUMNS, []), lookups)
    plan = found._jdf.queryExecution().executedPlan().toString()  # the plan as text, as EXPLAIN prints it
    assert plan.count("Exchange hashpartitioning") == plan.count("Exchange") == exchanges

"""What the join costs on Spark."""

from __future__ import annotations

from collections import Counter

import pytest
from pyspark.sql import SparkSession

from lakeloop.point_in_time.lookup import Lookup
from lakeloop.point_in_time.spark import join_as_of
from tests.factories import GOLD_COLUMNS, SPINE_COLUMNS, frame, make_spine_row, make_state
from tests.point_in_time.engines import LATER


@pytest.mark.parametrize(
    ("key_sets", "exchanges"),
    [
        ([("origin",)], 1),
        ([("origin",), ("origin",), ("origin",)], 1),
        ([("origin",), ("dest",), ("origin", "dest"), ("dest",)], 3),
        ([("origin", "dest"), ("dest", "origin")], 1),
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


def test_keys_in_another_order_and_rows_that_crowd_on_one_key_or_on_none_find_their_states(
    spark: SparkSession,
) -> None:
    """A third of the rows without a key, a third of one key; of the rest each has a key of its own."""
    keys = [(None, "x") if n % 3 == 0 else ("a", "b") if n % 3 == 1 else (f"k{n}", "b") for n in range(90)]
    spine = [
        make_spine_row("2013-05-01 10:00", flight=n, origin=origin, dest=dest) for n, (origin, dest) in enumerate(keys)
    ]
    known = [*sorted({each for each in keys if each[0] is not None}), ("b", "a")]
    gold = frame(
        spark,
        GOLD_COLUMNS,
        [make_state("2013-05-01 09:00", origin=o, dest=d, wind=float(n)) for n, (o, d) in enumerate(known)],
    )
    wanted = [
        Lookup("one", gold, ("origin", "dest"), ("wind",), LATER),
        Lookup("two", gold, ("dest", "origin"), ("wind",), LATER),
    ]
    rows = join_as_of(frame(spark, SPINE_COLUMNS, spine), wanted).collect()
    assert Counter(row["one__status"] for row in rows) == {"NO_KEY": 30, "OK": 60}
    found = {row["flight"]: (row["one__wind"], row["two__wind"]) for row in rows}
    winds = {key: float(n) for n, key in enumerate(known)}
    assert found == {n: (winds.get(key), winds.get(key)) for n, key in enumerate(keys)}

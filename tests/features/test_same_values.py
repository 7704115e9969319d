"""When two values of a feature are the same: rounding apart, and never because one is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType

from lakeloop.features.same_values import are_same

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAN, INF = float("nan"), float("inf")
NUMBERS = [
    (1.0, 1.0, True),
    (1.0, 1.0 + 1e-10, True),
    (1.0, 1.0 + 1e-8, False),
    (0.0, 1e-13, True),
    (0.0, 1e-11, False),
    (None, None, True),
    (None, 0.0, False),
    (0.0, None, False),
    (NAN, NAN, True),
    (NAN, 5.0, False),
    (5.0, NAN, False),
    (NAN, None, False),
    (INF, INF, True),
    (INF, -INF, False),
    (INF, 5.0, False),
    (-INF, 5.0, False),
    (INF, NAN, False),
    (1e308, -1e308, False),
]
TEXTS = [("007", "7", False), ("7", "7", True), (None, None, True), ("", None, False)]


def test_numbers_are_the_same_within_rounding_and_texts_by_their_letters(spark: SparkSession) -> None:
    numbers = spark.createDataFrame(NUMBERS, "one double, other double, expected boolean")
    found = numbers.select(are_same(F.col("one"), F.col("other"), DoubleType())).collect()
    assert [row[0] for row in found] == [expected for *_, expected in NUMBERS]
    texts = spark.createDataFrame(TEXTS, "one string, other string, expected boolean")
    found = texts.select(are_same(F.col("one"), F.col("other"), StringType())).collect()
    assert [row[0] for row in found] == [expected for *_, expected in TEXTS]

"""The id of a prediction online is the one that a turn of the loop gives to the same row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lakeloop.serving.columns import micros_of
from lakeloop.serving.prediction_id import prediction_id_of

NOON = datetime(2013, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "string": ["JFK", "", 'a "quoted" \\ text/', "tab\tline\n\x01\x1f\x7f", "naïve 北 😀", " ", None],
    "bigint": [7, -(2**63), 2**63 - 1, None],
    "int": [0, -5],
    "smallint": [300],
    "tinyint": [-128],
    "boolean": [True, False, None],
    "timestamp": [NOON, datetime(1969, 12, 31, tzinfo=UTC), None],
    "date": [date(2013, 5, 1), date(987, 1, 2), None],
    "double": [0.0, -0.0, 1.0, 0.1, 0.001, 0.00099, 1e7, 9999999.0, 1.5e-10, -123456.789, 1e300, 100.0, None],
    "float": [0.1, 3.25, 1e10],
    "decimal(10,2)": [Decimal("1.50"), Decimal("0.00"), Decimal("-12345678.90")],
    "decimal(12,10)": [Decimal("0.0000000001"), Decimal("1.0000000000")],
}


def stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros_of(value)
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.loop
def test_ids_are_those_of_spark_for_every_type_of_key(spark):
    from pyspark.sql import functions as F

    from lakeloop.labels.spine import prediction_id

    different = []
    for kind, values in VALUES.items():
        rows = spark.createDataFrame([(7, value) for value in values], f"order bigint, `the key` {kind}")
        part = "the key"
        if kind == "timestamp":
            rows, part = rows.withColumn("_id_the key", F.unix_micros("the key")), "_id_the key"
        found = [row[0] for row in rows.select(prediction_id(["order", f"`{part}`"])).collect()]
        types = {"order": "bigint", "the key": kind}
        mine = [prediction_id_of({"order": 7, "the key": stored(each)}, ["order", "the key"], types) for each in values]
        different += [(kind, value) for value, a, b in zip(values, found, mine, strict=True) if a != b]
    assert different == []


def test_without_every_id_column_there_is_no_id():
    types = {"order": "bigint", "shop": "string"}
    assert prediction_id_of({"order": 7}, ["order", "shop"], types) is None
    assert prediction_id_of({"order": 7, "shop": None}, ["order", "shop"], types) is not None

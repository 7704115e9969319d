"""Columns as models take them: the doubles that Spark's casts give."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.on_demand.arrow import as_model_input

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def doubles(values: list[object], of_type: pa.DataType) -> list[float | None]:
    return [
        None if each is None else float(each)
        for each in as_model_input(pa.chunked_array([values], of_type)).to_pylist()
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**53, 9007199254740992.0),
        (2**53 + 1, 9007199254740992.0),  # half way: to even
        (2**53 + 3, 9007199254740996.0),
        (-(2**53) - 1, -9007199254740992.0),
        (2**63 - 1, 9223372036854775808.0),
        (-(2**63), -9223372036854775808.0),
        (None, None),
    ],
)
def test_a_long_beyond_the_whole_doubles_is_rounded(value: int | None, expected: float | None) -> None:
    assert doubles([value], pa.int64()) == [expected]


def test_an_instant_far_from_the_epoch_is_rounded() -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert doubles([far, None], pa.timestamp("us", "UTC")) == [253402300799.999999, None]


def test_every_amount_of_two_places_is_the_nearest_double() -> None:
    cents = [*range(-2_000, 200_000, 7), *range(9_999_990_000, 10_000_000_000, 13)]
    amounts = [Decimal(each).scaleb(-2) for each in cents]
    assert doubles([*amounts, None], pa.decimal128(12, 2)) == [*map(float, amounts), None]


@given(st.integers(-(10**37), 10**37), st.integers(0, 37))
def test_every_decimal_is_the_nearest_double(digits: int, scale: int) -> None:
    value = Decimal(digits).scaleb(-scale)
    assert doubles([value], pa.decimal128(38, scale)) == [float(value)]


def test_spark_gives_the_same_doubles(spark: SparkSession) -> None:
    rows = [(Decimal(each).scaleb(-2), 2**53 + each) for each in range(1, 100_000, 101)]
    frame = spark.createDataFrame(rows, "amount decimal(10,2), big long").coalesce(1)
    given = frame.toArrow()
    cast = frame.selectExpr("cast(amount as double) as amount", "cast(big as double) as big").toArrow()
    for name in ("amount", "big"):
        assert as_model_input(given[name]).to_pylist() == cast[name].to_pylist()

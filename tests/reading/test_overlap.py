"""What is read again behind a watermark, by its type; nothing is left out at the bound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.config.read import Read
from lakeloop.errors import ConflictError
from lakeloop.reading.database import cut_rows, measure_rows

DAYS = [f"2024-03-{day:02d}" for day in (8, 9, 10, 11)]
CLOCK = ["2024-03-10 00:59:59.5", "2024-03-10 01:00:00", "2024-03-10 01:30:00", "2024-03-10 03:00:00.25"]


def declare(overlap: Any) -> Read:
    return Read.model_validate({"jdbc": "jdbc:derby:shop", "table": "t", "watermark": "at", "overlap": overlap})


@pytest.mark.parametrize(
    ("kind", "values", "overlap", "after", "kept"),
    [
        ("bigint", ["7", "8", "9", "10"], None, "9", 1),
        ("bigint", ["7", "8", "9", "10"], 2, "9", 3),  # 7 is at the bound itself, and was read
        ("decimal(10,2)", ["7.00", "7.01", "9.00", "9.01"], 2, "9.00", 3),
        ("date", DAYS, "1 day", "2024-03-10", 2),
        ("date", DAYS, "25 hours", "2024-03-10", 3),  # a part of a day is a day: more is read again, never less
        ("timestamp", CLOCK, "30 minutes", "2024-03-10 01:30:00", 2),
        ("timestamp_ntz", CLOCK, "90 minutes", "2024-03-10T02:30:00", 2),
    ],
)
def test_the_overlap_is_read_again(
    spark: SparkSession, kind: str, values: list[str], overlap: Any, after: str, kept: int
) -> None:
    listed = ", ".join(f"(cast('{each}' as {kind}))" for each in values)
    rows = spark.sql(f"select at from values {listed} as t(at)")
    read = declare(overlap)
    measured = measure_rows(rows, read, after).first()
    assert measured is not None
    assert (measured["rows"], measured["missing"]) == (kept, 0)
    assert cut_rows(rows, read, after, measured["greatest"]).count() == kept


@pytest.mark.parametrize(("kind", "overlap"), [("bigint", timedelta(hours=1)), ("date", 3), ("timestamp", 3)])
def test_an_overlap_that_does_not_fit_is_refused(spark: SparkSession, kind: str, overlap: Any) -> None:
    written = "1 hour" if isinstance(overlap, timedelta) else overlap
    with pytest.raises(ConflictError, match="which the overlap does not fit"):
        cut_rows(spark.sql(f"select cast(null as {kind}) as at"), declare(written), "1", None)

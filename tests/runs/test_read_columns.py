"""Columns that what is read has beside those declared: the same policies as for files, without a whole ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.errors import DataContractError
from lakeloop.runs.bronze import bronze_schema
from lakeloop.runs.new_columns import name_added, take_added
from lakeloop.runs.readings import Reading
from tests.factories import instant
from tests.runs.read_projects import open_reading

ROWS = """
select 'EWR' as origin, timestamp'2013-05-01 10:00:00Z' as observed_ts, 5.5D as wind_mph, 7 as gust, null as hail
"""


def open_source(root: Path, **declared: Any) -> Reading:
    context = open_reading(root, instant("2014-06-01 00:00"), {"delta": "/feeds/weather", **declared})
    return Reading(context, context.config.sources["weather"], root, [])


@pytest.mark.parametrize(
    ("policy", "kept", "added"),
    [
        ("ignore", None, ()),
        ("add_nullable", {"gust": "7", "hail": None}, ("gust", "hail")),
        ("quarantine", {"gust": "7", "hail": None}, ()),
    ],
)
def test_new_columns_of_what_is_read_follow_the_policy(
    spark: SparkSession, tmp_path: Path, policy: str, kept: dict[str, str | None] | None, added: tuple[str, ...]
) -> None:
    reading = open_source(tmp_path, new_columns=policy)
    texts = reading.as_texts(spark.sql(ROWS))
    (row,) = texts.collect()
    assert (row["origin"], row["observed_ts"], row["wind_mph"]) == ("EWR", "2013-05-01T10:00:00Z", "5.5")
    assert row.asDict().get("_unknown") == kept
    names = name_added(texts, reading.source, bronze_schema(reading.source))
    assert names == added
    (taken,) = take_added(texts, names).collect()
    assert [taken[name] for name in names] == ["7", None][: len(names)]


def test_without_a_policy_new_columns_stop_the_source(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match="columns not declared: gust, hail"):
        open_source(tmp_path).as_texts(spark.sql(ROWS))

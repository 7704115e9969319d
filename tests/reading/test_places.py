"""Delta tables that are named in a catalog, and a stream of one: read without a whole ingest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakeloop.errors import NotReadyError
from lakeloop.reading import drain_stream
from lakeloop.tables import open_foreign, read_changes, read_version, stream_appended
from tests.factories import declare_source

NAME = "spark_catalog.feeds.weather"


@pytest.fixture
def feed(spark: SparkSession) -> Iterator[str]:
    """A table in the session's catalog, with a change data feed: one row, then another."""
    spark.sql("CREATE DATABASE IF NOT EXISTS feeds")
    spark.sql(
        f"CREATE TABLE {NAME} (origin string, wind_mph double) USING DELTA"
        " TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"
    )
    for origin in ("EWR", "JFK"):
        spark.sql(f"INSERT INTO {NAME} VALUES ('{origin}', 5.5)")
    yield NAME
    spark.sql("DROP DATABASE feeds CASCADE")


def test_a_table_of_a_catalog_is_read_by_its_name(spark: SparkSession, feed: str, tmp_path: Path) -> None:
    table = open_foreign(spark, feed)
    assert (table.version, table.sql) == (2, "`spark_catalog`.`feeds`.`weather`")
    assert read_version(spark, table).count() == 2
    rows, counted = read_changes(spark, table, 1)
    assert ([row["origin"] for row in rows.collect()], counted) == (["JFK"], {"insert": 1})
    taken: list[str] = []
    through = stream_appended(
        spark, table, 1, tmp_path / "c", lambda batch: taken.extend(row["origin"] for row in batch.collect())
    )
    assert (through, taken) == ((2, 1), ["JFK"])
    for absent in ("spark_catalog.feeds.nothing", "spark_catalog.nowhere.weather"):
        with pytest.raises(NotReadyError, match="is no Delta table"):
            open_foreign(spark, absent)

    # The same table as a stream: what is there once, then what came since.
    place = spark.sql(f"DESCRIBE DETAIL {feed}").collect()[0]["location"]
    read = {"stream": "delta", "options": {"path": place}}
    columns = {"origin": {"type": "string"}, "observed_ts": {"type": "timestamp"}, "wind_mph": {"type": "double"}}
    source = declare_source(landing=None, read=read, columns=columns)
    seen: list[list[str]] = []

    def take(batch: DataFrame, _: int) -> None:
        seen.append(sorted(row["origin"] for row in batch.collect()))

    def drain() -> None:
        drain_stream(spark, source, tmp_path / "s", take)

    drain()
    drain()  # nothing is new
    spark.sql(f"INSERT INTO {feed} VALUES ('LGA', 1.0)")
    drain()
    assert seen == [["EWR", "JFK"], ["LGA"]]

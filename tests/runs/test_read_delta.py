"""Another Delta table as a source: appended rows, its change data feed, and what became of versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.errors import ConflictError, DataContractError, NotReadyError
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import SourceIngest, ingest
from lakeloop.runs.replay import replay
from tests.factories import Row, instant
from tests.runs.read_projects import open_reading, table

JUNE, JULY, AUGUST = (instant(f"2014-0{month}-01 00:00") for month in (6, 7, 8))
COLUMNS = "origin string, observed_ts timestamp, wind_mph double"
NINE, TEN, ELEVEN = (f"2013-05-01 {hour}:00" for hour in ("09", "10", "11"))


def feed_of(root: Path) -> str:
    return str(root / "feeds" / "weather")


def append(spark: SparkSession, root: Path, *rows: tuple[str | None, str | None, float | None], **changes: Any) -> None:
    values = [(origin, None if at is None else instant(at), wind) for origin, at, wind in rows]
    frame = spark.createDataFrame(values, COLUMNS).coalesce(1)
    for name, value in changes.items():
        frame = frame.selectExpr("*", f"{value} as {name}")
    writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
    writer.option("delta.enableChangeDataFeed", "true").save(feed_of(root))


def open_weather(root: Path, as_of: Any, **read: Any) -> Context:
    return open_reading(root, as_of, {"delta": feed_of(root), **read})


def stretches(context: Context) -> list[Row]:
    rows = context.lake.own_rows(schemas.INGESTED_FILES, None)
    return sorted((json.loads(row["stretch"]) for row in rows), key=lambda each: int(each["number"]))


def test_rows_that_were_appended_enter_once_typed_judged_and_accounted_for(spark: SparkSession, tmp_path: Path) -> None:
    append(spark, tmp_path, ("EWR", NINE, 5.5), ("JFK", NINE, -1.0), ("LGA", NINE, None), (None, NINE, 1.0))
    first = open_weather(tmp_path, JUNE)
    assert ingest(first).sources == (SourceIngest("weather", 1, 0, 0, 0, 4, 2, 2, 0),)
    append(spark, tmp_path, ("EWR", TEN, 7.0), ("EWR", NINE, 5.5))
    append(spark, tmp_path, ("EWR", "2014-05-01 10:00", 8.0))
    later = open_weather(tmp_path, JULY)
    assert ingest(later).sources == (SourceIngest("weather", 1, 0, 0, 0, 3, 2, 0, 1),)
    assert ingest(later).sources == (SourceIngest("weather", 0, 0, 0, 0, 0, 0, 0, 0),)  # nothing is new

    found = [
        (row["origin"], row["wind_mph"], row["_source_file"], row["available_ts"]) for row in table(later, "bronze")
    ]
    assert found == [
        ("EWR", 5.5, "000000 version 0", instant("2013-05-01 10:00")),
        ("LGA", None, "000000 version 0", instant("2013-05-01 10:00")),
        ("EWR", 7.0, "000001 from version 1", instant("2013-05-01 11:00")),
        ("EWR", 8.0, "000001 from version 1", JULY),  # after what is trusted: known from the ingest on
    ]
    rejected = [(row["origin"], row["wind_mph"], row["_reasons"][0]["rule"]) for row in table(later, "quarantine")]
    assert sorted(rejected, key=str) == [("JFK", "-1.0", "range_wind_mph"), (None, "1.0", "key_origin")]
    assert [(each["after"], each["through"], each["rows"]) for each in stretches(later)] == [
        (None, "0", 4),
        ("0", "2", 3),
    ]

    # A rule that is mended lets a row of a table come back as one of a file does.
    mended = open_reading(tmp_path, AUGUST, {"delta": feed_of(tmp_path)}, rules=[])
    assert replay(mended, "weather").rows_accepted == 1
    assert [row["wind_mph"] for row in table(mended, "bronze")].count(-1.0) == 1


@pytest.mark.slow
def test_a_feed_of_changes_gives_versions_of_keys_and_counts_deletes(spark: SparkSession, tmp_path: Path) -> None:
    append(spark, tmp_path, ("EWR", NINE, 5.0), ("JFK", NINE, 6.0), ("LGA", NINE, 7.0))
    upsert = {"mode": "upsert", "order_by": "wind_mph", "rules": []}
    changes = {"delta": feed_of(tmp_path), "changes": True}
    ingest(open_reading(tmp_path, JUNE, changes, **upsert))
    spark.sql(f"update delta.`{feed_of(tmp_path)}` set wind_mph = 9 where origin = 'EWR'")
    spark.sql(f"delete from delta.`{feed_of(tmp_path)}` where origin = 'JFK'")
    append(spark, tmp_path, ("BOS", NINE, 1.0))

    with pytest.raises(DataContractError) as refused:
        ingest(open_reading(tmp_path, JULY, changes, **upsert))
    assert str(refused.value.failures[0]) == "deletes: 1 in versions 1 to 3"
    ignoring = open_reading(tmp_path, JULY, {**changes, "deletes": "ignore"}, **upsert)
    assert ingest(ignoring).sources == (SourceIngest("weather", 1, 0, 0, 0, 2, 2, 0, 0),)
    found = sorted((row["origin"], row["wind_mph"]) for row in table(ignoring, "bronze"))
    assert found == [("BOS", 1.0), ("EWR", 5.0), ("EWR", 9.0), ("JFK", 6.0), ("LGA", 7.0)]
    assert [each["deletes"] for each in stretches(ignoring)] == [0, 1]


@pytest.mark.slow
def test_changed_rows_lost_versions_and_other_tables_are_told(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"is no Delta table"):
        ingest(open_weather(tmp_path, JUNE))
    append(spark, tmp_path, ("EWR", NINE, 5.0))
    ingest(open_weather(tmp_path, JUNE))
    append(spark, tmp_path, ("EWR", TEN, 6.0))
    spark.sql(f"update delta.`{feed_of(tmp_path)}` set wind_mph = 9 where origin = 'EWR'")
    with pytest.raises(DataContractError, match="changed or deleted behind version 0"):
        ingest(open_weather(tmp_path, JULY))

    append(spark, tmp_path, ("EWR", ELEVEN, 7.0))
    log = Path(feed_of(tmp_path)) / "_delta_log"
    spark.conf.set("spark.databricks.delta.properties.defaults.checkpointInterval", "10")
    spark.sql(f"alter table delta.`{feed_of(tmp_path)}` set tblproperties ('delta.checkpointInterval' = '1')")
    append(spark, tmp_path, ("JFK", ELEVEN, 8.0))
    spark.conf.unset("spark.databricks.delta.properties.defaults.checkpointInterval")
    for version in range(4):
        for path in log.glob(f"*{version:020d}*"):
            path.unlink()
    spark.catalog.clearCache()
    with pytest.raises(ConflictError, match=r"some are gone") as lost:
        ingest(open_weather(tmp_path, JULY))
    assert "read.lost_versions: read_whole" in lost.value.remedy
    whole = open_weather(tmp_path, JULY, lost_versions="read_whole")
    (counts,) = ingest(whole).sources
    assert (counts.rows_read, counts.rows_accepted + counts.rows_quarantined + counts.rows_duplicate) == (4, 4)

    shutil.rmtree(feed_of(tmp_path))
    append(spark, tmp_path, ("EWR", TEN, 6.0))
    with pytest.raises(ConflictError, match="read from another delta"):
        ingest(open_weather(tmp_path, AUGUST))


@pytest.mark.slow
def test_columns_differ_by_policy_and_stop_the_source_without(spark: SparkSession, tmp_path: Path) -> None:
    append(spark, tmp_path, ("EWR", NINE, 5.0), gust=7, parts="array(1)")
    with pytest.raises(DataContractError, match="columns not declared: gust"):
        ingest(open_weather(tmp_path, JUNE))
    with pytest.raises(DataContractError, match=r"no single value: parts \(array<int>\)"):
        ingest(open_weather(tmp_path, JUNE, new_columns="add_nullable"))
    taking = open_weather(tmp_path, JUNE, new_columns="ignore")
    assert ingest(taking).sources == (SourceIngest("weather", 1, 0, 0, 0, 1, 1, 0, 0),)

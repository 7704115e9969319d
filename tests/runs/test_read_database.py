"""A database as a source, by JDBC: Apache Derby, which comes with Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.read import Read
from lakeloop.errors import DataContractError, EnvironmentProblemError
from lakeloop.reading import cut_rows, measure_rows, open_database
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import SourceIngest, ingest
from lakeloop.runs.plan import make_plan
from tests.factories import instant, rows_of
from tests.runs.read_projects import open_reading, table

JUNE, JULY, AUGUST = (instant(f"2014-0{month}-01 00:00") for month in (6, 7, 8))
NOTHING = SourceIngest("weather", 0, 0, 0, 0, 0, 0, 0, 0)


def insert(spark: SparkSession, url: str, *rows: tuple[str, str, float | None, str | None]) -> None:
    columns = "ORIGIN string, OBSERVED_TS string, WIND_MPH double, seen string"
    frame = spark.createDataFrame(list(rows), columns).coalesce(1)
    frame = frame.selectExpr("ORIGIN", "OBSERVED_TS", "WIND_MPH", "cast(seen as timestamp_ntz) as SEEN_AT")
    frame.write.format("jdbc").mode("append").options(url=f"{url};create=true", dbtable="readings", user="joan").save()


def test_a_watermark_finer_than_a_microsecond_is_read_once(spark: SparkSession, tmp_path: Path) -> None:
    url = f"jdbc:derby:{tmp_path / 'fine'}"
    insert(spark, url, *((origin, "", wind, "2024-03-10 02:30:00.25") for origin, wind in (("EWR", 1.0), ("JFK", 2.0))))
    moved = "{fn timestampadd(SQL_TSI_FRAC_SECOND, case when WIND_MPH = 1 then 789 else 1789 end, SEEN_AT)}"
    query = f"select ORIGIN, {moved} as SEEN_AT from readings"
    read = Read(jdbc=url, query=query, watermark="seen_at", user="joan")
    rows = open_database(spark, read)
    first, last = "2024-03-10T02:30:00.25", "2024-03-10T02:30:00.250001"
    assert measure_rows(rows, read, None).first() == (last, 2, 0)
    assert measure_rows(rows, read, first).first() == (last, 1, 0)
    assert measure_rows(rows, read, last).first() == (None, 0, 0)
    assert [row["origin"] for row in rows_of(cut_rows(rows, read, None, first))] == ["EWR"]
    assert [row["origin"] for row in rows_of(cut_rows(rows, read, first, last))] == ["JFK"]


def open_weather(root: Path, as_of: Any, **read: Any) -> Context:
    declared = {"jdbc": "${SHOP_URL}", "table": "readings", "watermark": "seen_at", "new_columns": "ignore"}
    return open_reading(root, as_of, {**declared, "user": "joan", "password": "${SHOP_PASSWORD}", **read})


def test_rows_behind_the_watermark_enter_once_and_the_overlap_finds_late_ones(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"jdbc:derby:{tmp_path / 'shop'}"
    monkeypatch.setenv("SHOP_URL", url)
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22secret")
    nine, ten, eleven = (f"2013-05-01T{hour}:00:00Z" for hour in ("09", "10", "11"))
    insert(spark, url, ("EWR", nine, 5.5, "2024-03-10 02:30:00.25"), ("JFK", nine, -1.0, "2024-03-10 02:00:00"))
    assert ingest(open_weather(tmp_path, JUNE)).sources == (SourceIngest("weather", 1, 0, 0, 0, 2, 1, 1, 0),)
    assert ingest(open_weather(tmp_path, JUNE)).sources == (NOTHING,)

    # One row behind the watermark, one at it: the next stretch has the first of them only, the overlap both.
    insert(spark, url, ("EWR", ten, 6.0, "2024-03-10 03:00:00"), ("LGA", nine, 7.0, "2024-03-10 02:30:00.25"))
    assert ingest(open_weather(tmp_path, JULY)).sources == (SourceIngest("weather", 1, 0, 0, 0, 1, 1, 0, 0),)
    overlapping = open_weather(tmp_path, AUGUST, overlap="45 minutes")
    assert ingest(overlapping).sources == (SourceIngest("weather", 1, 0, 0, 0, 3, 1, 0, 2),)
    assert ingest(overlapping).sources == (NOTHING,)  # once at each instant
    found = [(row["origin"], row["wind_mph"], row["_source_file"]) for row in table(overlapping, "bronze")]
    assert found == [
        ("EWR", 5.5, "000000 rows by seen_at"),
        ("EWR", 6.0, "000001 rows by seen_at"),
        ("LGA", 7.0, "000002 rows by seen_at"),
    ]

    insert(spark, url, ("BOS", eleven, 1.0, None))
    with pytest.raises(DataContractError, match="seen_at: missing in 1 rows, which would never be read"):
        ingest(overlapping)

    told = [
        str(make_plan(overlapping.config).sources[0].reads),
        repr(overlapping.config),
        str(overlapping.lake.own_rows(schemas.INGESTED_FILES, None)),
    ]
    monkeypatch.setenv("SHOP_URL", f"jdbc:derby:{tmp_path / 'gone'}")
    with pytest.raises(EnvironmentProblemError) as failed:
        ingest(open_weather(tmp_path, AUGUST))
    told.append(str(failed.value))
    assert told[0] == "${SHOP_URL}: table readings by seen_at, 45min again"
    assert not [text for text in told if "hunter22" in text]

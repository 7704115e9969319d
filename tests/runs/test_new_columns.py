"""Formats and columns that differ, from the landed file to bronze, quarantine and back."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import SourceIngest, ingest
from lakeloop.runs.replay import ReplayResult, replay
from tests.factories import Row, instant, make_reading, rows_of
from tests.runs.test_ingest import landing_of, open_context

JUNE, JULY, AUGUST = (instant(f"2014-0{month}-01 00:00") for month in (6, 7, 8))
NINE, TEN, ELEVEN, NOON = (f"2013-05-01T{hour}:00:00Z" for hour in ("09", "10", "11", "12"))


def declare(root: Path, as_of: datetime, **landing: Any) -> Context:
    return open_context(root, as_of, landing={"path": "landing/weather", **landing})


def land_lines(context: Context, name: str, *records: Row | str) -> None:
    written = (each if isinstance(each, str) else json.dumps(each) for each in records)
    (landing_of(context) / name).write_text("".join(f"{each}\n" for each in written), encoding="utf-8")


def table(context: Context, name: str) -> list[Row]:
    return rows_of(context.lake.read_uncut(context.lake.address(*name.split("."))), "_source_file", "_source_row")


@pytest.mark.slow
def test_json_and_parquet_give_the_rows_that_csv_gives(spark: SparkSession, tmp_path: Path) -> None:
    readings = [make_reading(), make_reading(origin="JFK", wind_mph="strong"), make_reading(origin="LGA", wind_mph="")]
    found: dict[str, list[Row]] = {}
    for kind in ("csv", "json", "parquet"):
        context = declare(tmp_path / kind, JUNE, format=kind, pattern="a.*", null_values=[""])
        if kind == "json":
            land_lines(context, "a.x", *readings)
        elif kind == "parquet":
            sink = io.BytesIO()
            at = pa.array([instant("2013-05-01 10:00")] * 3, pa.timestamp("ms", "UTC"))
            pq.write_table(
                pa.table({"observed_ts": at, **{n: [r[n] for r in readings] for n in ("origin", "wind_mph")}}), sink
            )
            (landing_of(context) / "a.x").write_bytes(sink.getvalue())
        else:
            lines = ["origin,observed_ts,wind_mph", *(",".join(each.values()) for each in readings)]
            (landing_of(context) / "a.x").write_text("\n".join(lines), encoding="utf-8")
        assert ingest(context).sources == (SourceIngest("weather", 1, 0, 0, 0, 3, 2, 1, 0),)
        drop = ("_ingested_ts", "_batch_id", "_source_file")
        found[kind] = [{n: v for n, v in row.items() if n not in drop} for row in table(context, "bronze.weather")]
        (rejected,) = table(context, "quarantine.weather")
        assert (rejected["wind_mph"], [each["rule"] for each in rejected["_reasons"]]) == ("strong", ["type_wind_mph"])
    assert found["csv"] == found["json"] == found["parquet"]
    assert [(row["origin"], row["wind_mph"]) for row in found["csv"]] == [("EWR", 5.5), ("LGA", None)]


def test_a_json_line_that_is_no_object_is_quarantined_as_malformed(spark: SparkSession, tmp_path: Path) -> None:
    context = declare(tmp_path, JUNE, format="json")
    land_lines(context, "a.jsonl", make_reading(), '{"origin": "EWR", ')
    assert ingest(context).sources == (SourceIngest("weather", 1, 0, 0, 0, 2, 1, 1, 0),)
    (row,) = table(context, "quarantine.weather")
    assert (row["_malformed"], row["_source_row"]) == ('{"origin": "EWR",', 2)
    assert row["_reasons"][0] == {"rule": "malformed", "column": "", "message": "is no JSON object"}


@pytest.mark.slow
def test_bronze_grows_by_new_columns_and_keeps_them_whatever_is_declared_later(
    spark: SparkSession, tmp_path: Path
) -> None:
    first = declare(tmp_path, JUNE, format="json")
    land_lines(first, "a.jsonl", make_reading(observed_ts=NINE))
    ingest(first)

    growing = declare(tmp_path, JULY, format="json", new_columns="add_nullable")
    gust = {"gust": 9, "colour": None}
    broken = make_reading(observed_ts=NOON, wind_mph="strong")
    land_lines(
        growing,
        "b.jsonl",
        {**make_reading(observed_ts=TEN), **gust},
        {**make_reading(observed_ts=TEN), **gust},  # an exact duplicate, the new columns included
        {**make_reading(observed_ts=NINE), "gust": 1},  # what was known without it is another row
        {**broken, **gust},
    )
    assert ingest(growing).sources == (SourceIngest("weather", 1, 0, 0, 0, 4, 1, 2, 1),)
    bronze = growing.lake.columns(growing.lake.address("bronze", "weather"))
    assert [(each.name, each.dataType.simpleString(), each.nullable) for each in bronze.fields[-2:]] == [
        ("colour", "string", True),
        ("gust", "string", True),
    ]
    found = table(growing, "bronze.weather")
    assert [(row["observed_ts"], row["gust"], row["colour"]) for row in found] == [
        (instant("2013-05-01 09:00"), None, None),
        (instant("2013-05-01 10:00"), "9", None),
    ]
    assert [row["_unknown"] for row in table(growing, "quarantine.weather")] == [
        {"gust": "1"},
        {"gust": "9", "colour": None},
    ]

    later = declare(tmp_path, AUGUST, format="json")
    land_lines(later, "c.jsonl", make_reading(observed_ts=ELEVEN))
    assert ingest(later).sources == (SourceIngest("weather", 1, 0, 0, 0, 1, 1, 0, 0),)
    assert [row["gust"] for row in table(later, "bronze.weather")] == [None, "9", None]

    # A declared column of another type than the text that is there is told before anything is written.
    columns = {**open_context(tmp_path / "other", JUNE).config.sources["weather"].model_dump(mode="json")["columns"]}
    typed = open_context(
        tmp_path,
        AUGUST,
        landing={"path": "landing/weather", "format": "json"},
        columns={**columns, "gust": {"type": "double"}},
    )
    with pytest.raises(ConflictError, match="gust: was string, is declared double now"):
        ingest(typed)


def test_rows_with_new_columns_are_quarantined_and_come_back_once_the_policy_is_another(
    spark: SparkSession, tmp_path: Path
) -> None:
    strict = declare(tmp_path, JUNE, format="json", new_columns="quarantine")
    land_lines(strict, "a.jsonl", make_reading(observed_ts=NINE), {**make_reading(observed_ts=TEN), "Wind Gust": 9})
    assert ingest(strict).sources == (SourceIngest("weather", 1, 0, 0, 0, 2, 1, 1, 0),)
    (row,) = table(strict, "quarantine.weather")
    assert row["_reasons"] == [
        {"rule": "unknown_column_Wind Gust", "column": "Wind Gust", "message": "is not declared"}
    ]
    assert row["_unknown"] == {"Wind Gust": "9"}

    for policy, accepted in (("refuse", 0), ("ignore", 1)):
        mended = declare(tmp_path, JULY, format="json", new_columns=policy)
        assert replay(mended, "weather") == ReplayResult("weather", None, 1, accepted, 1 - accepted, 0)
    assert [row["available_ts"] for row in table(mended, "bronze.weather")] == [instant("2013-05-01 10:00"), JULY]


@pytest.mark.slow
def test_a_replay_takes_new_columns_into_bronze(spark: SparkSession, tmp_path: Path) -> None:
    strict = declare(tmp_path, JUNE, format="json", new_columns="quarantine")
    land_lines(strict, "a.jsonl", {**make_reading(), "gust": 9})
    ingest(strict)
    mended = declare(tmp_path, JULY, format="json", new_columns="add_nullable")
    assert replay(mended, "weather").rows_accepted == 1
    assert [row["gust"] for row in table(mended, "bronze.weather")] == ["9"]
    ingest(mended)  # the table with its new column is the declared one still

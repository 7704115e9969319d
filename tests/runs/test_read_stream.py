"""Sources of Structured Streaming: drained once, whatever stops the job."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop.errors import ConflictError, EnvironmentProblemError
from lakeloop.runs import ingest as ingesting
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import SourceIngest, ingest
from tests.factories import Row, instant, make_reading
from tests.runs.read_projects import open_reading, table

JUNE, JULY, AUGUST = (instant(f"2014-0{month}-01 00:00") for month in (6, 7, 8))
NINE, TEN = (f"2013-05-01T{hour}:00:00Z" for hour in ("09", "10"))


def write(root: Path, name: str, *rows: Row | str) -> None:
    feed = root / "feed"
    feed.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (feed / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def open_weather(root: Path, as_of: Any, **read: Any) -> Context:
    policy = {"new_columns": "ignore", "missing_columns": "null"}
    return open_reading(root, as_of, {"stream": "json", "options": {"path": str(root / "feed")}, **policy, **read})


def test_each_batch_of_a_stream_enters_once_also_when_a_job_stops_between(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.json", make_reading(observed_ts=NINE, wind_mph=5.5), make_reading(wind_mph="strong"), "{")
    first = open_weather(tmp_path, JUNE)
    with monkeypatch.context() as stopped:  # staged and known to the stream, not recorded yet
        stopped.setattr(ingesting, "_refuse_built_instant", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ingest(first)
    assert ingest(first).sources == (SourceIngest("weather", 1, 0, 0, 0, 3, 1, 2, 0),)
    rejected = [(row["_malformed"], row["_reasons"][0]["message"]) for row in table(first, "quarantine")]
    assert rejected == [(None, "is not readable as double"), ("{", "can't be taken apart")]

    write(tmp_path, "b.json", make_reading(observed_ts=TEN), make_reading(observed_ts=NINE, wind_mph=5.5))
    later = open_weather(tmp_path, JULY)
    assert ingest(later).sources == (SourceIngest("weather", 1, 0, 0, 0, 2, 1, 0, 1),)
    assert [row["_source_file"] for row in table(later, "bronze")] == ["000000 batch 0", "000001 batch 1"]

    checkpoint = later.lake.workspace / "checkpoints/read/weather"
    shutil.rmtree(checkpoint)
    with pytest.raises(ConflictError, match="where the stream was left is not known"):
        ingest(open_weather(tmp_path, AUGUST))
    checkpoint.mkdir()
    again = ingest(open_weather(tmp_path, AUGUST)).sources[0]
    assert (again.rows_read, again.rows_accepted, again.rows_duplicate) == (5, 0, 3)


def test_a_format_that_is_not_there_is_told_with_a_remedy(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblemError) as raised:
        ingest(open_weather(tmp_path, JUNE, stream="no-such-format"))
    assert [each.name for each in raised.value.failures] == ["stream"]
    assert "a format may need a package" in raised.value.remedy


def test_any_format_is_read_by_its_options(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"value": {"type": "long"}, "timestamp": {"type": "timestamp"}}
    times = {"event_ts": "timestamp", "available_ts": "timestamp", "key": ["value"], "rules": []}
    options = {"rowsPerBatch": 3, "numPartitions": 1, "startTimestamp": 1_367_398_800_000}
    read = {"stream": "rate-micro-batch", "options": options}
    context = open_reading(tmp_path, JUNE, read, columns=columns, **times)
    (counts,) = ingest(context).sources
    assert (counts.rows_read, counts.rows_accepted) == (3, 3)
    assert [row["value"] for row in table(context, "bronze")] == [0, 1, 2]

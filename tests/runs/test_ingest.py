from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.errors import ConflictError
from lakeloop.landing import FileStatus
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import FileNote, IngestResult, SourceIngest, ingest
from lakeloop.tables import Lake, TableAddress, WriteIdentity, WriteResult
from tests.factories import SOURCE, Row, frame, instant, land, make_reading, rows_of

JUNE, JULY = instant("2014-06-01 00:00"), instant("2014-07-01 00:00")
COLUMNS = ("origin", "observed_ts", "wind_mph")
RULES = [
    {"rule": "range", "column": "wind_mph", "min": 0},
    {"rule": "range", "column": "wind_mph", "max": 100, "severity": "warn"},
]
NINE, TEN, ELEVEN = (f"2013-05-01T{hour}:00:00Z" for hour in ("09", "10", "11"))
LATE = "2014-05-01T10:00:00Z"  # after what is trusted: known from the ingest on


def open_context(root: Path, as_of: datetime = JUNE, **changes: Any) -> Context:
    """A project of one source below a folder, as a process of its own would see it."""
    project = {"project": "small", "retention": "30 days"}
    for file, content in {"project": project, "sources/weather": {**SOURCE, "rules": RULES, **changes}}.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    context = Context(load_config(root), as_of)
    landing_of(context).mkdir(parents=True, exist_ok=True)
    return context


def landing_of(context: Context) -> Path:
    return context.config.landing_path(context.config.sources["weather"])


def land_first_files(context: Context) -> None:
    """A file with sound and broken rows, one that is refused, and one with a header and nothing else."""
    landing = landing_of(context)
    path = land(
        landing,
        "a.csv",
        [
            make_reading(observed_ts=NINE),
            make_reading(observed_ts=NINE),
            make_reading(observed_ts=TEN, wind_mph="101"),
            make_reading(observed_ts=TEN, wind_mph="102"),
            make_reading(observed_ts=ELEVEN, wind_mph="strong"),
            make_reading(origin="", wind_mph="-1"),
            make_reading(observed_ts=LATE, wind_mph="NA"),
        ],
    )
    path.write_bytes(path.read_bytes() + b"EWR\n")
    land(landing, "b.csv", [], COLUMNS[:2])
    land(landing, "c.csv", [], COLUMNS)


def land_second_file(context: Context) -> None:
    """Rows that were there, one with other content, and a new one."""
    readings = [make_reading(observed_ts=NINE), make_reading(observed_ts=TEN, wind_mph="7"), make_reading(origin="JFK")]
    land(landing_of(context), "d.csv", readings)


# --- one source from its first file on --------------------------------------------------------------------------------

TABLES = ("bronze.weather", "quarantine.weather", "ops.ingested_files", "ops.ingested_batches")


@dataclass(frozen=True)
class Story:
    context: Context
    first: IngestResult
    again: IngestResult
    second: IngestResult
    versions_before: Mapping[str, int]
    versions_after: Mapping[str, int]


def versions_of(lake: Lake) -> dict[str, int]:
    return {name: lake.version(lake.address(*name.split("."))) for name in TABLES}


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """First files as of June, the same again as of July, then one more file."""
    root = tmp_path_factory.mktemp("story")
    context = open_context(root)
    land_first_files(context)
    first = ingest(context)
    before = versions_of(context.lake)
    again = ingest(open_context(root, JULY))
    after = versions_of(context.lake)
    context = open_context(root, JULY)
    land_second_file(context)
    return Story(context, first, again, ingest(context), before, after)


def table_of(story: Story, name: str, version: int | None = None) -> DataFrame:
    return story.context.lake.read_uncut(story.context.lake.address(*name.split(".")), version=version)


def test_ingest_reports_what_it_did(story: Story) -> None:
    refused = FileNote("weather", "b.csv", FileStatus.REFUSED, "columns missing: wind_mph")
    assert story.first == IngestResult((SourceIngest("weather", 2, 1, 0, 0, 8, 3, 4, 1),), (refused,))
    assert story.again == IngestResult((SourceIngest("weather", 0, 0, 0, 0, 0, 0, 0, 0),))
    assert story.second == IngestResult((SourceIngest("weather", 1, 0, 0, 0, 3, 1, 1, 1),))


def test_ingest_a_second_time_changes_nothing(story: Story) -> None:
    assert story.versions_after == story.versions_before


def test_ingest_accepts_sound_rows_typed_and_placed(story: Story) -> None:
    columns = (
        "origin string, observed_ts timestamp, wind_mph double, event_ts timestamp, available_ts timestamp,"
        " _warnings array<string>, _source_file string, _source_row bigint"
    )
    nine, ten, late = (instant(text[:-1]) for text in (NINE, TEN, LATE))
    hour = timedelta(hours=1)

    def row(origin: str, at: datetime, wind: float | None, available: datetime, file: str, number: int) -> Row:
        return {
            "origin": origin,
            "observed_ts": at,
            "wind_mph": wind,
            "event_ts": at,
            "available_ts": available,
            "_warnings": [],
            "_source_file": file,
            "_source_row": number,
        }

    expected = [
        row("EWR", nine, 5.5, nine + hour, "a.csv", 1),
        row("EWR", ten, 101.0, ten + hour, "a.csv", 3) | {"_warnings": ["range_wind_mph"]},
        row("EWR", late, None, JUNE, "a.csv", 7),
        row("JFK", ten, 5.5, ten + hour, "d.csv", 3),
    ]
    found = table_of(story, "bronze.weather").drop("_batch_id", "_ingested_ts")
    spark = story.context.spark
    assert_df_equality(
        found, frame(spark, columns, expected), ignore_row_order=True, ignore_nullable=True, ignore_metadata=True
    )


def test_ingest_quarantines_broken_rows_as_landed_with_every_reason(story: Story) -> None:
    found = rows_of(table_of(story, "quarantine.weather"), "_source_file", "_source_row")
    assert [(*(row[name] for name in COLUMNS), row["_malformed"]) for row in found] == [
        ("EWR", TEN, "102", None),
        ("EWR", ELEVEN, "strong", None),
        (None, TEN, "-1", None),
        (None, None, None, "EWR"),
        ("EWR", TEN, "7", None),
    ]
    reasons = [[reason["rule"] for reason in row["_reasons"]] for row in found]
    assert reasons == [
        ["unique_key"],
        ["type_wind_mph"],
        ["key_origin", "range_wind_mph"],
        ["malformed", "key_origin", "key_observed_ts", "event_ts", "available_ts"],
        ["unique_key"],
    ]
    assert [(row["_source_file"], row["_source_row"], row["as_of"]) for row in found] == [
        *(("a.csv", number, JUNE) for number in (4, 5, 6, 8)),
        ("d.csv", 2, JULY),
    ]


def test_ingest_loses_no_row_of_any_batch(story: Story) -> None:
    found = rows_of(table_of(story, "ops.ingested_batches"), "as_of")
    counts = ("files", "rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
    assert [[row[name] for name in counts] for row in found] == [[1, 8, 3, 4, 1, 0], [1, 3, 1, 1, 1, 0]]
    assert [(row["rows_warned"], row["as_of"]) for row in found] == [(1, JUNE), (0, JULY)]
    for row in found:
        assert row["rows_read"] == sum(row[name] for name in counts[2:])


def test_ingest_records_every_file_and_moves_the_refused_aside(story: Story) -> None:
    found = rows_of(table_of(story, "ops.ingested_files"), "file")
    assert [(row["file"], row["status"], row["reason"], row["raw_rows"], row["as_of"]) for row in found] == [
        ("a.csv", "ADMITTED", None, 8, JUNE),
        ("b.csv", "REFUSED", "columns missing: wind_mph", 0, JUNE),
        ("c.csv", "ADMITTED", None, 0, JUNE),
        ("d.csv", "ADMITTED", None, 3, JULY),
    ]
    assert sorted(path.name for path in landing_of(story.context).iterdir()) == ["a.csv", "c.csv", "d.csv"]
    aside = story.context.lake.workspace / "refused" / "weather"
    assert [path.name for path in aside.iterdir()] == [f"{found[1]['content_hash'][:12]}-b.csv"]


# --- killed at any point, and run again ------------------------------------------------------------------------------


class KilledError(Exception):
    """Stands for the end of the process."""


class DyingLake(Lake):
    """A lake whose process ends before, or right after, it appends to one table."""

    dies_at = ""

    def append(self, frame: DataFrame, address: TableAddress, identity: WriteIdentity, **options: Any) -> WriteResult:
        self._die(f"before {address}")
        result = super().append(frame, address, identity, **options)
        self._die(f"after {address}")
        return result

    def append_own(
        self, table: schemas.TableSchema, rows: Sequence[Mapping[str, Any]], identity: WriteIdentity, **options: Any
    ) -> WriteResult:
        self._die(f"before {self.own(table)}")
        result = super().append_own(table, rows, identity, **options)
        self._die(f"after {self.own(table)}")
        return result

    def _die(self, at: str) -> None:
        if at == self.dies_at:
            raise KilledError(at)


VOLATILE = {
    "bronze.weather": schemas.BRONZE_VOLATILE,
    "quarantine.weather": schemas.BRONZE_VOLATILE,
    "ops.ingested_files": schemas.INGESTED_FILES.volatile,
    "ops.ingested_batches": schemas.INGESTED_BATCHES.volatile,
}


@pytest.mark.slow
def test_ingest_killed_at_every_point_in_turn_leaves_what_clean_runs_leave(
    story: Story, spark: SparkSession, tmp_path: Path
) -> None:
    land_first_files(open_context(tmp_path))
    ends = [*(f"before {name}" for name in ("ops.ingested_files", *TABLES[:2], TABLES[-1])), f"after {TABLES[-1]}"]
    for end in ends:
        killed = open_context(tmp_path)
        lake = DyingLake(spark, killed.config.workspace, retention=timedelta(days=30))
        lake.dies_at = end
        killed.__dict__["lake"] = lake  # where the property keeps it
        with pytest.raises(KilledError, match=end):
            ingest(killed)

    context = open_context(tmp_path, JULY)
    land_second_file(context)
    ingest(context)  # the checkpoint still holds the first batch as open

    for name in TABLES:
        found = context.lake.read_uncut(context.lake.address(*name.split("."))).drop(*VOLATILE[name])
        clean = table_of(story, name).drop(*VOLATILE[name])
        assert_df_equality(found, clean, ignore_row_order=True)


def test_ingest_killed_half_way_is_ended_by_the_instant_and_the_rules_it_was_begun_with(
    spark: SparkSession, tmp_path: Path
) -> None:
    waits = [{"rule": "expression", "name": "waited", "that": "available_ts > timestamp '2014-06-15 00:00:00Z'"}]
    killed = open_context(tmp_path, rules=waits, history={"trusted_until": "2013-01-01"})
    land(landing_of(killed), "a.csv", [make_reading(), make_reading(origin="JFK", observed_ts="2015-01-01T10:00:00Z")])
    lake = DyingLake(spark, killed.config.workspace, retention=timedelta(days=30))
    lake.dies_at = "before quarantine.weather"
    killed.__dict__["lake"] = lake
    with pytest.raises(KilledError):
        ingest(killed)

    with pytest.raises(ConflictError, match="rule waited: was removed after a part of the batch was written by it"):
        ingest(open_context(tmp_path, JULY, rules=[], history={"trusted_until": "2013-01-01"}))

    context = open_context(tmp_path, JULY, rules=waits, history={"trusted_until": "2013-01-01"})
    # In July the row would keep the rule: it would be in no table.
    assert ingest(context).sources == (SourceIngest("weather", 0, 0, 0, 0, 2, 1, 1, 0),)
    rejected = rows_of(context.lake.read_uncut(context.lake.address("quarantine", "weather")))
    assert [(row["origin"], row["as_of"]) for row in rejected] == [("EWR", JUNE)]

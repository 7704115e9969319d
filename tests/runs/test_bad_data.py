from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.features.attributes import log_attributes
from lakeloop.features.windows import aggregate_windows
from lakeloop.landing import FileStatus, admission, opened
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import IngestResult, ingest
from tests.factories import declare_attributes, declare_windows, instant, rows_of
from tests.runs.bad_data import ACCEPTED, ADMITTED, CASES, DUPLICATE, SOURCE, UNSETTLED, Case, line, text

ENDLESS = Path("/proc/self/mem")  # a file that every process may open and none may read from its start
WAVES = {1: instant("2014-06-01 00:00"), 2: instant("2014-07-01 00:00")}


def name_of(case: str) -> str:
    return f"{case}{CASES[case].suffix}"


def open_context(root: Path, wave: int) -> Context:
    project = {"project": "small", "retention": "30 days"}
    for file, content in {"project": project, "sources/readings": SOURCE}.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Context(load_config(root), WAVES[wave])


def land_wave(landing: Path, wave: int) -> None:
    landing.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        if case.wave == wave and case.content is not None:
            (landing / name_of(name)).write_bytes(case.content)
    if wave == 1:
        for name, place in (("link", "delivered/elsewhere.csv"), ("outward", "../elsewhere.csv")):
            (landing / place).parent.mkdir(exist_ok=True)
            (landing / place).write_bytes(text(line(name)))
            (landing / f"{name}.csv").symlink_to(place)
        (landing / "dangling.csv").symlink_to("nowhere.csv")
        (landing / "unreadable.csv").write_bytes(text(line("unreadable")))


def break_disk(patch: pytest.MonkeyPatch) -> None:
    """Let one file be there and not be read, also by root."""
    hash_file = admission.hash_file
    patch.setattr(admission, "hash_file", lambda path: hash_file(ENDLESS if path.name == "unreadable.csv" else path))


def disturb_reading(patch: pytest.MonkeyPatch) -> None:
    """Let a file grow, and one vanish, between the two times it is read; bound what is packed sooner."""
    hash_file = admission.hash_file

    def hash_then_disturb(path: Path) -> str:
        found = hash_file(path)
        if path.name == "growing.csv":
            path.write_bytes(path.read_bytes() + f"{line('growing 2')}\n".encode())
        if path.name == "vanishing.csv":
            path.unlink()
        return found

    patch.setattr(admission, "hash_file", hash_then_disturb)
    patch.setattr(opened, "_FREE_BYTES", 2**20)


@dataclass(frozen=True)
class Story:
    context: Context
    results: Mapping[int, IngestResult]
    files: Mapping[str, dict[str, Any]]
    rows: Mapping[tuple[str, int], str | list[str]]
    batches: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Every bad datum, in two ingests a month apart."""
    root = tmp_path_factory.mktemp("bad")
    results = {}
    for wave in WAVES:
        context = open_context(root, wave)
        land_wave(context.config.landing_path(context.config.sources["readings"]), wave)
        with pytest.MonkeyPatch.context() as patch:
            break_disk(patch)
            if wave == 1:
                disturb_reading(patch)
            results[wave] = ingest(context)
    lake = context.lake
    bronze, quarantine = (lake.read_uncut(lake.address(each, "readings")) for each in ("bronze", "quarantine"))
    rows: dict[tuple[str, int], str | list[str]] = {}
    for row in bronze.select("_source_file", "_source_row").collect():
        assert rows.setdefault(tuple(row), ACCEPTED) is ACCEPTED
    for row in quarantine.select("_source_file", "_source_row", "_reasons.rule").collect():
        assert (row[0], row[1]) not in rows
        rows[row[0], row[1]] = list(row[2])
    files = {row["file"]: row for row in lake.own_rows(schemas.INGESTED_FILES, None) if row["file"] != "growing.csv"}
    return Story(context, results, files, rows, lake.own_rows(schemas.INGESTED_BATCHES, None))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.status is not UNSETTLED])
def test_every_landed_file_is_recorded_with_what_became_of_it(story: Story, name: str) -> None:
    case, found = CASES[name], story.files[name_of(name)]
    assert (found["status"], found["raw_rows"]) == (case.status, len(case.rows))
    assert case.reason in (found["reason"] or "")
    landing = story.context.config.landing_path(story.context.config.sources["readings"])
    aside = story.context.lake.workspace / "refused/readings" / f"{found['content_hash'][:12]}-{found['file']}"
    is_refused = case.status is FileStatus.REFUSED
    assert ((landing / found["file"]).exists(), aside.exists()) == (not is_refused, is_refused)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.status is ADMITTED and case.rows])
def test_every_row_of_an_admitted_file_is_where_it_is_declared_to_be(story: Story, name: str) -> None:
    found = [story.rows.get((name_of(name), number + 1), DUPLICATE) for number in range(len(CASES[name].rows))]
    assert found == list(CASES[name].rows)


def test_files_that_can_not_be_judged_are_named_and_stay(story: Story) -> None:
    left = {name_of(name): case for name, case in CASES.items() if case.status is UNSETTLED}
    counted = {wave: result.sources[0].files_left for wave, result in story.results.items()}
    assert counted == {1: len(left), 2: 3}  # one is gone, one has settled
    assert not left.keys() & story.files.keys()
    assert [
        row["status"]
        for row in story.context.lake.own_rows(schemas.INGESTED_FILES, None)
        if row["file"] == "growing.csv"
    ] == [ADMITTED]
    assert [story.rows["growing.csv", row] for row in (1, 2)] == [ACCEPTED, ACCEPTED]
    for each in story.results[2].files_not_admitted:
        assert (each.status, left[each.file].reason in each.reason) == (UNSETTLED, True)
    assert [each.file for each in story.results[2].files_not_admitted] == [
        "dangling.csv",
        "outward.csv",
        "unreadable.csv",
    ]


def test_ingest_names_the_first_files_it_did_not_admit_and_counts_all(story: Story) -> None:
    first = story.results[1]
    refused = sum(case.status is FileStatus.REFUSED for case in CASES.values())
    assert first.sources[0].files_refused == refused > len(first.files_not_admitted) == 10
    assert {each.status for each in first.files_not_admitted} == {FileStatus.REFUSED}


def test_no_row_is_lost(story: Story) -> None:
    assert len(story.batches) == 2
    for row in story.batches:
        ended = ("rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
        assert row["rows_read"] == sum(row[name] for name in ended)
    assert sum(row["rows_read"] for row in story.batches) == sum(len(case.rows) for case in CASES.values()) + 2
    duplicates = sum(each is DUPLICATE for case in CASES.values() for each in case.rows)
    assert sum(row["rows_duplicate"] for row in story.batches) == duplicates


def test_bronze_holds_the_dates_of_all_years_for_every_reader(story: Story) -> None:
    table = DeltaTable(story.context.lake.address("bronze", "readings").path).to_pyarrow_table(
        columns=["_source_file", "_source_row", "on_date", "event_ts", "available_ts"]
    )
    found = sorted(
        (row for row in table.to_pylist() if row["_source_file"] == "dates.csv"), key=lambda row: row["_source_row"]
    )
    assert [str(row["on_date"]) for row in found[:4]] == ["0001-01-01", "1677-09-21", "2262-04-12", "9999-12-31"]
    assert [row["event_ts"] for row in found[4:]] == [
        instant(f"{day} 00:00") for day in ("0001-01-01", "1677-09-21", "2262-04-12")
    ]
    assert found[4]["available_ts"] == instant("0001-01-01 01:00")


def test_gold_takes_a_late_row_in_when_it_arrived_and_changes_nothing_before(story: Story) -> None:
    lake = story.context.lake
    bronze = lake.read_uncut(lake.address("bronze", "readings")).where("station in ('late', 'crlf')")
    late = rows_of(bronze.where("station = 'late'").select("event_ts", "available_ts"))
    assert late == [{"event_ts": instant("2014-05-31 10:00"), "available_ts": WAVES[2]}]
    windows = declare_windows(
        [{"of": "wind_mph", "as": ["count"], "over": ["2 hours"]}], entity=["station"], **{"from": "readings"}
    )
    log = rows_of(
        aggregate_windows(bronze.where("station = 'late'"), windows, None, WAVES[2] + timedelta(hours=2)),
        "available_ts",
    )
    assert [(row["available_ts"], row["count_wind_mph_2h"]) for row in log] == [
        (WAVES[2], 1),
        (WAVES[2] + timedelta(hours=2), 0),
    ]
    attributes = declare_attributes(entity=["station"], attributes={"wind": {"as": "wind_mph"}}, **{"from": "readings"})
    known = bronze.where("station = 'late'").selectExpr("station", "timestamp '2014-06-15T00:00:00Z' as _known_ts")
    assert rows_of(log_attributes(bronze.where("station = 'late'"), attributes, known, WAVES[1])) == []


# --- the page --------------------------------------------------------------------------------------------------------


def outcome_words(case: Case) -> set[str]:
    """Words with which the page may begin what becomes of a case."""
    if case.status is not ADMITTED:
        return {{"REFUSED": "refused", "DUPLICATE_CONTENT": "repeated", "UNSETTLED": "left"}[case.status]}
    is_sound = all(row == ACCEPTED for row in case.rows)
    return {"accepted"} if is_sound else {"accepted", "quarantined"}


@pytest.mark.parametrize("name", CASES)
def test_a_case_says_what_is_expected_of_it(name: str) -> None:
    first = re.match(r"\w+", CASES[name].becomes)
    assert first is not None
    assert first[0] in outcome_words(CASES[name])


def test_the_page_on_data_says_what_becomes_of_every_case() -> None:
    page = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (.+?) \| ((?:accepted|left|quarantined|refused|repeated)\b.*?) \|$", page, re.MULTILINE)
    assert lines == list(dict.fromkeys((case.what, case.becomes) for case in CASES.values()))

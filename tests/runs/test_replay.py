from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.private_columns import private_source_columns
from lakeloop.discovery.private import HIDDEN
from lakeloop.errors import ConflictError, UsageError
from lakeloop.runs.context import Context
from lakeloop.runs.ingest import ingest
from lakeloop.runs.quality import check_quality
from lakeloop.runs.quarantine import (
    QuarantineCounts,
    QuarantineSample,
    RuleCount,
    SourceCount,
    list_quarantine,
    show_quarantine,
)
from lakeloop.runs.quarantine_text import describe_counts, describe_sample
from lakeloop.runs.replay import ReplayResult, replay, run_replay
from tests.factories import declare_source, instant, land, make_reading, rows_of
from tests.runs.test_ingest import DyingLake, KilledError, landing_of, open_context

JUNE, JULY, AUGUST, SEPTEMBER = (instant(f"2014-0{month}-01 00:00") for month in (6, 7, 8, 9))
STRICT: list[dict[str, Any]] = [{"rule": "range", "column": "wind_mph", "max": 100}]
MENDED: list[dict[str, Any]] = [{"rule": "range", "column": "wind_mph", "max": 200}]
EIGHT, NINE, TEN, NOON = (f"2013-05-01T{hour}:00:00Z" for hour in ("08", "09", "10", "12"))
LATER = "2014-07-09T10:00:00Z"  # available an hour after, behind the replay's instant


def land_readings(context: Context) -> None:
    """Strong winds that today's rule refuses, one of them twice, and one that nothing mends."""
    land(
        landing_of(context),
        "a.csv",
        [
            make_reading(observed_ts=EIGHT),
            make_reading(observed_ts=NINE, wind_mph="150"),
            make_reading(observed_ts=NINE, wind_mph="150"),
            make_reading(observed_ts=TEN, wind_mph="300"),
            make_reading(observed_ts=NOON, wind_mph="strong"),
            make_reading(observed_ts=EIGHT, wind_mph="7"),
            make_reading(observed_ts=LATER, wind_mph="120"),
        ],
    )


@dataclass(frozen=True)
class Story:
    context: Context
    before: QuarantineCounts
    unmended: ReplayResult
    result: ReplayResult
    again: ReplayResult
    versions: tuple[Mapping[str, int], Mapping[str, int]]


TABLES = ("bronze.weather", "quarantine.weather", "ops.replays")


def versions_of(context: Context) -> dict[str, int]:
    return {name: context.lake.version(context.lake.address(*name.split("."))) for name in TABLES}


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Ingested as of June by a strict rule, replayed as of July without and with the rule mended, then once more."""
    root = tmp_path_factory.mktemp("replayed")
    strict = open_context(root, JUNE, rules=STRICT)
    land_readings(strict)
    ingest(strict)
    before = list_quarantine(strict)
    unmended = run_replay(open_context(root, JULY, rules=STRICT), "weather", "range_wind_mph")
    mended = open_context(root, JULY, rules=MENDED)
    result = run_replay(mended, "weather")
    first = versions_of(mended)
    again = run_replay(open_context(root, JULY, rules=MENDED), "weather")
    return Story(mended, before, unmended, result, again, (first, versions_of(mended)))


def test_list_counts_rows_by_rule_and_each_row_of_a_source_once(story: Story) -> None:
    rules = tuple(
        RuleCount(name, rows, JUNE, JUNE, 0)
        for name, rows in (("range_wind_mph", 4), ("type_wind_mph", 1), ("unique_key", 1))
    )
    assert story.before == QuarantineCounts((SourceCount("weather", 6, 0, rules),))


def test_replay_without_a_change_accepts_nothing(story: Story) -> None:
    assert story.unmended == ReplayResult("weather", "range_wind_mph", 4, 0, 4, 0)


def test_replay_accepts_what_passes_now_and_accounts_for_every_row(story: Story) -> None:
    # 150 twice: one enters, the other repeats it; 120 enters; 300, "strong" and the taken key stay.
    assert story.result == ReplayResult("weather", None, 6, 2, 3, 1)
    found = rows_of(story.context.lake.read_uncut(story.context.lake.own(schemas.REPLAYS)), "rows_read")
    counts = ("rule", "rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded", "as_of")
    assert [tuple(row[each] for each in counts) for row in found] == [
        ("range_wind_mph", 4, 0, 4, 0, 0, JULY),
        (None, 6, 2, 3, 1, 0, JULY),
    ]


def test_replay_makes_rows_available_at_its_instant_whatever_history_is_trusted(story: Story) -> None:
    bronze = story.context.lake.read_uncut(story.context.lake.address("bronze", "weather"))
    found = rows_of(bronze, "_source_row")
    assert [(row["_source_row"], row["wind_mph"], row["available_ts"], row["_batch_id"] < 0) for row in found] == [
        (1, 5.5, instant("2013-05-01 09:00"), False),
        (2, 150.0, JULY, True),
        (7, 120.0, instant("2014-07-09 11:00"), True),
    ]


def test_replay_a_second_time_changes_nothing_and_tells_the_same(story: Story) -> None:
    assert story.again == story.result
    assert story.versions[0] == story.versions[1]


def test_quarantine_keeps_replayed_rows_and_tells_them_as_of_when_they_became_known(story: Story) -> None:
    def replayed(as_of: datetime) -> tuple[int, int, list[int]]:
        (found,) = list_quarantine(story.context.at(as_of)).sources
        return found.rows, found.rows_replayed, [each.rows_replayed for each in found.rules]

    assert replayed(instant("2014-05-31 00:00")) == (0, 0, [])
    assert replayed(JULY - timedelta(microseconds=1)) == (6, 0, [0, 0, 0])
    assert replayed(JULY) == (6, 1, [1, 0, 0])
    assert replayed(AUGUST) == (6, 2, [2, 0, 0])


def test_replay_at_a_later_instant_judges_only_what_has_not_entered(story: Story, tmp_path: Path) -> None:
    later = open_context(story.context.config.root, SEPTEMBER, rules=[])
    assert replay(later, "weather", "range_wind_mph") == ReplayResult("weather", "range_wind_mph", 2, 1, 0, 1)


def test_show_gives_the_first_rows_with_keys_reasons_and_landed_text(story: Story) -> None:
    sample = show_quarantine(story.context, "weather", "unique_key", 5)
    (row,) = sample.rows
    assert (row.file, row.record, row.as_of, row.is_replayed) == ("a.csv", 6, JUNE, False)
    assert (row.key, row.values, row.malformed) == (
        {"origin": "EWR", "observed_ts": EIGHT},
        {"wind_mph": "7"},
        None,
    )
    assert [(each.rule, each.column) for each in row.reasons] == [("unique_key", "origin, observed_ts")]
    assert [each.record for each in show_quarantine(story.context, "weather", limit=3).rows] == [2, 3, 4]


def test_show_and_replay_refuse_a_rule_that_no_row_broke(story: Story) -> None:
    for call in (show_quarantine, replay):
        with pytest.raises(UsageError, match="did you mean 'unique_key'"):
            call(story.context, "weather", "uniqe_key")


def test_replay_is_refused_once_the_instant_has_passed_the_gate(
    story: Story, spark: SparkSession, tmp_path: Path
) -> None:
    strict = open_context(tmp_path, JUNE, rules=STRICT)
    land_readings(strict)
    ingest(strict)
    check_quality(strict)
    with pytest.raises(ConflictError, match="passed the quality gate at this instant") as refused:
        replay(open_context(tmp_path, JUNE, rules=MENDED), "weather")
    assert "later instant" in refused.value.remedy


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("before bronze.weather", marks=pytest.mark.slow),
        "after bronze.weather",
        pytest.param("after ops.replays", marks=pytest.mark.slow),
    ],
)
def test_replay_killed_and_called_again_leaves_what_one_call_leaves(
    story: Story, spark: SparkSession, tmp_path: Path, end: str
) -> None:
    strict = open_context(tmp_path, JUNE, rules=STRICT)
    land_readings(strict)
    ingest(strict)
    killed = open_context(tmp_path, JULY, rules=MENDED)
    lake = DyingLake(spark, killed.config.workspace, retention=timedelta(days=30))
    lake.dies_at = end
    killed.__dict__["lake"] = lake
    with pytest.raises(KilledError, match=end):
        replay(killed, "weather")
    result = replay(open_context(tmp_path, JULY, rules=MENDED), "weather")
    assert result == story.result
    mended = open_context(tmp_path, JULY, rules=MENDED)
    assert (versions_of(mended)["bronze.weather"], versions_of(mended)["ops.replays"]) == (2, 1)


# --- what a person sees ----------------------------------------------------------------------------------------------


def sample_of(*values: str | None) -> QuarantineSample:
    from lakeloop.runs.quarantine import QuarantinedRow, Reason

    reason = Reason("a_rule_with_a_rather_long_name_of_its_own", "wind_mph", "is not what it was agreed to be " * 3)
    rows = (
        QuarantinedRow("a/" * 30 + "may.csv", 12, JUNE, True, {"origin": each}, (reason,), {"wind_mph": each}, None)
        for each in values
    )
    return QuarantineSample("weather", None, 10, tuple(rows))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_texts_stay_within_the_terminal(width: int) -> None:
    names = ("short", "a_rule_with_a_name_that_is_as_long_as_a_name_may_be_in_this_project")
    rules: Sequence[RuleCount] = [RuleCount(name, 12_345_678, JUNE, JULY, 1_234) for name in names]
    counts = QuarantineCounts((SourceCount("weather", 12_345_678, 1_234, tuple(rules)),))
    sample = sample_of("5.5", None, "long " * 100, "\x1b[2J\n")
    for text in (describe_counts(counts, width=max(width, 80)), describe_sample(sample, width=width)):
        assert max(map(len, text.splitlines())) <= max(width, 80)
        assert "\x1b" not in text


def test_values_of_personal_columns_stay_hidden() -> None:
    source = declare_source()
    columns = {**source.columns, "origin": source.columns["origin"].model_copy(update={"tags": ("pii",)})}
    assert private_source_columns(source) == frozenset()
    assert private_source_columns(source.model_copy(update={"columns": columns})) == {"origin"}
    assert HIDDEN not in describe_sample(sample_of("5.5"))

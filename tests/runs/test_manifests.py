"""Pinned training sets: found, told, compared, retired; and what a vacuum may take away from them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop.config import load_config
from lakeloop.config.project import Engine
from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.runs.context import Context
from lakeloop.runs.diff import diff_sets
from lakeloop.runs.manifests import (
    Manifest,
    find_beyond,
    find_manifest,
    list_sets,
    read_manifests,
    retire_set,
    show_set,
)
from lakeloop.runs.pinnings import pinned_instants
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_set import find_training_set
from lakeloop.runs.vacuum import vacuum
from lakeloop.statuses import Outcome, RebuildStatus, SetStatus
from lakeloop.tables import Lake, TableAddress, holds_version, listed_versions
from tests.laws.small_loop import TURNS
from tests.shared import finished_context, finished_project

NONE = timedelta(0)


def now() -> datetime:
    return datetime.now(UTC)


def beyond_the_horizon(context: Context) -> datetime:
    """A day of the wall clock on which no set that was pinned by now is held back."""
    return now() + context.config.project.retention + timedelta(days=1)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A copy of a finished project, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(finished_project().root, root)
    return Context(load_config(root), TURNS[-1])


def set_ids(context: Context) -> list[str]:
    return [each.training_set_id for each in read_manifests(context)]


def give_up_files(context: Context, *tables: str) -> None:
    """Compact tables, as somebody who maintains them does: what they were written in is needed by old versions only."""
    for table in tables:
        DeltaTable(str(context.config.workspace / table)).optimize.compact()


def clean_up_log(context: Context, name: str) -> None:
    """Keep of a table's log a checkpoint and the newest entry, as Delta does after a while."""
    table = DeltaTable(str(context.config.workspace / name))
    table.create_checkpoint()
    for entry in range(table.version()):
        (context.config.workspace / name / "_delta_log" / f"{entry:020}.json").unlink()


def test_a_manifest_holds_what_a_set_was_made_from_and_by() -> None:
    manifest = read_manifests(finished_context())[0]
    assert [each.table for each in manifest.inputs] == [
        "bronze.orders",
        "bronze.deliveries",
        "gold.shop_delays",
        "gold.shop_last",
    ]
    assert [each.built_through for each in manifest.inputs] == [
        None,
        None,
        "2024-01-25T00:00:00Z",
        "2024-01-25T00:00:00Z",
    ]
    assert {"pyspark", "polars", "deltalake", "numpy", "lakeloop"} <= set(manifest.packages)
    assert (manifest.engine, manifest.seed, manifest.as_of) == (Engine.LOCAL, 7, TURNS[0])
    assert set(manifest.windows) == {"train", "gap", "validation", "holdout"}


def test_a_set_is_found_by_the_beginning_of_its_id() -> None:
    context = finished_context()
    first, second = set_ids(context)
    assert find_manifest(context, first[:6]).training_set_id == first
    assert find_manifest(context, second, "late").training_set_id == second


@pytest.mark.parametrize(
    ("set_id", "model", "said"),
    [
        ("0" * 32, None, "there is none with the id 00000000"),
        ("", None, "is too short to name one: write at least 6 characters"),
        ("0" * 32, "late", "there is none with the id 00000000"),
    ],
)
def test_a_set_that_is_not_there_is_told_with_where_to_look(set_id: str, model: str | None, said: str) -> None:
    with pytest.raises(NotReadyError, match="training-set list") as missing:
        find_manifest(finished_context(), set_id, model)
    assert said in str(missing.value)


def test_sets_of_another_model_are_not_listed() -> None:
    assert list_sets(finished_context(), now(), ["another"]) == ()
    assert [each.status for each in list_sets(finished_context(), now(), ["late"])] == [SetStatus.LIVE] * 2


def test_two_sets_of_consecutive_turns_differ_in_inputs_and_rows_and_one_not_from_itself() -> None:
    context = finished_context()
    first, second = set_ids(context)
    found = diff_sets(context, first, second)
    assert [each.table for each in found.inputs] == [
        "bronze.orders",
        "bronze.deliveries",
        "gold.shop_delays",
        "gold.shop_last",
    ]
    assert (found.is_same_declaration, found.is_same_content) == (True, False)
    assert (found.rows_first, found.rows_second) == (0, 741 - 513)
    # What was known of a row then is known of it now: only its part of the split has moved.
    assert set(found.changes) == {"_split"}
    assert found.rows_changed == found.changes["_split"]
    assert (len(found.ids_first), len(found.ids_second), len(found.ids_changed)) == (0, 5, 5)
    same = diff_sets(context, second, second)
    assert (same.is_same_content, same.inputs, same.changes, same.rows_changed) == (True, (), {}, 0)


SMALL = "prediction_id string, training_set_id string, label boolean, tip double, bonus long"


@pytest.fixture
def small_sets(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two sets of one model: the second has a column more, is made by another declaration, and has another value."""
    manifest = read_manifests(finished_context())[0]
    new = [(f"new {each}", True, None, 1) for each in range(7)]
    sides = {
        "one": [("gone", True, 1.0, None), ("value", True, 1.0, None), ("null", True, None, None)],
        "two": [("value", True, 2.0, 7), ("null", True, None, None), *new],
    }
    frames = {
        name: spark.createDataFrame([(row[0], name, *row[1:]) for row in rows], SMALL) for name, rows in sides.items()
    }

    def find(_: Context, name: str) -> Manifest:
        return replace(manifest, training_set_id=name, spec_hash=f"declaration of {name}")

    monkeypatch.setattr("lakeloop.runs.diff.find_manifest", find)
    monkeypatch.setattr("lakeloop.runs.diff.training_rows", lambda _, __, name: frames[name])
    return "one", "two"


def test_a_diff_names_the_rows_columns_and_declarations_that_differ(
    small_sets: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = diff_sets(finished_context(), *small_sets)
    assert (found.is_same_declaration, found.is_same_content, found.inputs) == (False, False, ())
    assert (found.rows_first, found.rows_second, found.rows_changed) == (1, 7, 1)
    assert found.changes == {"bonus": 1, "tip": 1}  # a column that one set was made without is null in it
    assert found.ids_first == ("gone",)
    assert found.ids_second == ("new 0", "new 1", "new 2", "new 3", "new 4")
    assert found.ids_changed == ("value",)
    monkeypatch.setattr("lakeloop.runs.diff.private_source_columns", lambda _: frozenset({"order"}))
    hidden = diff_sets(finished_context(), *small_sets)
    assert (hidden.ids_first, hidden.ids_second, hidden.ids_changed) == (("hidden (pii)",),) * 3
    assert hidden.rows_second == 7


def test_a_retired_set_is_told_so_once_and_trains_on(context: Context) -> None:
    first, _ = set_ids(context)
    assert retire_set(context, first[:8], "not needed").outcome is Outcome.WRITTEN
    assert retire_set(context, first).outcome is Outcome.SKIPPED
    assert show_set(context, now(), first).status is SetStatus.RETIRED
    earlier = context.at(TURNS[0])
    model = context.config.models["late"]
    assert len(read_training_data(earlier, model, find_training_set(earlier, "late")).frame) == 513


def test_the_champions_set_is_not_retired(context: Context) -> None:
    _, second = set_ids(context)
    with pytest.raises(ConflictError, match="version 2 was trained on it"):
        retire_set(context, second)
    assert show_set(context, now(), second).status is SetStatus.LIVE


def test_a_vacuum_refuses_what_a_live_set_needs_and_names_the_set(context: Context) -> None:
    give_up_files(context, "bronze/deliveries", "gold/shop_delays")
    now = datetime.now(UTC)
    plan = vacuum(context, now, older_than=NONE, plan=True)
    assert {each.table for each in plan.tables} == {"bronze.deliveries", "gold.shop_delays"}
    assert all(each.files and each.bytes for each in plan.tables)
    assert {(each.training_set_id, each.table) for each in plan.held_back} == {
        (set_id, table) for set_id in set_ids(context) for table in ("bronze.deliveries", "gold.shop_delays")
    }
    assert all(each.would_break and each.bytes for each in plan.held_back)
    with pytest.raises(ConflictError) as refused:
        vacuum(context, now, older_than=NONE)
    first, second = set_ids(context)
    assert f"bronze.deliveries: version 1 is pinned by set {first} of late" in str(refused.value)
    assert f"is pinned by set {second} of late" in str(refused.value)
    assert "lakeloop training-set retire ID" in str(refused.value)
    assert rebuild_training_set(context, "late", first).status is RebuildStatus.REPRODUCED


def test_a_vacuum_at_the_projects_own_horizon_takes_nothing_that_was_just_given_up(context: Context) -> None:
    give_up_files(context, "bronze/deliveries")
    found = vacuum(context, datetime.now(UTC))
    assert (found.is_done, found.tables) == (True, ())
    assert not any(each.would_break for each in found.held_back)


def test_files_that_come_of_age_between_the_look_and_the_removal_are_not_taken_from_a_set(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_files(context, "bronze/deliveries")
    pinned = {each.version for one in read_manifests(context) for each in one.inputs if "deliveries" in each.table}
    monkeypatch.setattr("lakeloop.runs.vacuum.removable_files", lambda *_: frozenset({"of-no-set.parquet"}))
    assert vacuum(context, datetime.now(UTC), older_than=NONE).is_done
    address = context.lake.address("bronze", "deliveries")
    assert all(holds_version(context.lake, address, version) for version in pinned)


def test_what_is_there_is_looked_for_once_for_all_sets_and_never_read(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[int]]] = []

    def look(lake: Lake, address: TableAddress, versions: Collection[int]) -> frozenset[int]:
        asked.append((str(address), sorted(versions)))
        return listed_versions(lake, address, versions)

    monkeypatch.setattr("lakeloop.runs.manifests.listed_versions", look)
    monkeypatch.setattr("lakeloop.runs.manifests.holds_version", lambda *_: pytest.fail("a version was read"))
    assert [each.status for each in list_sets(context, now())] == [SetStatus.LIVE] * 2
    pinned: dict[str, set[int]] = {}
    for each in (each for one in read_manifests(context) for each in one.inputs):
        pinned.setdefault(each.table, set()).add(each.version)
    assert asked == [(table, sorted(versions)) for table, versions in pinned.items()]


def test_stored_rows_that_are_gone_are_no_reproduction(context: Context) -> None:
    _, second = set_ids(context)
    for data in (context.config.workspace / "training_sets/late").glob("*.parquet"):
        data.unlink()
    found = rebuild_training_set(context, "late", second)
    assert (found.status, found.content_hash_rebuilt) == (RebuildStatus.DIFFERENT, found.content_hash)
    assert found.different == ("the stored rows can no longer be read",)


def test_a_set_is_found_by_its_manifest_when_the_log_of_its_pinning_was_cleaned_up(context: Context) -> None:
    clean_up_log(context, "ops/training_sets")
    for turn, rows in zip(TURNS, (513, 741), strict=True):
        assert find_training_set(context.at(turn), "late").rows == rows


def test_beyond_the_horizon_a_set_holds_nothing_back_and_its_own_rows_still_train(context: Context) -> None:
    give_up_files(context, "bronze/deliveries")
    late = beyond_the_horizon(context)
    found = vacuum(context, late, older_than=NONE)
    assert ([each.table for each in found.tables], found.held_back) == (["bronze.deliveries"], ())
    first, second = set_ids(context)
    details = show_set(context, now(), second)
    assert details.status is SetStatus.INPUTS_EXPIRED
    assert [each.split(" ")[0] for each in details.expired] == ["bronze.deliveries"]
    rebuilt = rebuild_training_set(context, "late", first)
    assert (rebuilt.status, rebuilt.rows_rebuilt) == (RebuildStatus.INPUTS_EXPIRED, None)
    said = str(rebuilt.failure())
    assert "INPUTS_EXPIRED: bronze.deliveries version 1 can no longer be read" in said
    assert "remedy: its own rows can still be trained on; a longer retention in project.yml keeps later sets'" in said
    model = context.config.models["late"]
    assert len(read_training_data(context, model, find_training_set(context, "late")).frame) == 741


def test_a_set_outlives_the_log_version_at_which_its_rows_were_written(context: Context) -> None:
    clean_up_log(context, "training_sets/late")
    earlier = context.at(TURNS[0])
    for engine in (Engine.LOCAL, Engine.SPARK):
        project = context.config.project.model_copy(update={"engine": engine})
        forced = Context(replace(context.config, project=project), TURNS[0])
        found = read_training_data(forced, context.config.models["late"], find_training_set(earlier, "late"))
        assert len(found.frame) == 513


def test_beyond_the_horizon_the_inputs_have_expired_though_they_are_there(context: Context) -> None:
    """Nothing holds them back any more: the next vacuum may take them. Until then a set can be made again."""
    first, second = set_ids(context)
    retire_set(context, first)
    assert [each.status for each in list_sets(context, now())] == [SetStatus.RETIRED, SetStatus.LIVE]
    late = beyond_the_horizon(context)
    assert [each.status for each in list_sets(context, late)] == [SetStatus.INPUTS_EXPIRED] * 2
    details = show_set(context, late, second)
    assert (details.status, details.expired) == (SetStatus.INPUTS_EXPIRED, ())


def test_the_horizon_is_the_very_instant_of_the_pinning(context: Context) -> None:
    manifests = read_manifests(context)
    first, second = (each.training_set_id for each in manifests)
    at = pinned_instants(context, {})
    moment = timedelta(microseconds=1)
    assert find_beyond(context, manifests, at[first] - moment) == set()
    assert find_beyond(context, manifests, at[first]) == {first}
    assert find_beyond(context, manifests, at[second]) == {first, second}


@pytest.mark.parametrize("name", ["ops/training_sets", "gold/shop_delays"])
def test_a_set_holds_back_for_the_retention_only_whatever_log_was_cleaned_up(context: Context, name: str) -> None:
    give_up_files(context, "bronze/deliveries")
    clean_up_log(context, name)
    assert all(each.would_break for each in vacuum(context, now(), older_than=NONE, plan=True).held_back)
    assert vacuum(context, beyond_the_horizon(context), older_than=NONE).held_back == ()


def test_where_the_log_is_lost_the_run_ledger_tells_when_a_set_was_pinned(context: Context) -> None:
    sets = {each.training_set_id: (each.model, each.as_of) for each in read_manifests(context)}
    by_commit = pinned_instants(context, sets)
    clean_up_log(context, "ops/training_sets")
    by_ledger = pinned_instants(Context(context.config, context.as_of), sets)
    assert by_commit.keys() == by_ledger.keys() == sets.keys()
    # The log is cleaned up but for its newest entry. A step ends after its commit, and before the next turn's.
    first, second = sets
    assert by_commit[first] < by_ledger[first] < by_commit[second] == by_ledger[second]


def test_a_set_of_which_nobody_knows_when_it_was_pinned_is_held_back(context: Context) -> None:
    unknown = replace(read_manifests(context)[0], training_set_id="0" * 32, model="another")
    assert find_beyond(context, [unknown], datetime(9999, 1, 1, tzinfo=UTC)) == set(set_ids(context))


def test_once_sets_are_retired_a_vacuum_takes_their_files(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_files(context, "bronze/deliveries")
    first, second = set_ids(context)
    retire_set(context, first)
    (held,) = vacuum(context, now(), older_than=NONE, plan=True).held_back
    assert (held.training_set_id, held.table) == (second, "bronze.deliveries")
    monkeypatch.setattr("lakeloop.runs.manifests.newest_champion", lambda *_: None)
    retire_set(context, second)
    planned = vacuum(context, now(), older_than=NONE, plan=True)
    done = vacuum(context, now(), older_than=NONE)
    assert (done.tables, done.held_back) == (planned.tables, ())
    assert [(each.table, each.files > 0) for each in done.tables] == [("bronze.deliveries", True)]
    assert [each.status for each in list_sets(context, now())] == [SetStatus.INPUTS_EXPIRED] * 2
    assert vacuum(context, now(), older_than=NONE).tables == ()
    model = context.config.models["late"]
    assert len(read_training_data(context, model, find_training_set(context, "late")).frame) == 741


@pytest.mark.slow
def test_the_log_of_a_table_is_cleaned_up_once_no_live_set_pins_what_it_would_lose(context: Context) -> None:
    """A set is younger than the versions it pins, so an old entry of a log may still be of use."""
    name = "bronze.deliveries"
    address = context.lake.address("bronze", "deliveries")
    pinned = [each.version for one in read_manifests(context) for each in one.inputs if each.table == name]
    DeltaTable(address.path).create_checkpoint()
    past = (now() - context.config.project.retention - timedelta(days=1)).timestamp()
    for file in Path(address.path, "_delta_log").glob("0*"):
        os.utime(file, (past, past))
    first, second = set_ids(context)
    (found,) = vacuum(context, now()).tables
    assert (found.table, found.log_files, found.log_kept_for) == (name, 0, (first,))
    assert all(holds_version(context.lake, address, version) for version in pinned)
    retire_set(context, first)
    (planned,) = vacuum(context, now(), plan=True).tables
    log = Path(address.path, "_delta_log")
    before = set(log.iterdir())
    assert vacuum(context, now()).tables == (planned,)
    assert (len(before - set(log.iterdir())), ()) == (planned.log_files, planned.log_kept_for)
    assert [holds_version(context.lake, address, version) for version in pinned] == [False, True]
    assert vacuum(context, now()).tables == ()
    assert rebuild_training_set(context, "late", second).status is RebuildStatus.REPRODUCED


def test_a_log_is_cleaned_up_by_the_retention_of_the_project_not_by_that_of_the_table(context: Context) -> None:
    """A table that was not written to since the retention became longer still declares the shorter one."""
    address = context.lake.address("bronze", "deliveries")
    pinned = [
        each.version for one in read_manifests(context) for each in one.inputs if each.address(context) == address
    ]
    DeltaTable(address.path, version=min(pinned)).create_checkpoint()
    DeltaTable(address.path).alter.set_table_properties({"delta.logRetentionDuration": "interval 1 days"})
    DeltaTable(address.path).create_checkpoint()
    ages = {True: context.config.project.retention + timedelta(days=1), False: timedelta(days=2)}
    for file in Path(address.path, "_delta_log").glob("0*"):
        then = (now() - ages[int(file.name[:20]) < min(pinned)]).timestamp()
        os.utime(file, (then, then))
    (found,) = vacuum(context, now()).tables
    assert (found.log_files > 0, found.log_kept_for) == (True, ())
    assert not holds_version(context.lake, address, 0)
    assert all(holds_version(context.lake, address, version) for version in pinned)
    declared = DeltaTable(address.path).metadata().configuration["delta.logRetentionDuration"]
    assert declared == f"interval {context.config.project.retention.days} days"

"""What a publish reads of a table: nothing, what is new, or everything into a new generation. No Spark."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lakeloop.online_store.store import PublishedTable
from lakeloop.runs.publish_plan import PlannedTable, plan_table
from lakeloop.tables import Commit
from tests.factories import instant

NOON = instant("2024-01-25 12:00")
HOUR = timedelta(hours=1)
SERVED = PublishedTable(
    table="shops",
    generation="g1",
    entity=("shop",),
    features={"mean": "double", "count": "bigint"},
    key_types={"shop": "string"},
    every=HOUR,
    ttl=None,
    built_through=NOON,
    delta_version=3,
    spec_hash="a1",
    published_as_of=NOON,
)
WANTED = replace(SERVED, generation="", built_through=NOON + HOUR, delta_version=4, published_as_of=NOON + HOUR)
DONE = {"generation": "g1", "built_through": NOON, "delta_version": 3}
COMMITS = [Commit(version, "", "features", "", "", 3) for version in (2, 3, 4)]


def plan(**changed: Any) -> PlannedTable:
    given: dict[str, Any] = {"wanted": WANTED, "served": SERVED, "recorded": [DONE], "commits": COMMITS, "full": False}
    return plan_table(**(given | changed))


def test_rows_since_the_last_publish_are_read_into_what_is_served() -> None:
    assert plan() == PlannedTable(replace(WANTED, generation="g1"), after=NOON)


def test_what_is_served_from_the_same_version_through_the_same_instant_is_left_alone() -> None:
    later = replace(SERVED, generation="", published_as_of=NOON + HOUR)
    assert plan(wanted=later) == PlannedTable(SERVED, is_served=True)


def test_a_new_version_without_a_new_tick_is_noted_without_reading_a_row_twice() -> None:
    wanted = replace(SERVED, generation="", delta_version=4)
    assert plan(wanted=wanted) == PlannedTable(replace(wanted, generation="g1"), after=NOON)


def test_the_first_publish_reads_everything_into_a_generation_named_by_what_it_is_made_from() -> None:
    first = plan(served=None, recorded=[])
    assert first.after is None
    assert first == plan(served=None, recorded=[])
    assert first.table == replace(WANTED, generation=first.table.generation)
    assert len(first.table.generation) == 16
    other = plan(served=None, recorded=[], wanted=replace(WANTED, spec_hash="b2"))
    assert other.table.generation != first.table.generation


@pytest.mark.parametrize(
    "changed",
    [
        {"full": True},
        {"wanted": replace(WANTED, spec_hash="b2")},
        {"wanted": replace(WANTED, entity=("shop", "town"))},
        {"wanted": replace(WANTED, key_types={"shop": "bigint"})},
        {"wanted": replace(WANTED, features={"count": "bigint", "mean": "double"})},
        {"wanted": replace(WANTED, features={"mean": "double"})},
        {"wanted": replace(WANTED, ttl=HOUR)},
        {"commits": [*COMMITS[:2], Commit(4, "", "backfill", "", "", 3)]},
        {"commits": COMMITS[2:]},  # the log no longer tells what became of the version that is served
        {"recorded": []},  # another workspace published it, or this one lost its record
    ],
    ids=["full", "spec", "entity", "key type", "order", "features", "ttl", "backfill", "log", "record"],
)
def test_a_new_generation_begins_where_what_is_served_may_not_be_gone_on_with(changed: dict[str, Any]) -> None:
    planned = plan(**changed)
    assert planned.after is None
    assert not planned.is_served
    assert planned.table.generation not in ("", "g1")


def test_a_backfill_before_what_is_served_changes_nothing() -> None:
    commits = [Commit(2, "", "backfill", "", "", 3), *COMMITS[1:]]
    assert plan(commits=commits) == PlannedTable(replace(WANTED, generation="g1"), after=NOON)


@pytest.mark.parametrize(
    ("recorded", "after"),
    [
        ([], None),
        ([{**DONE, "built_through": NOON - HOUR}, {**DONE, "built_through": NOON - 2 * HOUR}], NOON - HOUR),
        ([{**DONE, "generation": "g0", "built_through": NOON - HOUR}], None),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_what_was_swapped_and_not_recorded_by_this_very_publish_is_done_again_in_place(
    recorded: list[dict[str, Any]], after: Any, full: bool
) -> None:
    same = replace(SERVED, generation="")
    assert plan(wanted=same, recorded=recorded, full=full) == PlannedTable(SERVED, after)


def test_two_full_publishes_begin_two_generations() -> None:
    first = plan(full=True, wanted=replace(SERVED, generation="")).table
    done = {"generation": first.generation, "built_through": NOON, "delta_version": 3}
    second = plan(full=True, wanted=replace(SERVED, generation=""), served=first, recorded=[DONE, done]).table
    assert len({"g1", first.generation, second.generation}) == 3

"""What a backfill may be asked for: every refusal says what is allowed and the call that would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from lakeloop.config.feature_table import FeatureTable
from lakeloop.errors import UsageError
from lakeloop.features.stretches import Stretch, cut_stretch
from lakeloop.runs.backfill_scope import Asked, chunk_length, lay_on_ticks
from lakeloop.runs.build_state import replay_builds
from lakeloop.tables import Commit
from tests.factories import declare_windows, instant

FIRST, LAST = instant("2024-01-01 09:00"), instant("2024-01-02 00:00")
WHOLE = Stretch(FIRST, LAST)
HOURLY = declare_windows(feature_table="habits")
NEWEST = declare_windows(feature_table="newest").model_copy(update={"every": None, "aggregate": ()})
CALL = "`lakeloop backfill habits --from 2024-01-01T09:00:00Z --to 2024-01-02T00:00:00Z`"


@pytest.mark.parametrize(
    ("asked", "where", "got"),
    [
        (Asked("habits"), "--from and --to", "neither"),
        (Asked("habits", FIRST), "--to", "nothing"),
        (Asked("habits", None, LAST), "--from", "nothing"),
        (Asked("habits", FIRST, LAST + timedelta(hours=1)), "--to", "2024-01-02T01:00:00Z"),
        (
            Asked("habits", FIRST + timedelta(minutes=10), FIRST + timedelta(minutes=50)),
            "--from",
            "2024-01-01T09:00:00Z, not before 2024-01-01T09:00:00Z",
        ),
    ],
)
def test_a_range_that_is_none_is_told_with_the_whole_one(asked: Asked, where: str, got: str) -> None:
    with pytest.raises(UsageError) as refused:
        lay_on_ticks(HOURLY, asked, WHOLE)
    assert (refused.value.where, refused.value.got) == (where, got)
    assert refused.value.remedy == f"the whole history is {CALL}"


def test_both_ends_are_floored_to_ticks() -> None:
    asked = Asked("habits", FIRST + timedelta(minutes=59), LAST + timedelta(minutes=59))
    assert lay_on_ticks(HOURLY, asked, WHOLE) == WHOLE


def test_attributes_are_made_again_up_to_where_they_are_built() -> None:
    after = instant("2024-01-01 12:34")
    assert lay_on_ticks(NEWEST, Asked("newest", after, LAST), WHOLE) == Stretch(after, LAST)  # no ticks
    with pytest.raises(UsageError, match="later rows of attributes depend on earlier ones") as refused:
        lay_on_ticks(NEWEST, Asked("newest", after, LAST - timedelta(hours=1)), WHOLE)
    assert refused.value.remedy == ("`lakeloop backfill newest --from 2024-01-01T12:34:00Z --to 2024-01-02T00:00:00Z`")


def test_a_statement_too_is_made_again_up_to_where_it_is_built_and_a_function_over_any_range() -> None:
    part = Stretch(FIRST, LAST - timedelta(hours=1))
    asked = Asked("busy", part.after, part.through)
    with pytest.raises(UsageError, match="later rows of a table of sql depend on earlier ones") as refused:
        lay_on_ticks(declare_computed(sql="select shop, 1 as n from deliveries"), asked, WHOLE)
    assert refused.value.remedy == "`lakeloop backfill busy --from 2024-01-01T09:00:00Z --to 2024-01-02T00:00:00Z`"
    assert lay_on_ticks(declare_computed(python="paces.spread", **{"from": "deliveries"}), asked, WHOLE) == part


def declare_computed(**by: str) -> FeatureTable:
    features = {"n": {"type": "long"}}
    declared = {"feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours"}
    return FeatureTable.model_validate({**declared, "features": features, **by})


@pytest.mark.parametrize(
    ("every", "asked", "wanted"),
    [(1, None, 28 * 24), (5, None, 135 * 5), (1, 3, 3), (6, 12, 12)],  # the default in whole ticks
)
def test_a_chunk_has_whole_ticks(every: int, asked: int | None, wanted: int) -> None:
    table = HOURLY.model_copy(update={"every": timedelta(hours=every)})
    length = chunk_length(table, None if asked is None else timedelta(hours=asked))
    assert length == timedelta(hours=wanted)


def test_a_chunk_between_ticks_is_refused() -> None:
    with pytest.raises(UsageError, match="whole multiples of the table's tick, 1 hour"):
        chunk_length(HOURLY, timedelta(minutes=90))


def test_chunks_lie_end_to_end_newest_first() -> None:
    pieces = cut_stretch(WHOLE, timedelta(hours=7))
    assert [(each.through - each.after) // timedelta(hours=1) for each in pieces] == [1, 7, 7]
    assert (pieces[0].through, pieces[-1].after) == (LAST, FIRST)
    assert all(newer.after == older.through for newer, older in pairwise(pieces))
    assert cut_stretch(WHOLE, timedelta(days=9)) == (WHOLE,)
    assert cut_stretch(Stretch(LAST, LAST), timedelta(days=1)) == ()


BUILT = Commit(1, "a1", "features", "u", "", 3, {"built_through": LAST.isoformat(), "spec_hash": "old"})


def make_chunk(left: int, **changes: object) -> Commit:
    notes = {"built_through": LAST.isoformat(), "spec_hash": "new", "makes_anew": True, "range": "r", "left": left}
    return Commit(2, "b", "backfill", "u", "", 3, notes | changes)


@pytest.mark.parametrize(
    ("commits", "wanted"),
    [
        ([], None),
        ([BUILT], ("old", None)),
        ([BUILT, make_chunk(1)], ("old", "r")),
        ([BUILT, make_chunk(1), make_chunk(0)], ("new", None)),
        ([BUILT, make_chunk(1), make_chunk(0, spec_hash="old", makes_anew=False)], ("old", "r")),
        ([BUILT, make_chunk(1, spec_hash="old", makes_anew=False)], ("old", None)),
        ([make_chunk(1)], ("new", "r")),  # a lost table
        ([make_chunk(0)], ("new", None)),
        ([BUILT, make_chunk(0), replace(BUILT, version=3)], ("old", None)),
    ],
)
def test_a_table_is_of_one_declaration_or_of_none(commits: list[Commit], wanted: tuple[str, str | None] | None) -> None:
    state = replay_builds(commits)
    assert (state and (state.spec_hash, state.unfinished)) == wanted

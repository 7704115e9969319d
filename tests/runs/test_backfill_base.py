"""What a backfill began on: nobody who met rows that it replaced is forgotten, whatever was written in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lakeloop.features.stretches import Stretch
from lakeloop.runs.backfill_base import Base, backfill_unit, find_base
from lakeloop.runs.build_state import JOB, range_text
from lakeloop.runs.order import BACKFILL
from lakeloop.tables import Commit
from tests.factories import instant

FIRST, LAST = instant("2024-01-01 09:00"), instant("2024-01-02 00:00")
WHOLE = Stretch(FIRST, LAST)
NEXT = LAST + timedelta(days=1)
BUILT = Commit(1, "a1", JOB, "habits", "", 3)
SAME: dict[str, Any] = {"range": range_text(FIRST, LAST), "chunks": 2, "spec_hash": "s", "inputs": {"deliveries": 4}}


def make_chunk(version: int, left: int, base: int = 1, begun: int | None = None, **changes: Any) -> Commit:
    begun = base if begun is None else begun
    notes = {**SAME, "base": base, "begun": begun, "left": left, "base_through": LAST.isoformat(), **changes}
    unit = backfill_unit("habits a..b of", notes["range"], begun)
    return Commit(version, f"b{version}", BACKFILL, unit, "", 3, notes)


def make_turn(version: int, rows: int) -> Commit:
    return Commit(version, f"t{version}", JOB, "habits", "", rows)


def told(begun: int, stretch: Stretch = WHOLE) -> set[str]:
    return {backfill_unit("habits", range_text(stretch.after, stretch.through), begun)}


FIRST_CHUNK = make_chunk(2, left=1)
DONE = make_chunk(3, left=0)
OTHER = {"inputs": {"deliveries": 5}}  # more rows have landed


@pytest.mark.parametrize(
    ("commits", "version", "same", "is_told", "wanted"),
    [
        ([BUILT], 1, SAME, False, Base(1, 1)),
        ([BUILT, FIRST_CHUNK], 2, SAME, False, Base(1, 1, LAST)),  # goes on
        ([BUILT, FIRST_CHUNK], 3, SAME, False, Base(1, 1, LAST)),  # a version that says other words
        ([BUILT, FIRST_CHUNK, make_turn(3, 0)], 3, SAME, False, Base(1, 1, LAST)),  # a turn without rows
        ([BUILT, FIRST_CHUNK, make_turn(3, 5)], 3, SAME, False, Base(3, 1, LAST)),  # begins again, compares with all
        ([BUILT, FIRST_CHUNK], 2, SAME | OTHER, False, Base(2, 1, LAST)),
        ([BUILT, FIRST_CHUNK, make_chunk(4, 1, 1, 3, **OTHER)], 4, SAME | OTHER, False, Base(3, 1, LAST)),
        ([BUILT, FIRST_CHUNK, DONE], 3, SAME, True, Base(1, 1, LAST)),  # all is done
        ([BUILT, FIRST_CHUNK, DONE], 3, SAME, False, Base(1, 1, LAST)),  # and not told yet
        ([BUILT, FIRST_CHUNK, DONE, make_turn(4, 5)], 4, SAME, True, Base(4, 4)),
        ([BUILT, FIRST_CHUNK, DONE, make_turn(4, 5)], 4, SAME, False, Base(4, 1, LAST)),
    ],
)
def test_what_was_replaced_is_compared_until_it_was_told(
    commits: list[Commit], version: int, same: dict[str, Any], is_told: bool, wanted: Base
) -> None:
    assert find_base(commits, version, same, WHOLE, told(1) if is_told else (), is_damaged=False) == wanted


def test_a_table_that_may_have_been_changed_by_something_else_is_begun_again() -> None:
    commits = [BUILT, FIRST_CHUNK, DONE]
    assert find_base(commits, 4, SAME, WHOLE, told(1), is_damaged=True) == Base(4, 4)
    assert find_base(commits, 3, SAME, WHOLE, told(1), is_damaged=True) == Base(1, 1, LAST)  # it mended the damage


def test_a_backfill_of_another_range_takes_over_what_it_holds() -> None:
    longer = Stretch(FIRST, NEXT)
    of_longer = {**SAME, "range": range_text(longer.after, longer.through)}
    commits = [BUILT, FIRST_CHUNK, make_turn(3, 5)]
    assert find_base(commits, 3, of_longer, longer, (), is_damaged=False) == Base(3, 1, LAST)
    commits.append(make_chunk(4, 0, 1, 3, range=of_longer["range"]))
    assert find_base(commits, 4, SAME, WHOLE, told(3, longer), is_damaged=False) == Base(4, 4)
    after = Stretch(LAST, NEXT)  # of rows that no other has touched
    of_after = {**SAME, "range": range_text(after.after, after.through)}
    assert find_base(commits[:3], 3, of_after, after, (), is_damaged=False) == Base(3, 3)

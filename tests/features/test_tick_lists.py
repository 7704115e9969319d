"""Which ticks a statement is evaluated at, and how they are cut into queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.feature_table import FeatureTable
from lakeloop.errors import UsageError
from lakeloop.features.tick_lists import Presence, TickRun, cut_ticks, list_ticks
from lakeloop.runs.statement_table import MAX_TICKS, TICKS_A_QUERY, refuse_many
from tests.factories import instant

HOUR = timedelta(hours=1)
TEN = instant("2024-01-01 10:00")
BUSY = FeatureTable.model_validate(
    {
        "feature_table": "busy",
        "entity": ["shop"],
        "every": "1 hour",
        "needs": "2 hours",
        "sql": "select shop, count(*) as n from deliveries group by shop",
        "features": {"n": {"type": "long"}},
    }
)


def hours(count: int) -> list[datetime]:
    return [TEN + number * HOUR for number in range(count)]


@pytest.mark.parametrize(
    ("seen", "through", "wanted"),
    [
        ([], 5, []),
        ([Presence(TEN, TEN + 2 * HOUR)], 5, [0, 1]),  # at the very instant it left it is not seen
        ([Presence(TEN, TEN + 2 * HOUR + timedelta.resolution)], 5, [0, 1, 2]),
        ([Presence(TEN, None)], 3, [0, 1, 2, 3]),  # a state lasts
        ([Presence(TEN + 4 * HOUR, None)], 3, []),  # the future
        ([Presence(TEN + 3 * HOUR, TEN + 4 * HOUR), Presence(TEN, TEN + HOUR)], 5, [0, 3]),
        ([Presence(TEN, TEN + 2 * HOUR), Presence(TEN + HOUR, TEN + 3 * HOUR)], 5, [0, 1, 2]),
    ],
)
def test_a_tick_is_listed_at_which_a_row_is_seen(seen: list[Presence], through: int, wanted: list[int]) -> None:
    assert list_ticks(seen, HOUR, TEN + through * HOUR, 1000) == [TEN + number * HOUR for number in wanted]


@pytest.mark.parametrize(("count", "is_refused"), [(MAX_TICKS, False), (MAX_TICKS + 1, True), (10**7, True)])
def test_more_ticks_than_a_call_takes_are_refused(count: int, is_refused: bool) -> None:
    """However many there are, no more are listed than are needed to refuse them."""
    through = TEN + (count - 1) * HOUR
    ticks = list_ticks([Presence(TEN, None)], HOUR, through, MAX_TICKS)
    assert len(ticks) == min(count, MAX_TICKS + 1)
    if not is_refused:
        refuse_many(BUSY, ticks, None, through, MAX_TICKS)
        return
    with pytest.raises(UsageError) as refused:
        refuse_many(BUSY, ticks, None, through, MAX_TICKS)
    error = refused.value
    assert (error.where, error.allowed) == ("gold.busy", f"at most {MAX_TICKS} in one call")
    assert error.got.startswith(f"more than {MAX_TICKS} ticks from 2024-01-01T10:00:00Z to ")
    assert error.remedy == "declare a larger every"


def test_a_refusal_of_a_later_build_names_what_it_is_complete_to() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_many(BUSY, hours(4), TEN - HOUR, TEN + 3 * HOUR, 3)
    assert refused.value.got == "more than 3 ticks from 2024-01-01T09:00:00Z to 2024-01-01T13:00:00Z"


def test_a_query_holds_32_ticks() -> None:
    through = TEN + 99 * HOUR
    runs = cut_ticks(hours(70), None, through, TICKS_A_QUERY)
    assert [len(run.ticks) for run in runs] == [32, 32, 6]
    assert [(run.since, run.through) for run in runs] == [
        (None, TEN + 31 * HOUR),
        (TEN + 31 * HOUR, TEN + 63 * HOUR),
        (TEN + 63 * HOUR, through),
    ]


def test_no_ticks_are_one_run_that_reaches_the_end() -> None:
    assert cut_ticks([], TEN, TEN + HOUR, 32) == (TickRun(TEN, TEN + HOUR, ()),)


@given(st.sets(st.integers(1, 200)), st.integers(1, 40), st.booleans())
def test_runs_lie_end_to_end_and_lose_no_tick(numbers: set[int], length: int, is_first: bool) -> None:
    ticks, through = [TEN + number * HOUR for number in sorted(numbers)], TEN + 200 * HOUR
    since = None if is_first else TEN
    runs = cut_ticks(ticks, since, through, length)
    assert [tick for run in runs for tick in run.ticks] == ticks
    assert (runs[0].since, runs[-1].through) == (since, through)
    assert all(before.through == after.since for before, after in pairwise(runs))
    assert all(len(run.ticks) <= length for run in runs)
    assert all((run.since or TEN) < tick <= run.through for run in runs for tick in run.ticks)

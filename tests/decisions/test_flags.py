from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.config.monitor import Persistence
from lakeloop.decisions.flags import Flag, FlagEntry, find_superseded, open_flags, persistent
from lakeloop.statuses import FlagEvent, FlagKind

APRIL_8 = datetime(2013, 4, 8, tzinfo=UTC)


def make_flag(**options) -> Flag:
    defaults = {
        "kind": FlagKind.BIAS,
        "model": "late_arrival",
        "model_version": "3",
        "subject": "bias",
        "window_start": APRIL_8 - timedelta(days=7),
        "window_end": APRIL_8,
        "as_of": APRIL_8,
    }
    return Flag(**(defaults | options))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": FlagKind.SKILL},
        {"model": "other"},
        {"model_version": "4"},
        {"subject": "skill"},
        {"window_end": APRIL_8 + timedelta(days=1)},
    ],
)
def test_the_id_follows_what_a_flag_speaks_of(change):
    assert make_flag(**change).flag_id != make_flag().flag_id


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": APRIL_8 + timedelta(days=3)},
        {"evidence": {"value": 0.3}},
        {"window_start": APRIL_8 - timedelta(days=28)},
        {"window_end": APRIL_8.astimezone(timezone(timedelta(hours=-4)))},  # the same instant
    ],
)
def test_the_id_does_not_follow_when_or_how_it_was_found(change):
    assert make_flag(**change).flag_id == make_flag().flag_id


def test_an_id_is_32_hexadecimal_digits():
    assert len(make_flag().flag_id) == 32
    assert int(make_flag().flag_id, 16) >= 0


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], False),
        ([True], False),
        ([True, True], True),
        ([True, True, False], True),
        ([False, True, True], True),
        ([True, True, False, False], False),  # the first is forgotten
        ([True, None, True], True),
        ([True, None, None, True], False),  # windows that are missing take their place
        ([None, None, None], False),
    ],
)
def test_two_of_three_windows(history, expected):
    assert persistent(history, Persistence(hits=2, windows=3)) is expected


def test_a_raised_flag_is_open_until_it_is_closed():
    flag, other = make_flag(), make_flag(subject="skill", kind=FlagKind.SKILL)
    entries = [FlagEntry(flag, FlagEvent.RAISED, APRIL_8), FlagEntry(other, FlagEvent.RAISED, APRIL_8)]
    assert open_flags(entries) == [flag, other]
    for event in (FlagEvent.RESOLVED, FlagEvent.SUPERSEDED):
        assert open_flags([*entries, FlagEntry(flag, event, APRIL_8)]) == [other]


def test_a_flag_raised_twice_is_open_once_as_it_was_first_raised():
    first, again = make_flag(), make_flag(as_of=APRIL_8 + timedelta(days=1))
    entries = [FlagEntry(again, FlagEvent.RAISED, again.as_of), FlagEntry(first, FlagEvent.RAISED, first.as_of)]
    assert open_flags(entries) == [first]


def test_a_closed_flag_stays_closed_when_its_job_runs_again():
    flag, later = make_flag(), APRIL_8 + timedelta(days=1)
    entries = [
        FlagEntry(flag, FlagEvent.RAISED, APRIL_8),
        FlagEntry(flag, FlagEvent.RESOLVED, APRIL_8),
        FlagEntry(flag, FlagEvent.RAISED, later),
    ]
    assert open_flags(entries) == []


def test_no_rows_no_flags():
    assert open_flags([]) == []


def test_flags_of_versions_that_no_longer_serve_are_superseded():
    old, current, other = make_flag(), make_flag(model_version="4"), make_flag(model="other")
    assert find_superseded([old, current, other], "late_arrival", "4") == [old]


events = st.tuples(st.integers(0, 3), st.sampled_from(FlagEvent), st.integers(0, 5))


@settings(deadline=None)  # the first call loads libraries
@given(st.lists(events, max_size=12), st.randoms())
def test_what_is_open_does_not_depend_on_order_or_repetition(rows, random):
    entries = [
        FlagEntry(make_flag(subject=f"metric_{n}"), event, APRIL_8 + timedelta(days=days)) for n, event, days in rows
    ]
    shuffled = [*entries, *entries[:3]]
    random.shuffle(shuffled)
    assert open_flags(shuffled) == open_flags(entries)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakeloop.runs.history.draws import draw_turns

TURNS = [datetime(2013, 4, 1, tzinfo=UTC) + timedelta(days=7 * week) for week in range(13)]
MANY = [datetime(2013, 4, 1, tzinfo=UTC) + timedelta(days=day) for day in range(60)]


@pytest.mark.parametrize(("turns", "count"), [(TURNS, 3), (TURNS, 12), (MANY, 20)])
def test_every_draw_has_as_many_trainings_at_turns_that_there_are(turns, count):
    drawn = list(draw_turns(turns, count, 20, seed=7))
    assert len(drawn) == min(20, 13 if count == 12 else 20)
    assert all(len(each) == count and each <= set(turns) for each in drawn)


def test_no_draw_comes_twice_where_the_choices_can_be_listed():
    drawn = list(draw_turns(TURNS, 1, 20, seed=7))
    assert len(set(drawn)) == len(drawn) == 13


def test_the_seed_makes_the_draws_and_each_count_has_its_own():
    assert list(draw_turns(TURNS, 3, 5, seed=7)) == list(draw_turns(TURNS, 3, 5, seed=7))
    assert list(draw_turns(TURNS, 3, 5, seed=7)) != list(draw_turns(TURNS, 3, 5, seed=8))
    assert list(draw_turns(MANY, 20, 5, seed=7)) == list(draw_turns(MANY, 20, 5, seed=7))


@pytest.mark.parametrize("count", [0, 13])
def test_nothing_is_drawn_where_there_is_one_choice(count):
    assert list(draw_turns(TURNS, count, 20, seed=7)) == []


def test_all_turns_are_drawn_alike():
    counted = dict.fromkeys(TURNS, 0)
    for seed in range(40):
        for each in draw_turns(TURNS, 2, 20, seed=seed):
            for turn in each:
                counted[turn] += 1
    expected = 40 * 20 * 2 / 13
    assert all(abs(number - expected) < 5 * expected**0.5 for number in counted.values())

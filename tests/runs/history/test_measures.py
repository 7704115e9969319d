from __future__ import annotations

import numpy as np
import pytest

from lakeloop.runs.history.measures import BesideRandom, Outcomes, beside_random, differ, lose
from lakeloop.training.resampling import DifferenceInterval
from tests.laws.small_loop import write_project

DAYS = np.repeat(np.arange("2013-04-01", "2013-04-11", dtype="datetime64[D]"), 4)
NOTHING = DifferenceInterval(0.0, 0.0, 0.0, 10, 40)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("shops")).models["late"]


@pytest.fixture
def rows() -> Outcomes:
    return Outcomes(np.tile([0.0, 1.0], 20), DAYS)


def test_the_loss_of_a_row_is_the_gates(model, rows):
    assert lose(model, np.full(40, 0.5), rows) == pytest.approx(np.full(40, np.log(2)))


def test_a_difference_that_is_the_same_on_every_day_is_known_exactly(model, rows):
    found = differ(model, np.full(40, 0.25), np.full(40, 0.5), rows, seed=1)
    assert (found.difference, found.lower, found.upper, found.days, found.rows) == (-0.25, -0.25, -0.25, 10, 40)


def test_the_interval_comes_from_days_not_from_rows(model, rows):
    losses = np.where(np.arange(40) // 4 % 2, 1.0, 0.0)  # days differ, rows of a day do not
    own = differ(model, losses, np.full(40, 0.5), rows, seed=1)
    spread = np.where(np.arange(40) % 2, 1.0, 0.0)  # each day is alike, rows differ
    other = differ(model, spread, np.full(40, 0.5), rows, seed=1)
    assert own.difference == other.difference == 0
    assert own.upper > 0.1
    assert other.upper == pytest.approx(0, abs=1e-12)


def test_a_policy_better_than_all_draws_is_better_than_chance(model, rows):
    drawn = [np.full(40, 0.5 + number / 100) for number in range(19)]
    found = beside_random(model, np.full(40, 0.4), drawn, 3, rows, seed=1)
    assert (found.as_good, found.draws, found.retrainings) == (0, 19, 3)
    assert found.chance == pytest.approx(0.05)
    assert found.is_better
    assert (found.lowest, found.highest, found.mean) == pytest.approx((0.5, 0.68, 0.59))
    assert found.difference.difference == pytest.approx(-0.19)


def test_a_policy_as_good_as_its_draws_is_no_better_than_chance(model, rows):
    found = beside_random(model, np.full(40, 0.5), [np.full(40, 0.5)] * 20, 3, rows, seed=1)
    assert (found.as_good, found.is_better) == (20, False)


def test_one_draw_of_twenty_that_does_as_well_is_chance():
    assert not BesideRandom(3, 20, 0.5, 0.4, 0.6, NOTHING, 1).is_better
    assert BesideRandom(3, 20, 0.5, 0.4, 0.6, NOTHING, 0).is_better


def test_too_few_draws_call_nothing_better_than_chance():
    assert not BesideRandom(1, 5, 0.5, 0.4, 0.6, NOTHING, 0).is_better

"""Intervals of paired differences from resampled blocks of days. Student's quantiles are those of printed tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from lakeloop.errors import DistributionError
from lakeloop.training.resampling import DifferenceInterval, resample_difference

FIRST = np.datetime64("2013-05-01", "D")


def resample(differences: Any, days: Any, **changes: Any) -> DifferenceInterval:
    """Resample rows whose second loss is 1 and whose first is 1 plus the difference."""
    moved = np.asarray(differences, dtype=np.float64)
    asked: dict[str, Any] = {"confidence": 0.95, "resamples": 1000, "seed": 0} | changes
    return resample_difference(
        1.0 + moved, np.ones(len(moved)), FIRST + np.asarray(days, dtype=np.int64).reshape(len(moved)), **asked
    )


def half_width(found: DifferenceInterval) -> float:
    return (found.upper - found.lower) / 2


def test_days_of_equal_size_have_students_interval() -> None:
    # Four days of two rows, means -1, 0, 0, 1: s = sqrt(2 / 3), t(3) = 3.1824, half = 3.1824 * s / sqrt(4) = 1.2992
    found = resample([-1, -1, 1, -1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3], resamples=200_000)
    assert (found.difference, found.days, found.rows) == (0.0, 4, 8)
    assert half_width(found) == pytest.approx(1.2992, rel=0.01)
    assert found.lower == pytest.approx(-found.upper)


def test_two_days_of_unequal_size_worked_by_hand() -> None:
    # Draws: the first day twice (1 in 4) gives 1, the second twice (1 in 4) -1, one of each (3 - 1) / 4 = 0.5:
    # mean 0.25, variance 0.625 - 0.0625 = 0.75^2; t(1) = 12.706, raised by sqrt(2 / 1).
    found = resample([1, 1, 1, -1], [0, 0, 0, 1], resamples=200_000)
    assert (found.difference, found.days, found.rows) == (0.5, 2, 4)
    assert half_width(found) == pytest.approx(12.706 * math.sqrt(2) * 0.75, rel=0.01)


def test_blocks_of_two_days_worked_by_hand() -> None:
    # Days 1, 1, -1, -1; the circle's blocks of two have the means 1, 0, -1, 0. A draw is the mean of two of them:
    # variance 0.5 / 2 = 0.25. Two blocks: t(1) = 12.706, raised by sqrt(2 / 1).
    found = resample([1, 1, -1, -1], [0, 1, 2, 3], block_days=2, resamples=200_000)
    assert (found.difference, found.days) == (0.0, 4)
    assert half_width(found) == pytest.approx(12.706 * math.sqrt(2) * 0.5, rel=0.01)


def test_a_block_that_does_not_divide_the_days_is_cut_so_that_a_draw_has_as_many_days() -> None:
    # Days 2, 2, 2, -3, -3: a draw is two pairs of neighbours and a single day, over 5. Pairs around the circle are
    # 4, 4, -1, -6, -1 (variance 14), single days have the variance 6: (14 + 14 + 6) / 25 = 1.36. 2.5 blocks.
    found = resample([2, 2, 2, -3, -3], range(5), block_days=2, resamples=200_000)
    assert found.difference == 0.0
    assert half_width(found) == pytest.approx(t.ppf(0.975, 1.5) * math.sqrt(2.5 / 1.5 * 1.36), rel=0.01)


def test_a_block_has_a_day() -> None:
    with pytest.raises(DistributionError, match="at least one day"):
        resample([1, -1], [0, 1], block_days=0)


@pytest.mark.parametrize(
    ("days", "block_days", "has_interval"), [(1, 1, False), (2, 1, True), (3, 2, False), (4, 2, True)]
)
def test_fewer_than_two_blocks_have_no_interval(days: int, block_days: int, has_interval: bool) -> None:
    found = resample(np.arange(days), range(days), block_days=block_days)
    assert found.difference == np.arange(days).mean()
    assert math.isnan(found.lower) is math.isnan(found.upper) is not has_interval


def test_no_rows_have_no_difference() -> None:
    empty = resample([], [])
    assert math.isnan(empty.difference)
    assert math.isnan(empty.upper)
    assert (empty.days, empty.rows) == (0, 0)


def test_rows_that_agree_within_their_day_do_not_narrow_the_interval() -> None:
    by_day = np.random.default_rng(1).normal(size=28)
    single = resample(by_day, range(28))
    many = resample(np.repeat(by_day, 200), np.repeat(np.arange(28), 200))
    assert (many.lower, many.upper) == pytest.approx((single.lower, single.upper))


def test_the_two_sides_exchanged_have_the_mirrored_interval() -> None:
    rng = np.random.default_rng(2)
    ours, theirs, days = rng.random(60), rng.random(60), FIRST + np.repeat(np.arange(12), 5)
    asked: dict[str, Any] = {"confidence": 0.9, "resamples": 500, "seed": 3, "block_days": 3}
    one, other = resample_difference(ours, theirs, days, **asked), resample_difference(theirs, ours, days, **asked)
    assert (one.difference, one.lower, one.upper) == pytest.approx((-other.difference, -other.upper, -other.lower))


@given(
    rows=st.lists(st.tuples(st.integers(-10, 10), st.integers(0, 5)), min_size=1, max_size=30),
    confidence=st.floats(0.5, 0.99),
    block_days=st.integers(1, 3),
    shift=st.integers(-5, 5),
)
def test_the_interval_holds_the_mean_moves_with_it_and_widens_with_confidence(
    rows: list[tuple[int, int]], confidence: float, block_days: int, shift: int
) -> None:
    values, days = np.array([value for value, _ in rows], dtype=float), [day for _, day in rows]
    found = resample(values, days, confidence=confidence, block_days=block_days, resamples=200)
    assert found.difference == pytest.approx(values.mean(), abs=1e-9)
    assert (found.days, found.rows) == (len(set(days)), len(rows))
    if math.isnan(found.upper):
        assert found.days < 2 * block_days
        return
    assert found.lower <= found.difference <= found.upper
    moved = resample(values + shift, days, confidence=confidence, block_days=block_days, resamples=200)
    assert (moved.lower, moved.upper) == pytest.approx((found.lower + shift, found.upper + shift), abs=1e-6)
    wider = resample(values, days, confidence=0.995, block_days=block_days, resamples=200)
    assert wider.lower <= found.lower
    assert wider.upper >= found.upper


@given(order=st.permutations(list(range(12))))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    values, days = np.linspace(-1, 2, 12) ** 2, np.arange(12) // 3
    one, other = resample(values, days), resample(values[order], days[order])
    assert (one.difference, one.lower, one.upper) == pytest.approx((other.difference, other.lower, other.upper))


def simulate_misses(block_days: int, carried: float, *, by_row: bool = False, histories: int = 400) -> float:
    """Tell how often an interval of 95% misses zero, over histories whose true difference is zero.

    Each has 28 days of 20 rows. A day's rows share its effect, which carries over into the next day's.
    """
    rng, days, missed = np.random.default_rng(7), np.repeat(np.arange(28), 20), 0
    for number in range(histories):
        effects = rng.normal(size=28)
        for day in range(1, 28):
            effects[day] = carried * effects[day - 1] + math.sqrt(1 - carried**2) * effects[day]
        rows = effects[days] + rng.normal(size=560)
        found = resample(rows, np.arange(560) if by_row else days, block_days=block_days, resamples=200, seed=number)
        missed += not found.lower <= 0 <= found.upper
    return missed / histories


def test_intervals_of_days_that_are_alike_within_miss_as_often_as_declared() -> None:
    assert 0.02 <= simulate_misses(1, 0.0) <= 0.08  # 5%, give or take three standard errors of 400


def test_intervals_of_rows_that_share_their_day_miss_far_more_often() -> None:
    assert simulate_misses(1, 0.0, by_row=True, histories=50) > 0.4


def test_days_that_are_like_their_neighbours_need_blocks_of_several() -> None:
    single, four = simulate_misses(1, 0.5), simulate_misses(4, 0.5)
    assert single > 0.15
    assert 0.04 <= four < single - 0.05

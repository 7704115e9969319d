from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from lakeloop.distances import DISTANCES
from lakeloop.distances.psi import population_stability_index
from lakeloop.drift.prediction_bounds import bound_factor
from lakeloop.drift.thresholds import reachable, resample_threshold, to_shares


def resample(
    daily: list[list[int]], *, distance="total_variation", stretch_days=1, rows=10_000, level=0.1, effect=0.0, **options
):
    defaults = {"column": "x", "seed": 0}
    return resample_threshold(
        DISTANCES[distance],
        np.array(daily),
        stretch_days=stretch_days,
        window_rows=rows,
        level=level,
        min_effect=effect,
        **(defaults | options),
    )


def test_reachable_is_all_rows_in_the_rarest_bin():
    assert reachable(DISTANCES["total_variation"], np.array([0.7, 0.2, 0.1])) == pytest.approx(0.9)
    assert reachable(DISTANCES["psi"], np.array([0.5, 0.5])) == pytest.approx(
        population_stability_index([0.5, 0.5], [1, 0])
    )


def test_threshold_by_hand():
    # each day against the other three, as shares of bin 0: |0.5 - 0.6|, |0.6 - 17/30|, |0.7 - 16/30|, |0.5 - 0.6|
    values = np.array([0.1, 0.6 - 17 / 30, 0.7 - 16 / 30, 0.1])
    threshold = resample([[5, 5, 0], [6, 4, 0], [7, 3, 0], [5, 5, 0]])
    logs = np.log(values)
    bound = math.exp(logs.mean() + t.ppf(0.9, 3) * math.sqrt(1.25) * logs.std(ddof=1))
    assert threshold.quantile == pytest.approx(np.quantile(values, 0.9))
    assert threshold.bound == pytest.approx(bound, rel=1e-3)
    assert threshold.value == max(threshold.quantile, threshold.bound)
    assert (threshold.stretches, threshold.disjoint_stretches, threshold.kept_fraction) == (4, 4.0, 1.0)


def test_threshold_of_two_of_three_windows_by_hand():
    values = np.array([0.1, 0.6 - 17 / 30, 0.7 - 16 / 30, 0.1])
    threshold = resample([[5, 5, 0], [6, 4, 0], [7, 3, 0], [5, 5, 0]], hits=2, windows=3)
    assert 3 * threshold.window_level**2 - 2 * threshold.window_level**3 == pytest.approx(0.1)
    assert threshold.quantile == pytest.approx(np.quantile(values, 1 - threshold.window_level))
    assert threshold.factor == bound_factor(0.1, 4.0, 2, 3)
    logs = np.log(values)
    bound = math.exp(logs.mean() + threshold.factor * logs.std(ddof=1))
    assert threshold.bound == pytest.approx(bound, rel=1e-3)


def test_stretches_are_consecutive_and_do_not_wrap():
    assert resample([[5, 5, 0]] * 10, stretch_days=3).stretches == 8


def test_a_reference_that_never_moves_leaves_the_least_effect():
    assert resample([[50, 50, 0]] * 28, stretch_days=7, effect=0.05).value == 0.05


def test_a_reference_of_one_value_has_no_noise():
    assert resample([[0, 80, 0]] * 28, distance="psi", stretch_days=7, effect=0.1).value == 0.1


def test_a_smaller_window_gets_a_wider_threshold():
    daily = [[500, 500, 0]] * 60
    large, small = resample(daily, stretch_days=2, rows=2000), resample(daily, stretch_days=2, rows=40)
    assert (large.kept_fraction, small.kept_fraction) == (1.0, 0.02)
    # 40 rows of a fair coin: the share's standard deviation is 0.079
    assert large.value < 1e-5
    assert small.value > 0.1


def test_many_stretches_are_sampled():
    assert resample([[5, 5, 0], [6, 4, 0]] * 600, stretch_days=2).stretches == 1000


def test_the_same_seed_gives_the_same_threshold_and_columns_draw_apart():
    daily = [[500, 500, 0]] * 60
    first, again, other = (resample(daily, rows=40, column=column) for column in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_a_stricter_level_never_lowers_the_threshold():
    rng = np.random.default_rng(1)
    daily = rng.multinomial(200, [0.3, 0.7, 0.0], size=60).tolist()
    values = [resample(daily, stretch_days=7, level=level).value for level in (0.2, 0.05, 0.01, 0.001)]
    assert values == sorted(values)


def test_shares_sum_to_one():
    assert to_shares(np.array([[1, 3], [2, 2]])).tolist() == [[0.25, 0.75], [0.5, 0.5]]

"""Factors of bounds that several of the next windows exceed: closed forms, a published value, and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from lakeloop.drift.prediction_bounds import bound_factor, level_of_one


@pytest.mark.parametrize("level", [0.05, 0.05 / 42, 1e-4])
@pytest.mark.parametrize("observations", [3, 4, 90 / 7, 50])
def test_one_window_is_student_s_prediction_bound(level, observations):
    expected = t.ppf(1 - level, observations - 1) * math.sqrt(1 + 1 / observations)
    assert bound_factor(level, observations, 1, 1) == pytest.approx(expected, rel=1e-6)


def test_all_of_three_windows_is_the_published_factor():
    # EnvStats: predIntNormSimultaneous(n = 8, k = 1, m = 3): mean 10.269773, deviation 2.210246, limit 11.4021
    assert bound_factor(0.05, 8, 3, 3) == pytest.approx((11.4021 - 10.269773) / 2.210246, abs=1e-4)


@pytest.mark.parametrize(("hits", "windows"), [(1, 3), (2, 3), (3, 5)])
def test_the_bound_is_exceeded_as_often_as_said(hits, windows):
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(200_000, 6))
    bound = sample.mean(axis=1) + bound_factor(0.02, 6, hits, windows) * sample.std(axis=1, ddof=1)
    exceeded = (rng.normal(size=(200_000, windows)) > bound[:, None]).sum(axis=1) >= hits
    assert exceeded.mean() == pytest.approx(0.02, abs=0.0012)  # four standard errors


def test_more_hits_need_a_lower_bound_and_more_windows_a_higher_one():
    factors = [bound_factor(0.01, 13, hits, 3) for hits in (3, 2, 1)]
    assert factors == sorted(factors)
    assert bound_factor(0.01, 13, 2, 2) < bound_factor(0.01, 13, 2, 3)


def test_hardly_any_observations_give_a_finite_bound():
    assert math.isfinite(bound_factor(1e-6, 1.1, 1, 1))


def test_a_level_for_one_window_is_that_of_a_binomial_count():
    one = level_of_one(0.01, 2, 3)
    assert 3 * one**2 * (1 - one) + one**3 == pytest.approx(0.01)
    assert level_of_one(0.01, 1, 3) == pytest.approx(1 - 0.99 ** (1 / 3))
    assert level_of_one(0.01, 1, 1) == 0.01

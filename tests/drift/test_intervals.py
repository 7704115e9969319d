from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from lakeloop.drift.intervals import Interval, percentile_interval, resample_ratios, student_quantile
from lakeloop.errors import DistributionError


@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 12, 60])
@pytest.mark.parametrize("probability", [0.01, 0.5, 0.9, 0.975, 0.99])
def test_student_quantile_agrees_with_scipy(probability, degrees):
    assert student_quantile(probability, degrees) == pytest.approx(t.ppf(probability, degrees), rel=5e-3, abs=1e-12)


def test_student_quantile_rounds_degrees_down():
    assert student_quantile(0.975, 6.9) == student_quantile(0.975, 6)


@pytest.mark.parametrize(
    ("probability", "degrees"), [(0.0, 5), (1.0, 5), (float("nan"), 5), (0.9, 0), (0.9, float("nan"))]
)
def test_student_quantile_refuses_what_has_none(probability, degrees):
    with pytest.raises(DistributionError):
        student_quantile(probability, degrees)


def test_equal_blocks_have_no_spread():
    drawn = resample_ratios(np.array([3.0, 6.0]), np.array([10.0, 20.0]), np.random.default_rng(0))
    assert np.unique(drawn.round(12)).tolist() == [0.3]


def test_few_blocks_give_a_wider_interval_than_the_plain_percentiles():
    drawn = np.linspace(0, 1, 10_001)
    plain, few = percentile_interval(drawn, 10_000, 0.1), percentile_interval(drawn, 4, 0.1)
    # 4 blocks: sqrt(4/3) * t(0.95, 3) = 2.717, and the normal tail beyond it is 0.0033
    assert (few.low, few.high) == (pytest.approx(0.0033, abs=2e-4), pytest.approx(0.9967, abs=2e-4))
    assert (plain.low, plain.high) == (pytest.approx(0.05, abs=1e-3), pytest.approx(0.95, abs=1e-3))


@pytest.mark.parametrize(("blocks", "level"), [(1, 0.05), (5, 0.0), (5, 1.0), (5, float("nan"))])
def test_an_interval_that_cannot_be_is_refused(blocks, level):
    with pytest.raises(DistributionError):
        percentile_interval(np.array([0.0, 1.0]), blocks, level)


def test_both_ends_belong_to_an_interval():
    interval = Interval(0.0, 1.0)
    assert [interval.excludes(value) for value in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [True, False, False, False, True]

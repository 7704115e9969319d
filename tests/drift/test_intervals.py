from __future__ import annotations

import numpy as np
import pytest

from lakeloop.drift.intervals import Interval, resample_ratios, spread_interval
from lakeloop.errors import DistributionError


def test_equal_blocks_have_no_spread():
    drawn = resample_ratios(np.array([3.0, 6.0]), np.array([10.0, 20.0]), np.random.default_rng(0))
    assert np.unique(drawn.round(12)).tolist() == [0.3]


def test_few_blocks_give_a_wider_interval():
    # 4 blocks: sqrt(4/3) * t(0.95, 3) = 1.1547 * 2.3534 deviations of 1
    interval = spread_interval(5.0, np.array([4.0, 6.0]), 4, 0.1)
    assert (interval.low, interval.high) == (pytest.approx(5 - 2.7175, abs=2e-3), pytest.approx(5 + 2.7175, abs=2e-3))


@pytest.mark.parametrize(("blocks", "level"), [(1, 0.05), (5, 0.0), (5, 1.0), (5, float("nan"))])
def test_an_interval_that_cannot_be_is_refused(blocks, level):
    with pytest.raises(DistributionError):
        spread_interval(0.5, np.array([0.0, 1.0]), blocks, level)


def test_both_ends_belong_to_an_interval():
    interval = Interval(0.0, 1.0)
    assert [interval.excludes(value) for value in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [True, False, False, False, True]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.calibration_curve import measure_curve, wilson
from lakeloop.training.metrics import calibration_error

DAYS = np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]")


def measure(y, score, days, **changes):
    return measure_curve(y, score, days, **({"confidence": 0.95, "min_blocks": 3} | changes))


def test_bins_of_equal_count_by_hand():
    y = np.array([0, 0, 0, 1, 1, 0, 1, 1], dtype=float)
    score = np.array([0.1, 0.2, 0.1, 0.2, 0.6, 0.6, 0.8, 1.0])
    low, high = measure(y, score, np.repeat(DAYS[:2], 4), bins=2)
    assert (low.rows, low.days, low.least_score, low.greatest_score) == (4, 1, 0.1, 0.2)
    assert (low.mean_score, low.observed_rate) == (pytest.approx(0.15), 0.25)
    assert (high.rows, high.mean_score, high.observed_rate) == (4, pytest.approx(0.75), 0.75)
    assert (low.status, low.lower, low.upper) == (EvidenceStatus.TOO_FEW_BLOCKS, None, None)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_gaps_of_the_curve_are_the_calibration_error(rows):
    y, score = np.array([float(late) for late, _ in rows]), np.array([each / 20 for _, each in rows])
    found = measure(y, score, DAYS[np.arange(len(rows)) % 20])
    gaps = sum(each.rows * abs(each.mean_score - each.observed_rate) for each in found)
    assert gaps / len(rows) == pytest.approx(calibration_error(y, score), abs=1e-12)
    assert sum(each.rows for each in found) == len(rows)
    for each in found:
        if each.status is EvidenceStatus.OK:
            assert 0 <= each.lower <= each.observed_rate <= each.upper <= 1


def test_a_rate_of_zero_has_an_interval_of_some_width():
    (found,) = measure(np.zeros(20), np.full(20, 0.1), DAYS)
    assert (found.lower, found.upper) == (0.0, pytest.approx(wilson(0.0, 20, 0.95)[1]))
    assert found.upper == pytest.approx(0.1611, abs=1e-4)


def test_days_that_move_together_give_a_wider_interval_than_rows_do():
    y, days = np.repeat(np.tile([0.0, 1.0], 10), 50), np.repeat(DAYS, 50)
    (found,) = measure(y, np.full(1000, 0.5), days)
    lower, upper = wilson(0.5, 1000, 0.95)
    assert found.lower < lower - 0.1
    assert found.upper > upper + 0.1


def test_without_rows_there_is_no_curve():
    assert measure([], [], np.empty(0, dtype="datetime64[D]")) == ()


def test_a_score_that_is_missing_is_refused():
    with pytest.raises(DistributionError):
        measure([0.0, 1.0], [0.5, np.nan], DAYS[:2])
    with pytest.raises(DistributionError, match="days"):
        measure([0.0, 1.0], [0.5, 0.5], DAYS[:3])

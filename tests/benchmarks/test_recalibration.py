"""What the benchmark of recalibration compares; nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.recalibration import INTERCEPT, KEPT, PLATT, RETRAINED, compare_ways, table_of


def test_a_champion_that_is_off_by_an_odds_ratio_is_as_good_as_new_once_it_is_corrected():
    rng = np.random.default_rng(3)
    odds = rng.normal(size=8000)
    truth = 1 / (1 + np.exp(-odds))
    label = rng.uniform(size=8000) < truth
    scores = 1 / (1 + np.exp(1.0 - odds))  # one too low, in log-odds
    before, month = np.arange(8000) < 4000, np.arange(8000) >= 4000
    found = compare_ways(lambda rows: scores[rows], (truth[month], 2.0), label, before, month)
    assert found[KEPT].bias == pytest.approx(scores[month].mean() - label[month].mean())
    assert found[KEPT].bias < -0.15
    for way in (INTERCEPT, PLATT):
        assert abs(found[way].bias) < 0.02
        assert found[way].loss == pytest.approx(found[RETRAINED].loss, abs=2e-3)
        assert found[way].loss < found[KEPT].loss - 0.05
    assert (found[KEPT].seconds, found[RETRAINED].seconds) == (0.0, 2.0)
    assert table_of([("May", found), ("June", found)]).row_count == 3

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from lakeloop.drift.targets import TargetDay, judge_rate
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status, Verdict


def days(rates: list[float], rows: int = 100, first: date = date(2013, 1, 1)) -> list[TargetDay]:
    return [TargetDay(first + timedelta(days=n), rows, rate * rows) for n, rate in enumerate(rates)]


def judge(reference: list[TargetDay], window: list[TargetDay], min_effect: float = 0.05, level: float = 0.05):
    return judge_rate(reference, window, min_effect=min_effect, level=level, seed=3)


def test_means_are_weighted_by_rows():
    window = [*days([0.5], rows=300), *days([0.1, 0.1], rows=50, first=date(2013, 2, 1))]
    verdict = judge(days([0.2] * 30), window)
    assert (verdict.reference_rate, verdict.window_rate) == (pytest.approx(0.2), pytest.approx(0.4))
    assert (verdict.difference, verdict.reference_days, verdict.window_days) == (pytest.approx(0.2), 30, 3)
    assert verdict.window_rows == 400


def test_a_clear_shift_is_drift():
    assert judge(days([0.2, 0.25] * 15), days([0.4, 0.42, 0.38, 0.4, 0.41])).verdict is Verdict.DRIFT


def test_a_shift_below_the_least_effect_is_stable_however_certain():
    verdict = judge(days([0.2] * 30), days([0.24] * 7))
    assert (verdict.status, verdict.verdict, verdict.interval.excludes(0.0)) == (Status.OK, Verdict.STABLE, True)


def test_a_large_difference_between_restless_days_is_stable():
    verdict = judge(days([0.05, 0.6] * 15), days([0.1, 0.7, 0.6]))
    assert (verdict.verdict, verdict.difference) == (Verdict.STABLE, pytest.approx(0.1417, abs=1e-3))


@pytest.mark.parametrize(
    ("reference", "window", "status"),
    [
        (days([0.2] * 30), [], Status.EMPTY_WINDOW),
        (days([0.2] * 30), days([0.9] * 7, rows=0), Status.EMPTY_WINDOW),
        (days([0.2] * 30), days([0.9] * 2), Status.TOO_FEW_BLOCKS),
        (days([0.2] * 2), days([0.9] * 7), Status.INSUFFICIENT_REFERENCE),
        ([], days([0.9] * 7), Status.INSUFFICIENT_REFERENCE),
    ],
)
def test_what_cannot_be_judged_has_a_status_and_no_verdict(reference, window, status):
    verdict = judge(reference, window)
    assert (verdict.status, verdict.verdict, verdict.interval) == (status, Verdict.UNKNOWN, None)


def test_the_same_seed_gives_the_same_interval_in_any_order_of_days():
    reference, window = days([0.2, 0.3] * 20), days([0.1, 0.3, 0.5, 0.2])
    assert judge(reference, window) == judge(reference[::-1], window[::-1])


@pytest.mark.parametrize(
    ("window", "min_effect", "level"),
    [
        ([TargetDay(date(2013, 1, 1), -1, 0.0)], 0.05, 0.05),
        ([TargetDay(date(2013, 1, 1), 1, float("nan"))], 0.05, 0.05),
        (days([0.2]), -0.1, 0.05),
        (days([0.2]), float("nan"), 0.05),
        (days([0.2]), 0.05, 0.0),
    ],
)
def test_wrong_arguments_are_refused(window, min_effect, level):
    with pytest.raises(DistributionError):
        judge(days([0.2] * 30), window, min_effect, level)


@pytest.mark.parametrize("window_days", [3, 7])
def test_false_alarms_against_a_quarter_stay_near_the_level(window_days):
    rng = np.random.default_rng(7)
    alarms = sum(
        judge(days([*rng.beta(3, 9, 90)]), days([*rng.beta(3, 9, window_days)]), min_effect=0.0).verdict
        is Verdict.DRIFT
        for _ in range(150)
    )
    # at a true chance of 0.05, 150 windows hold 7 or 8 alarms, and with 99.9% no more than 17
    assert 1 <= alarms <= 17

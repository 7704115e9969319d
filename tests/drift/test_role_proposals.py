"""Roles proposed from a column's own days: quiet, restless, slowly changing, and too short to tell."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.reference import Reference
from lakeloop.drift.role_proposals import compare_apart, propose_roles
from lakeloop.statuses import Role, Status

ROWS = 1000
TRAINED = datetime(2015, 1, 1, tzinfo=UTC)


def history(**shares: np.ndarray) -> Reference:
    """A history of categories `a` and `b`, with the share of `b` per day as it is given; a share of NaN is null."""
    days = len(next(iter(shares.values())))
    counts = {}
    for name, of_day in shares.items():
        second = np.nan_to_num(np.rint(of_day * ROWS), nan=0).astype(np.int64)
        null = np.where(np.isnan(of_day), ROWS, 0)
        counts[name] = np.column_stack([ROWS - second - null, second, np.zeros(days, dtype=np.int64), null])
    bins = tuple(ColumnBins(name, "category", categories=("a", "b")) for name in shares)
    blocks = tuple(date(2013, 1, 1) + timedelta(days=day) for day in range(days))
    return Reference("late_arrival", Task.CLASSIFICATION, TRAINED, bins, blocks, counts, {})


def propose(found: Reference, declared: dict[str, Role] | None = None, monitor: Monitor | None = None):
    return {each.column: each for each in propose_roles(found, declared or {}, monitor or Monitor(), seed=0)}


def quiet(days: int, rng: np.random.Generator) -> np.ndarray:
    return rng.binomial(ROWS, 0.4, days) / ROWS


def restless(days: int, rng: np.random.Generator, memory: float = 0.8) -> np.ndarray:
    """Weeks that differ, and come back: a first-order autoregression of days."""
    noise, state = rng.normal(0, 0.08, days), 0.0
    values = []
    for each in noise:
        state = memory * state + each
        values.append(state)
    return np.clip(0.4 + np.array(values), 0.01, 0.99)


def season(days: int, rng: np.random.Generator) -> np.ndarray:
    return 0.4 + 0.25 * np.cos(2 * np.pi * np.arange(days) / 365) + rng.normal(0, 0.02, days)


@pytest.mark.parametrize("seed", range(5))
def test_a_year_of_each_kind_is_told_apart(seed):
    rng = np.random.default_rng(seed)
    found = propose(history(quiet=quiet(365, rng), restless=restless(365, rng), season=season(365, rng)))
    assert {name: each.proposed for name, each in found.items()} == {
        "quiet": Role.CONTRACT,
        "restless": Role.REGIME,
        "season": Role.SEASONAL,
    }
    assert found["quiet"].threshold == found["quiet"].min_effect == 0.05
    assert found["season"].far_apart > 2 * found["season"].neighbours
    assert found["restless"].far_apart < 2 * found["restless"].neighbours


@pytest.mark.parametrize("seed", range(5))
def test_a_trend_is_seasonal_and_two_years_of_a_season_too(seed):
    rng = np.random.default_rng(seed)
    trend = 0.2 + 0.5 * np.arange(200) / 200 + rng.normal(0, 0.02, 200)
    assert propose(history(trend=trend))["trend"].proposed is Role.SEASONAL
    assert propose(history(season=season(730, rng)))["season"].proposed is Role.SEASONAL


def test_a_column_with_a_low_threshold_that_alarms_half_a_year_later_is_no_contract():
    summer = np.where((np.arange(365) > 120) & (np.arange(365) < 300), 0.48, 0.4)
    found = propose(history(dest=summer))["dest"]
    assert found.threshold < 2 * found.min_effect
    assert found.far_statistic > found.threshold
    assert found.proposed is Role.SEASONAL
    assert "but far apart windows differ by" in found.why


def test_the_sentence_says_the_numbers():
    constant = propose(history(origin=np.full(120, 0.4)), {"origin": Role.REGIME})["origin"]
    assert constant.why == (
        "A window would be held against 0.05, the least effect, and far apart windows differ by 0: "
        "an alarm means that something broke."
    )
    assert (constant.differs, constant.statistic, constant.restless) == (True, "total_variation", pytest.approx(0.005))


def test_a_history_too_short_for_a_season_says_so():
    found = propose(history(origin=np.full(35, 0.4)))["origin"]
    assert (found.status, found.proposed) == (Status.OK, Role.CONTRACT)
    assert (found.neighbours, found.far_apart, found.far_statistic) == (None, None, None)
    assert found.why.endswith("35 days are too few to tell a season.")


@pytest.mark.parametrize(
    ("shares", "status", "why"),
    [
        (np.full(27, 0.4), Status.INSUFFICIENT_REFERENCE, "27 days of it are known; a threshold needs 28."),
        (np.full(90, np.nan), Status.ALL_NULL, "The history holds no value of it."),
    ],
)
def test_what_cannot_be_told_keeps_its_role_and_has_a_status(shares, status, why):
    found = propose(history(origin=shares), {"origin": Role.CONTRACT})["origin"]
    assert (found.status, found.proposed, found.differs, found.why) == (status, None, False, why)


def test_a_column_that_no_row_has_is_all_null():
    bins = (ColumnBins("gone", "category", categories=("a",)),)
    empty = Reference("late_arrival", Task.CLASSIFICATION, TRAINED, bins, (), {}, {})
    assert propose(empty)["gone"].status is Status.ALL_NULL


def test_a_statistic_of_values_needs_their_sums():
    counts = {"seats": np.array([[50, 50, 0]] * 90)}
    bins = (ColumnBins("seats", "number", edges=(100.0,)),)
    blocks = tuple(date(2013, 1, 1) + timedelta(days=day) for day in range(90))
    known = Reference("late_arrival", Task.CLASSIFICATION, TRAINED, bins, blocks, counts, {})
    monitor = Monitor(statistic={"number": "wasserstein"})
    assert propose(known, monitor=monitor)["seats"].status is Status.INSUFFICIENT_REFERENCE
    sums = {"seats": np.array([[2500.0, 7500.0, 0.0]] * 90)}
    told = Reference(
        *("late_arrival", Task.CLASSIFICATION, TRAINED, bins, blocks, counts, {}),
        bin_totals=sums,
        deviations={"seats": 50.0},
    )
    assert propose(told, monitor=monitor)["seats"].proposed is Role.CONTRACT


def test_windows_a_year_apart_are_not_far_apart():
    days = np.arange(730)
    daily = np.column_stack([ROWS * (1 + (days % 365 < 180)), np.full(730, ROWS), np.zeros(730, dtype=int)])
    near, far = compare_apart(daily, 7)
    one_year = compare_apart(daily[:365], 7)
    assert far > 10 * near
    assert far == pytest.approx(one_year[1], rel=0.5)
    assert compare_apart(daily[:83], 7) is None

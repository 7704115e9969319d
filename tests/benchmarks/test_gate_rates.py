"""What the benchmark of the gate's rates plants, draws and counts; nothing is trained."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.gate_history import History
from benchmarks.gate_rates import (
    CASES,
    NOT_WORSE,
    SUPERIOR,
    SUPERIOR_BY,
    Bounds,
    Case,
    is_passed_by_judge,
    is_promoted,
    measure,
)
from benchmarks.gate_scores import Holdout, resample_days, split_of
from benchmarks.planted import plant
from benchmarks.shares import share_of
from lakeloop.config.gate import Gate
from lakeloop.config.metric import Metric
from lakeloop.training.metrics import row_losses

Y = np.tile([1.0, 0.0, 0.0, 1.0], 50)
DAYS = np.repeat(np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]"), 10)
GATE = Gate(metric=Metric.LOG_LOSS, non_inferior_by=0.005)


def mean_loss(scores: np.ndarray) -> float:
    return float(row_losses(Metric.LOG_LOSS, Y, scores).mean())


def make_holdout(*scores: np.ndarray) -> Holdout:
    return Holdout(Y, DAYS, np.stack(scores), train_days=90, train_rate=0.5)


@pytest.mark.parametrize("amount", [-0.1, -0.005, 0.0, 0.005, 0.1])
def test_what_is_planted_is_the_difference_of_the_mean_losses(amount: float) -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(0.2, 0.8, len(Y)), rng.uniform(0.2, 0.8, len(Y))
    assert mean_loss(plant(Y, ours, amount)) - mean_loss(ours) == pytest.approx(amount, abs=1e-9)
    assert mean_loss(plant(Y, ours, amount, start=theirs)) - mean_loss(theirs) == pytest.approx(amount, abs=1e-9)


def test_scores_are_blended_away_from_what_came_true_by_the_same_loss_in_every_row() -> None:
    scores = np.random.default_rng(1).uniform(0.1, 0.9, len(Y))
    moved = plant(Y, scores, math.log(2))
    assert moved == pytest.approx(scores / 2 + (1 - Y) / 2)
    assert row_losses(Metric.LOG_LOSS, Y, moved) - row_losses(Metric.LOG_LOSS, Y, scores) == pytest.approx(math.log(2))


def test_whole_days_are_drawn_with_replacement_as_many_as_there_are() -> None:
    days = np.repeat(np.arange("2013-01-01", "2013-01-31", dtype="datetime64[D]"), 4)
    drawn = resample_days(days, np.random.default_rng(0)).reshape(30, 4)
    assert (drawn == drawn[:, :1]).all()
    assert drawn[:, 0].sum() == 30
    assert 0 < np.count_nonzero(drawn[:, 0] == 0) < 20


def test_holdouts_are_disjoint_reach_the_last_day_and_are_never_trained_on() -> None:
    days = np.arange("2013-01-01", "2013-12-30", dtype="datetime64[D]")
    history = History(pd.DataFrame(index=range(len(days))), np.zeros(len(days), dtype=bool), days)
    parts = [split_of(history, number, 9) for number in range(9)]
    held = [set(days[part == "holdout"]) for part in parts]
    assert {len(each) for each in held} == {28}
    assert len(set().union(*held)) == 9 * 28
    assert days[-1] in held[-1]
    for part, each in zip(parts, held, strict=True):
        assert days[part == "train"].max() + np.timedelta64(16, "D") < min(each)


def test_shares_have_the_intervals_of_clopper_and_pearson() -> None:
    none = share_of([[False] * 5, [False] * 5])
    assert (none.promoted, none.pairs, none.by_holdout) == (0, 10, (0.0, 0.0))
    assert none.exact == pytest.approx((0.0, 0.3085), abs=1e-4)
    half = share_of([[True] * 5, [False] * 5])
    assert half.exact == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert (half.by_holdout, half.of_holdout) == ((0.0, 1.0), (5, 0))


BOUNDS = Bounds(margin=0.005, superior_by=0.005)


@pytest.mark.parametrize(
    ("rule", "margins", "promoted"),
    [
        (SUPERIOR, -4.0, True),
        (SUPERIOR, 4.0, False),
        (SUPERIOR_BY, -4.0, True),
        (SUPERIOR_BY, -0.5, False),  # better, though by less than the least gain
        (NOT_WORSE, -4.0, True),
        (NOT_WORSE, 0.1, False),  # well within the margin, and yet above 0
        (NOT_WORSE, 4.0, False),
    ],
)
def test_a_planted_pair_is_judged_as_the_gate_judges_it(rule: str, margins: float, promoted: bool) -> None:
    base = np.where(Y == 1, 0.6, 0.4)
    noisy = np.clip(base + np.random.default_rng(2).normal(0, 0.005, len(Y)), 0.01, 0.99)
    holdout, case = make_holdout(base, noisy), Case(rule, margins, from_itself=False)
    assert is_promoted(GATE, case, holdout, BOUNDS, 1, 0) is promoted
    assert is_passed_by_judge(GATE, case, holdout, BOUNDS, 1, 0) is promoted


def test_the_very_same_scores_are_no_worse_and_not_superior() -> None:
    scores = np.where(Y == 1, 0.6, 0.4)
    assert is_promoted(GATE, Case(NOT_WORSE, 0.0), make_holdout(scores, scores), BOUNDS, 1, 0)
    assert not is_promoted(GATE, Case(SUPERIOR, 0.0), make_holdout(scores, scores), BOUNDS, 1, 0)


def test_each_model_is_in_one_pair_and_in_pairs_with_all_that_come_next() -> None:
    good, bad = np.where(Y == 1, 0.7, 0.3), np.where(Y == 1, 0.6, 0.4)
    once, several = measure(GATE, Case(SUPERIOR, 0.0), [make_holdout(bad, good, good, bad)] * 2, BOUNDS)
    assert (once.promoted, once.pairs, once.of_holdout) == (2, 4, (1, 1))
    assert (several.promoted, several.pairs) == (4, 12)


def test_cases_have_names_of_their_own() -> None:
    assert len({(case.rule, case.name, case.rows_as_blocks) for case in CASES}) == len(CASES)

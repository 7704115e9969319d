from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student_t
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training import drawn_metrics, metric_intervals
from lakeloop.training.metric_intervals import draw_blocks, mean_interval, measure_intervals
from lakeloop.training.metrics import calibration_error, evaluate

FOUR_DAYS = np.arange("2013-05-01", "2013-05-05", dtype="datetime64[D]")


def measure(task, y, score, days, **changes):
    told = {"confidence": 0.95, "min_blocks": 2, "seed": 3} | changes
    return {each.metric: each for each in measure_intervals(task, y, score, days, **told)}


@st.composite
def rows_of_days(draw):
    """Rows of a few days; few distinct scores, so that many are tied."""
    size = draw(st.integers(4, 40))
    y = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=size, max_size=size))
    score = draw(st.lists(st.integers(0, 8).map(lambda each: each / 8), min_size=size, max_size=size))
    day = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    return np.array(y), np.array(score), FOUR_DAYS[np.array(day)]


def drawn_rows(y, score, days, draw):
    """The rows of drawn days, as often as their day was drawn."""
    times = draw[np.unique(days, return_inverse=True)[1]]
    return np.repeat(y, times), np.repeat(score, times)


@given(rows_of_days())
@settings(max_examples=25, deadline=None)
def test_a_draw_of_days_gives_the_metric_of_the_drawn_rows(rows):
    y, score, days = rows
    prepared = drawn_metrics.BlockedRows.of(y, score, days)
    draws = draw_blocks(prepared.blocks, 5, seed=1)
    drawn = [drawn_rows(y, score, days, draw) for draw in draws]
    wanted = [dict(evaluate(Task.CLASSIFICATION, ours, theirs)) for ours, theirs in drawn]
    for (ours, _), values in zip(drawn, wanted, strict=True):
        if ours.size and ours.min() == 1.0:
            values[Metric.AVERAGE_PRECISION] = 1.0  # defined without a negative; that over all rows says whether given
    for metric in (Metric.ROC_AUC, Metric.AVERAGE_PRECISION, Metric.CALIBRATION_ERROR, Metric.LOG_LOSS, Metric.BRIER):
        found = drawn_metrics.DRAWN[metric](prepared, draws)
        for value, values in zip(found, wanted, strict=True):
            assert value == pytest.approx(values[metric], abs=1e-9, nan_ok=True)


@given(rows_of_days())
@settings(max_examples=30, deadline=None)
def test_a_draw_of_days_gives_the_same_as_weights_do_in_scikit_learn(rows):
    y, score, days = rows
    prepared = drawn_metrics.BlockedRows.of(y, score, days)
    for draw, area, precision in zip(
        draws := draw_blocks(prepared.blocks, 4, seed=2),
        drawn_metrics._roc_auc(prepared, draws),
        drawn_metrics._average_precision(prepared, draws),
        strict=True,
    ):
        weights = draw[prepared.block]
        if {0.0, 1.0} == set(prepared.y[weights > 0]):
            assert area == pytest.approx(roc_auc_score(prepared.y, prepared.score, sample_weight=weights))
            assert precision == pytest.approx(
                average_precision_score(prepared.y, prepared.score, sample_weight=weights)
            )


def test_a_draw_of_days_gives_the_errors_of_a_regression():
    rng = np.random.default_rng(5)
    y, days = 1e6 + rng.normal(size=60), FOUR_DAYS[rng.integers(0, 4, 60)]
    score = y + rng.normal(size=60)
    prepared = drawn_metrics.BlockedRows.of(y, score, days)
    draws = draw_blocks(4, 6, seed=2)
    found = {name: drawn_metrics.DRAWN[name](prepared, draws) for name in evaluate(Task.REGRESSION, y, score)}
    for index, draw in enumerate(draws):
        wanted = evaluate(Task.REGRESSION, *drawn_rows(y, score, days, draw))
        assert {name: values[index] for name, values in found.items()} == pytest.approx(wanted)
        weights = draw[prepared.block]
        assert found[Metric.R2][index] == pytest.approx(r2_score(prepared.y, prepared.score, sample_weight=weights))


def test_an_interval_by_hand():
    """Two days with errors 1 and 3: a draw gives 1, 2 or 3; Student's quantile has one degree of freedom."""
    days = FOUR_DAYS[:2]
    found = measure(Task.REGRESSION, [0.0, 0.0], [1.0, 3.0], days)[Metric.MEAN_ABSOLUTE_ERROR]
    drawn = draw_blocks(2, metric_intervals.RESAMPLES, 3) @ np.array([1.0, 3.0]) / 2
    reach = math.sqrt(2) * student_t.ppf(0.975, 1) * drawn.std()
    assert (found.status, found.value, found.rows, found.days) == (EvidenceStatus.OK, 2.0, 2, 2)
    assert found.lower == max(2.0 - reach, 0.0) == 0.0  # an error is never below 0
    assert found.upper == pytest.approx(2.0 + reach)


def test_values_are_those_of_evaluate_and_lie_in_their_intervals():
    rng = np.random.default_rng(0)
    score, days = rng.random(2000), FOUR_DAYS[rng.integers(0, 4, 2000)]
    y = (rng.random(2000) < score).astype(float)
    found = measure(Task.CLASSIFICATION, y, score, days)
    assert {name: each.value for name, each in found.items()} == evaluate(Task.CLASSIFICATION, y, score)
    for name, each in found.items():
        assert each.lower <= each.value <= each.upper
        assert each.upper > each.lower
        assert each.status is EvidenceStatus.OK
        assert each.resamples == metric_intervals.RESAMPLES
        assert each.lower >= 0
        assert each.upper <= 1 or name is Metric.LOG_LOSS


def test_whole_days_are_drawn_so_repeated_rows_narrow_nothing():
    y, score = np.tile([0.0, 1.0], 8), np.linspace(0.1, 0.9, 16)
    days = np.repeat(FOUR_DAYS, 4)
    once = measure(Task.CLASSIFICATION, y, score, days)
    thrice = measure(Task.CLASSIFICATION, np.repeat(y, 3), np.repeat(score, 3), np.repeat(days, 3))
    for name in (Metric.LOG_LOSS, Metric.ROC_AUC, Metric.BRIER):
        assert (thrice[name].lower, thrice[name].upper) == pytest.approx((once[name].lower, once[name].upper))


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(4)
    score, days = np.round(rng.random(200), 1), FOUR_DAYS[rng.integers(0, 4, 200)]
    y = (rng.random(200) < score).astype(float)
    mixed = rng.permutation(200)
    one, other = (measure(Task.CLASSIFICATION, y[at], score[at], days[at]) for at in (np.arange(200), mixed))
    for name, each in one.items():
        assert (each.lower, each.upper) == pytest.approx((other[name].lower, other[name].upper))


@pytest.mark.parametrize(("days", "status"), [(2, EvidenceStatus.TOO_FEW_BLOCKS), (3, EvidenceStatus.OK)])
def test_too_few_days_give_a_value_without_an_interval(days, status):
    y, score = np.tile([0.0, 1.0], days), np.tile([0.25, 0.75], days)
    found = measure(Task.CLASSIFICATION, y, score, np.repeat(FOUR_DAYS[:days], 2), min_blocks=3)
    for each in found.values():
        assert each.status is status
        assert each.value is not None
        assert (each.lower is None) == (each.upper is None) == (status is not EvidenceStatus.OK)


def test_without_rows_there_is_no_number():
    for task in Task:
        scores = np.empty((0, 3)) if task is Task.MULTICLASS else []
        for each in measure(task, [], scores, np.empty(0, dtype="datetime64[D]")).values():
            assert (each.status, each.value, each.lower, each.upper) == (EvidenceStatus.NO_ROWS, None, None, None)


def test_outcomes_that_are_all_equal_have_no_ranking():
    found = measure(Task.CLASSIFICATION, np.ones(4), [0.5, 0.6, 0.7, 0.8], FOUR_DAYS)
    for name in (Metric.ROC_AUC, Metric.AVERAGE_PRECISION):
        assert (found[name].status, found[name].value) == (EvidenceStatus.ONE_OUTCOME, None)
    assert found[Metric.BRIER].status is EvidenceStatus.OK


def test_an_outcome_on_one_day_alone_gives_a_value_without_an_interval():
    """A third of the draws of four days lacks the one day with positives."""
    found = measure(Task.CLASSIFICATION, [1.0, 0, 0, 0], [0.9, 0.1, 0.2, 0.3], FOUR_DAYS)[Metric.ROC_AUC]
    assert (found.status, found.value, found.lower) == (EvidenceStatus.ONE_OUTCOME, 1.0, None)
    assert 0 < found.resamples < metric_intervals.LEAST_SHARE * metric_intervals.RESAMPLES


def test_the_mean_of_losses_is_that_of_the_metric_whatever_the_order_of_losses():
    rng = np.random.default_rng(8)
    y, days = np.zeros(40), np.sort(FOUR_DAYS[rng.integers(0, 4, 40)])
    losses = rng.random(40)
    told = {"confidence": 0.95, "min_blocks": 2, "seed": 3}
    one = mean_interval(Metric.MEAN_ABSOLUTE_ERROR, losses, days, **told)
    other = measure(Task.REGRESSION, y, losses, days)[Metric.MEAN_ABSOLUTE_ERROR]
    assert (one.value, one.lower, one.upper) == pytest.approx((other.value, other.lower, other.upper))


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    rng = np.random.default_rng(1)
    losses, days = rng.random(40), FOUR_DAYS[rng.integers(0, 4, 40)]
    told = {"confidence": 0.95, "min_blocks": 2}
    first, again, other = (mean_interval(Metric.BRIER, losses, days, seed=seed, **told) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("changes", "days", "said"),
    [
        ({"confidence": 1.0}, FOUR_DAYS, "confidence"),
        ({"confidence": float("nan")}, FOUR_DAYS, "confidence"),
        ({"min_blocks": 1}, FOUR_DAYS, "min_blocks"),
        ({}, FOUR_DAYS[:3], "shape"),
        ({}, np.array(["NaT", *FOUR_DAYS[1:]], dtype="datetime64[D]"), "no day"),
    ],
)
def test_what_cannot_be_resampled_is_refused(changes, days, said):
    with pytest.raises(DistributionError, match=said):
        measure(Task.CLASSIFICATION, [0.0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], days, **changes)


def test_json_holds_no_nan():
    found = measure(Task.CLASSIFICATION, np.ones(4), [0.5, 0.6, 0.7, 0.8], FOUR_DAYS)[Metric.ROC_AUC]
    assert found.to_dict() == {
        "metric": "roc_auc",
        "status": "ONE_OUTCOME",
        "value": None,
        "lower": None,
        "upper": None,
        "rows": 4,
        "days": 4,
        "resamples": 0,
    }


def test_the_calibration_error_of_a_draw_has_bins_of_its_own():
    y, score = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4])
    prepared = drawn_metrics.BlockedRows.of(y, score, FOUR_DAYS)
    (found,) = drawn_metrics._calibration_error(prepared, np.array([[4, 0, 0, 0]]))
    assert found == pytest.approx(calibration_error(np.zeros(4), np.full(4, 0.1))) == pytest.approx(0.1)

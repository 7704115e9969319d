"""Scores of several classes: their order, their metrics beside scikit-learn's, and intervals from drawn days."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from lakeloop.config.metric import METRICS_OF, Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.classes import ClassCounts, ClassScores, class_shares, f1_macro
from lakeloop.training.drawn_metrics import draw_of_classes
from lakeloop.training.metric_intervals import draw_blocks, measure_intervals
from lakeloop.training.metrics import as_labels, calibration_error, evaluate, row_losses

DAYS = np.arange("2013-01-01", "2013-01-05", dtype="datetime64[D]")
SCORES = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])


@st.composite
def rows_of_classes(draw):
    """Rows of three classes on a few days; few distinct scores, so that many are tied."""
    size = draw(st.integers(4, 40))
    y = np.array(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)))
    parts = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
    scores = np.array(draw(st.lists(parts, min_size=size, max_size=size)), dtype=np.float64)
    day = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    return y, scores / scores.sum(axis=1, keepdims=True), DAYS[np.array(day)]


def test_metrics_worked_by_hand() -> None:
    found = evaluate(Task.MULTICLASS, [0, 1, 2, 1], SCORES)
    assert [*found] == [*METRICS_OF[Task.MULTICLASS]]
    assert found[Metric.LOG_LOSS] == pytest.approx(-math.log(0.5 * 0.5 * 0.6 * 0.4) / 4)
    assert found[Metric.BRIER] == pytest.approx((0.1875 + 0.1875 + 0.12 + 0.28) / 4)
    assert found[Metric.ACCURACY] == 0.75  # of equally likely classes the first is predicted
    assert found[Metric.F1_MACRO] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found[Metric.ROC_AUC] == 1.0
    assert found[Metric.CALIBRATION_ERROR] == pytest.approx((0.4 + 1.0 + 0.4) / 4)  # 0.4 of 0; 0.5 twice of 2; 0.6 of 1


@given(rows_of_classes())
@settings(max_examples=60, deadline=None)
def test_metrics_are_those_of_scikit_learn(rows) -> None:
    y, scores, _ = rows
    found, labels = evaluate(Task.MULTICLASS, y, scores), [0, 1, 2]
    predicted = scores.argmax(axis=1)
    assert found[Metric.LOG_LOSS] == pytest.approx(log_loss(y, scores, labels=labels))
    assert found[Metric.ACCURACY] == pytest.approx(accuracy_score(y, predicted))
    if {*labels} == {*y.tolist()}:
        assert found[Metric.ROC_AUC] == pytest.approx(roc_auc_score(y, scores, multi_class="ovr", labels=labels))
    else:
        assert math.isnan(found[Metric.ROC_AUC])
    if {*labels} == {*y.tolist(), *predicted.tolist()}:
        assert found[Metric.F1_MACRO] == pytest.approx(f1_score(y, predicted, labels=labels, average="macro"))
    else:
        assert math.isnan(found[Metric.F1_MACRO])
    of_rows = np.square(np.eye(3)[y] - scores).sum(axis=1) / 2
    np.testing.assert_allclose(row_losses(Metric.BRIER, y, scores), of_rows, atol=1e-12)
    right = (predicted == y).astype(float)
    assert found[Metric.CALIBRATION_ERROR] == pytest.approx(calibration_error(right, scores.max(axis=1)))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=20))
@settings(deadline=None)
def test_losses_of_two_classes_are_the_binary_ones(rows) -> None:
    y, p = np.array([each for each, _ in rows], dtype=float), np.array([score for _, score in rows])
    for metric in (Metric.LOG_LOSS, Metric.BRIER):
        both = row_losses(metric, y, np.column_stack([1 - p, p]))
        np.testing.assert_allclose(both, row_losses(metric, y, p), rtol=1e-9, atol=1e-12)


def test_a_class_that_happened_is_given_a_least_probability() -> None:
    assert row_losses(Metric.LOG_LOSS, [2], [[0.5, 0.5, 0.0]]).tolist() == [pytest.approx(-math.log(1e-15))]
    assert row_losses(Metric.BRIER, [2], [[1.0, 0.0, 0.0]]).tolist() == [1.0]


@given(rows_of_classes())
@settings(max_examples=60, deadline=None)
def test_a_draw_of_days_gives_the_metric_of_the_drawn_rows(rows) -> None:
    y, scores, days = rows
    place = np.unique(days, return_inverse=True)[1]
    draws = draw_blocks(int(place.max()) + 1, 5, seed=1)
    drawn = [draw[place] for draw in draws]
    wanted = [evaluate(Task.MULTICLASS, np.repeat(y, times), np.repeat(scores, times, axis=0)) for times in drawn]
    for metric in METRICS_OF[Task.MULTICLASS]:
        for value, values in zip(draw_of_classes(metric, y, scores, days, draws), wanted, strict=True):
            assert value == pytest.approx(values[metric], abs=1e-9, nan_ok=True), metric


def test_intervals_lie_around_their_values_and_an_absent_class_has_none() -> None:
    rng = np.random.default_rng(3)
    scores = rng.dirichlet([2, 2, 1], size=400)
    y = np.array([rng.choice(3, p=each) for each in scores])
    days = np.repeat(np.arange("2013-01-01", "2013-01-21", dtype="datetime64[D]"), 20)
    told = {"confidence": 0.95, "min_blocks": 10, "resamples": 200}
    found = {each.metric: each for each in measure_intervals(Task.MULTICLASS, y, scores, days, **told)}
    for metric, each in found.items():
        assert each.status is EvidenceStatus.OK, metric
        assert each.lower < each.value < each.upper
        assert each.lower >= 0
        assert each.upper <= (math.inf if metric is Metric.LOG_LOSS else 1)
    two = {e.metric: e for e in measure_intervals(Task.MULTICLASS, np.minimum(y, 1), scores, days, **told)}
    assert two[Metric.ROC_AUC].status is EvidenceStatus.ONE_OUTCOME
    assert two[Metric.ROC_AUC].value is None
    assert two[Metric.LOG_LOSS].status is EvidenceStatus.OK


def test_columns_are_brought_into_the_declared_order() -> None:
    aligned = ClassScores.align([[0.1, 0.9], [0.5, 0.5]], known=np.array([3, 1]), classes=4)
    assert aligned.values.tolist() == [[0.0, 0.9, 0.0, 0.1], [0.0, 0.5, 0.0, 0.5]]
    assert aligned.predicted.tolist() == [1, 1]
    assert aligned.confidence.tolist() == [0.9, 0.5]
    assert aligned.are_right([1, 3]).tolist() == [1.0, 0.0]
    assert aligned.of_truth([0, 3]).tolist() == [0.0, 0.5]
    for known in ([0, 4], [1, 1], [0.5, 1], [0]):
        with pytest.raises(DistributionError):
            ClassScores.align([[0.1, 0.9]], known=known, classes=4)


def test_counts_by_group_and_shares() -> None:
    found = ClassCounts.of([0, 1, 2, 1], ClassScores(SCORES), np.array([0, 0, 1, 1]))
    assert found.hits.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert found.predicted.tolist() == [[1, 1, 0], [1, 0, 1]]
    assert found.actual.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert math.isnan(f1_macro([1, 1, 0], [1, 1, 0], [1, 1, 0]))
    assert class_shares([2, 2, 0, 2], 3).tolist() == [0.25, 0.0, 0.75]


@pytest.mark.parametrize(
    ("y", "scores", "told"),
    [
        ([0, 3], SCORES[:2], "places of 3 classes"),
        ([0, 0.5], SCORES[:2], "places of 3 classes"),
        ([0, math.nan], SCORES[:2], "missing or infinite"),
        ([0], SCORES[:2], "does not fit"),
        ([0, 1], SCORES[:2, 0], "does not fit"),
        ([0, 1], SCORES[:2] * 0.9, "not 1 in all"),
        ([0, 1], [[1.5, -0.5, 0.0]] * 2, "outside"),
    ],
)
def test_what_is_no_score_of_classes_is_refused(y, scores, told: str) -> None:
    with pytest.raises(DistributionError, match=told):
        evaluate(Task.MULTICLASS, y, scores)


def test_labels_are_whole_places_below_the_number_of_classes() -> None:
    found = as_labels(Task.MULTICLASS, [2.0, 0.0], classes=3)
    assert (found.dtype, found.tolist()) == (np.int64, [2, 0])
    for wrong in ([3.0], [-1.0], [0.5], [math.nan]):
        with pytest.raises(DistributionError):
            as_labels(Task.MULTICLASS, wrong, classes=3)

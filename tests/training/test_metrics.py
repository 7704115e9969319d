from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, r2_score, root_mean_squared_error

from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.training.metrics import as_labels, calibration_error, evaluate, row_losses


def test_classification_metrics_worked_by_hand() -> None:
    values = evaluate(Task.CLASSIFICATION, np.array([False, True, False, True]), [0.1, 0.4, 0.5, 0.8])
    assert values == {
        Metric.LOG_LOSS: pytest.approx(-math.log(0.9 * 0.4 * 0.5 * 0.8) / 4),
        Metric.BRIER: pytest.approx((0.01 + 0.36 + 0.25 + 0.04) / 4),
        Metric.ROC_AUC: pytest.approx(3 / 4),  # of the pairs late x punctual only (.4, .5) is out of order
        Metric.AVERAGE_PRECISION: pytest.approx(0.5 * 1 + 0.5 * 2 / 3),
        Metric.CALIBRATION_ERROR: pytest.approx((0.1 + 0.6 + 0.5 + 0.2) / 4),  # every row a bin of its own
    }


def test_regression_metrics_worked_by_hand() -> None:
    values = evaluate(Task.REGRESSION, [1.0, 2.0, 6.0], [1.0, 4.0, 5.0])
    assert values == {
        Metric.MEAN_ABSOLUTE_ERROR: pytest.approx(1.0),
        Metric.ROOT_MEAN_SQUARED_ERROR: pytest.approx(math.sqrt(5 / 3)),
        Metric.R2: pytest.approx(1 - 5 / 14),
    }


@given(
    rows=st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), min_size=2, max_size=30),
)
def test_metrics_agree_with_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    y, score = (np.array(values) for values in zip(*rows, strict=True))
    values = evaluate(Task.CLASSIFICATION, y, score)
    assert values[Metric.LOG_LOSS] == pytest.approx(log_loss(y, score, labels=[False, True]))
    assert values[Metric.BRIER] == pytest.approx(brier_score_loss(y, score, labels=[False, True]))
    values = evaluate(Task.REGRESSION, score, y)
    assert values[Metric.ROOT_MEAN_SQUARED_ERROR] == pytest.approx(root_mean_squared_error(score, y))
    if not math.isnan(values[Metric.R2]) and np.ptp(score) > 1e-6:
        assert values[Metric.R2] == pytest.approx(r2_score(score, y))


def test_one_class_leaves_the_ranking_metrics_unknown() -> None:
    values = evaluate(Task.CLASSIFICATION, [1, 1], [0.5, 1.0])
    assert math.isnan(values[Metric.ROC_AUC])
    assert math.isnan(values[Metric.AVERAGE_PRECISION])
    assert values[Metric.LOG_LOSS] == pytest.approx(math.log(2) / 2)
    assert math.isnan(evaluate(Task.REGRESSION, [2.0, 2.0], [1.0, 2.0])[Metric.R2])


@pytest.mark.parametrize("task", list(Task))
def test_without_rows_every_metric_is_unknown(task: Task) -> None:
    values = evaluate(task, [], np.empty((0, 3)) if task is Task.MULTICLASS else [])
    assert values
    assert all(math.isnan(value) for value in values.values())


def test_row_losses_worked_by_hand() -> None:
    np.testing.assert_allclose(
        row_losses(Metric.LOG_LOSS, [1, 0, 1, 0, 1], [0.5, 0.75, 0.0, 1.0, 1.0]),
        [0.6931471806, 1.3862943611, 34.5387763949, 34.5387763949, 0.0],  # ln 1e15 is the greatest loss
    )
    np.testing.assert_allclose(row_losses(Metric.BRIER, [1, 0], [0.25, 0.5]), [0.5625, 0.25])
    np.testing.assert_allclose(row_losses(Metric.MEAN_ABSOLUTE_ERROR, [-3.0, 4.0], [1.0, 4.0]), [4.0, 0.0])


@pytest.mark.parametrize(
    ("metric", "y", "score", "message"),
    [
        (Metric.LOG_LOSS, [1, 0], [0.5, np.nan], "score: 1 of 2 values are missing"),
        (Metric.BRIER, [1, np.nan], [0.5, 0.5], "y: 1 of 2 values are missing"),
        (Metric.MEAN_ABSOLUTE_ERROR, [1.0], [np.inf], "score: 1 of 1 values are missing or infinite"),
        (Metric.LOG_LOSS, [1, 0], [0.5], "score: shape"),
        (Metric.LOG_LOSS, [2, 0], [0.5, 0.5], "y: holds values other than 0 and 1"),
        (Metric.BRIER, [1], [1.5], "score: holds values outside"),
        (Metric.ROC_AUC, [1], [0.5], "metric: roc_auc is not a mean of losses per row"),
    ],
)
def test_what_cannot_be_judged_is_an_error(metric, y, score, message: str) -> None:
    with pytest.raises(DistributionError, match=message):
        row_losses(metric, y, score)


def test_calibration_error_worked_by_hand() -> None:
    # two bins: |.15 - .5| and |.75 - 1|, two rows of four each
    assert calibration_error([0, 1, 1, 1], [0.1, 0.2, 0.7, 0.8], bins=2) == pytest.approx(0.3)
    assert calibration_error([1, 0, 0, 0], [0.25] * 4) == 0.0  # a constant score at the base rate
    assert math.isnan(calibration_error([], []))


@given(
    rows=st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9])), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
)
def test_calibration_error_is_bounded_and_does_not_depend_on_the_order(rows, seed: int) -> None:
    y, score = (np.array(values) for values in zip(*rows, strict=True))
    order = np.random.default_rng(seed).permutation(len(y))
    error = calibration_error(y, score)
    assert 0 <= error <= 1
    assert calibration_error(y[order], score[order]) == pytest.approx(error)


def test_labels_are_booleans_or_numbers_and_never_missing() -> None:
    assert as_labels(Task.CLASSIFICATION, np.array([True, False])).dtype == np.bool_
    assert as_labels(Task.REGRESSION, [1, 2]).dtype == np.float64
    with pytest.raises(DistributionError, match="1 of 2 values are missing"):
        as_labels(Task.CLASSIFICATION, [1.0, None])
    with pytest.raises(DistributionError, match="other than 0 and 1"):
        as_labels(Task.CLASSIFICATION, [1.0, 3.0])

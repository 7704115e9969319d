from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lakeloop.config.metric import Task
from lakeloop.drift.performance import OUTCOMES_SCHEMA, measure_performance, roc_auc_from_bins
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status


def cell(day: int, score_bin: int, label: float, **options: object) -> dict[str, object]:
    defaults = {"rows": 10, "sum_score": 5.0, "sum_loss": 4.0, "sum_baseline_loss": 5.0, "sum_squared_error": 2.5}
    block = date(2013, 4, 1) + timedelta(days=day)
    return {"block": block, "score_bin": score_bin, "label": label} | defaults | options


def measure(*cells: dict[str, object], task: Task = Task.CLASSIFICATION, **options: object):
    return measure_performance(pa.Table.from_pylist(list(cells), schema=OUTCOMES_SCHEMA), task, **options)


def test_classification_by_hand():
    performance = measure(
        cell(0, 0, 0.0, rows=30, sum_score=6.0, sum_loss=9.0, sum_baseline_loss=12.0, sum_squared_error=3.0),
        cell(0, 1, 1.0, rows=10, sum_score=7.0, sum_loss=3.0, sum_baseline_loss=8.0, sum_squared_error=1.0),
        cell(1, 0, 1.0, rows=10, sum_score=2.0, sum_loss=8.0, sum_baseline_loss=8.0, sum_squared_error=6.0),
        cell(2, 1, 0.0, rows=30, sum_score=21.0, sum_loss=20.0, sum_baseline_loss=22.0, sum_squared_error=15.0),
    )
    assert (performance.status, performance.blocks, performance.rows) == (Status.OK, 3, 80)
    assert performance.metrics == {
        "mean_score": pytest.approx(36 / 80),
        "mean_outcome": pytest.approx(20 / 80),
        "bias": pytest.approx(16 / 80),
        "log_loss": pytest.approx(40 / 80),
        "brier": pytest.approx(25 / 80),
        "skill": pytest.approx(1 - 40 / 50),
        # 1200 pairs: 300 higher, 300 + 300 in the same bin, 300 lower
        "roc_auc": pytest.approx((300 + 300 / 2 + 300 / 2) / 1200),
    }


def test_several_classes_by_hand():
    """Cells of two classes that came true, right and wrong; the score is how sure the model was."""
    performance = measure(
        *(cell(day, 9, 1.0, rows=6, sum_score=5.0, sum_loss=1.0, sum_squared_error=0.5) for day in range(3)),
        *(cell(day, 4, 0.0, rows=4, sum_score=2.0, sum_loss=6.0, sum_squared_error=2.0) for day in range(3)),
        task=Task.MULTICLASS,
    )
    assert performance.status is Status.OK
    assert performance.metrics == {
        "mean_score": pytest.approx(0.7),
        "mean_outcome": pytest.approx(0.6),  # the share predicted right
        "bias": pytest.approx(0.1),
        "log_loss": pytest.approx(0.7),
        "brier": pytest.approx(0.25),
        "skill": pytest.approx(1 - 7 / 10),
    }
    with pytest.raises(DistributionError, match="the task multiclass has labels 0 and 1"):
        measure(cell(0, 9, 2.0), task=Task.MULTICLASS)


def test_regression_by_hand():
    performance = measure(
        *(cell(day, 0, 12.5, rows=4, sum_score=40.0, sum_loss=8.0, sum_baseline_loss=20.0) for day in range(3)),
        task=Task.REGRESSION,
    )
    assert performance.metrics == {
        "mean_score": pytest.approx(10.0),
        "mean_outcome": pytest.approx(12.5),
        "bias": pytest.approx(-2.5),
        "mean_absolute_error": pytest.approx(2.0),
        "skill": pytest.approx(0.6),
    }
    assert performance.intervals["bias"].low == pytest.approx(-2.5)
    assert performance.exceeds_bias(2.0) is True
    assert performance.exceeds_bias(3.0) is False


def test_without_matured_rows_nothing_is_known():
    for performance in (measure(), measure(cell(0, 0, 0.0, rows=0))):
        assert (performance.status, dict(performance.metrics)) == (Status.NOT_MATURED, {})
        assert performance.exceeds_bias(0.02) is None
        assert performance.falls_below_skill(0.0) is None


def test_two_days_are_too_few_for_an_interval():
    performance = measure(cell(0, 0, 0.0), cell(1, 0, 1.0))
    assert (performance.status, dict(performance.intervals)) == (Status.TOO_FEW_BLOCKS, {})
    assert performance.metrics["bias"] == 0.0
    assert performance.exceeds_bias(0.02) is None
    assert performance.falls_below_skill(0.9) is None


def test_a_bias_that_single_days_explain_does_not_exceed():
    # one day of five carries it all
    cells = [cell(day, 0, 0.0, sum_score=0.0) for day in range(4)] + [cell(4, 0, 0.0, sum_score=5.0)]
    performance = measure(*cells)
    assert performance.metrics["bias"] == pytest.approx(0.1)
    assert performance.exceeds_bias(0.05) is False


def test_skill_below_a_limit():
    performance = measure(*(cell(day, 0, 0.0) for day in range(3)))  # 1 - 4 / 5
    assert (performance.falls_below_skill(0.25), performance.falls_below_skill(0.15)) == (True, False)
    assert performance.intervals["skill"].low == pytest.approx(0.2)


def test_metrics_that_are_not_defined_are_left_out():
    cells = [cell(day, 0, 0.0, sum_baseline_loss=0.0) for day in range(3)]
    table = pa.Table.from_pylist(cells).drop_columns(["sum_squared_error"])
    performance = measure_performance(table, Task.CLASSIFICATION)
    assert set(performance.metrics) == {"mean_score", "mean_outcome", "bias", "log_loss"}
    assert set(performance.intervals) == {"bias"}
    assert performance.falls_below_skill(0.5) is None


def test_the_same_seed_gives_the_same_intervals_in_any_order_of_cells():
    cells = [cell(day, day % 3, float(day % 2), sum_score=float(day)) for day in range(8)]
    assert measure(*cells, seed=4) == measure(*cells[::-1], seed=4)
    assert measure(*cells, seed=4).intervals != measure(*cells, seed=5).intervals


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"label": 0.5}, "labels 0 and 1"),
        ({"label": None}, "without a value"),
        ({"sum_loss": math.inf}, "not finite"),
        ({"sum_score": math.nan}, "not finite"),
    ],
)
def test_cells_that_say_nothing_are_refused(change, problem):
    with pytest.raises(DistributionError, match=problem):
        measure_performance(pa.Table.from_pylist([cell(0, 0, 0.0) | change, cell(1, 0, 0.0)]), Task.CLASSIFICATION)


def test_an_absent_column_is_refused():
    with pytest.raises(DistributionError, match="rows: the column is absent"):
        measure_performance(pa.Table.from_pylist([cell(0, 0, 0.0)]).drop_columns(["rows"]), Task.CLASSIFICATION)


@settings(deadline=None)  # the first call loads libraries
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=50))
def test_area_agrees_with_scikit_learn_on_binned_scores(rows):
    bins, labels = (np.array(values, dtype=float) for values in zip(*rows, strict=True))
    area = roc_auc_from_bins(bins, labels, np.ones(len(rows)))
    if len(set(labels)) < 2:
        assert area is None
    else:
        assert area == pytest.approx(roc_auc_score(labels, bins), abs=1e-12)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lakeloop.config.metric import Metric
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.importance import MIN_SAMPLE, measure_importance
from tests.training.declarations import COLUMNS, declare_model, make_rows


def told(frame):
    return frame["told"].to_numpy(dtype=float)


def rows(count, **columns):
    y = np.tile([0.0, 1.0], count // 2)
    return pd.DataFrame({"told": y, **columns}), y


def by_name(found):
    return {each.column: each for each in found.columns}


def test_an_input_that_tells_all_costs_what_a_shuffle_costs():
    frame, y = rows(4000)
    found = measure_importance(Metric.BRIER, told, frame, y, seed=0, repeats=5)
    (column,) = found.columns
    assert found.value == 0.0
    assert column.increase == pytest.approx(0.5, abs=0.03)  # half of the shuffled answers are wrong
    assert 0 < column.spread < 0.03


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([None] * 10, EvidenceStatus.ALL_NULL),
        ([7.0] * 10, EvidenceStatus.CONSTANT),
        (["A"] * 10, EvidenceStatus.CONSTANT),
        ([7.0] * 9 + [None], EvidenceStatus.OK),  # what is missing is a value too
        ([1.0, 2.0] * 5, EvidenceStatus.OK),
    ],
)
def test_what_cannot_be_permuted_is_said_and_counts_nothing(values, status):
    frame, y = rows(10, other=values)
    column = by_name(measure_importance(Metric.BRIER, told, frame, y, seed=0))["other"]
    assert (column.status, column.increase) == (status, 0.0)


def test_a_constant_column_counts_nothing():
    frame, y = rows(10, other=[7.0] * 10)
    column = by_name(measure_importance(Metric.BRIER, lambda rows: rows["other"] / 14, frame, y, seed=0))["other"]
    assert (column.status, column.increase) == (EvidenceStatus.CONSTANT, 0.0)


def test_without_rows_there_is_no_number():
    frame, y = rows(0)
    found = measure_importance(Metric.BRIER, told, frame, y, seed=0)
    assert (found.value, found.rows) == (None, 0)
    assert [(each.status, each.increase, each.spread) for each in found.columns] == [
        (EvidenceStatus.NO_ROWS, None, None)
    ]


def test_the_most_important_comes_first_and_ties_keep_the_order_of_the_columns():
    frame, y = rows(40, b=np.arange(40.0), a=np.arange(40.0))
    frame = frame[["b", "a", "told"]]
    assert [each.column for each in measure_importance(Metric.BRIER, told, frame, y, seed=0).columns] == [
        "told",
        "b",
        "a",
    ]


def test_another_column_changes_nothing_and_neither_does_a_second_run():
    frame, y = rows(200)
    alone = measure_importance(Metric.BRIER, told, frame, y, seed=9)
    again = measure_importance(Metric.BRIER, told, frame, y, seed=9)
    beside = measure_importance(Metric.BRIER, told, frame.assign(noise=np.arange(200.0))[["noise", "told"]], y, seed=9)
    assert alone == again
    assert by_name(beside)["told"] == by_name(alone)["told"]
    assert measure_importance(Metric.BRIER, told, frame, y, seed=10) != alone


def test_the_work_is_bounded_and_the_rows_that_were_drawn_are_told():
    frame, y = rows(5000, other=np.arange(5000.0))
    scored = []

    def predict(asked):
        scored.append(len(asked))
        return told(asked)

    found = measure_importance(Metric.BRIER, predict, frame, y, seed=0, repeats=2, max_predicted_rows=4000)
    assert (found.rows, found.rows_of) == (1000, 5000)
    assert sum(scored) == 1000 + 2 * 2 * 1000
    least = measure_importance(Metric.BRIER, told, frame, y, seed=0, max_predicted_rows=1)
    assert least.rows == MIN_SAMPLE
    whole = measure_importance(Metric.BRIER, told, frame, y, seed=0)
    assert (whole.rows, whole.rows_of) == (5000, 5000)


def test_the_frame_is_left_as_it_was():
    frame, y = rows(20, other=np.arange(20.0))
    before = frame.copy(deep=True)
    measure_importance(Metric.BRIER, told, frame.set_index(np.arange(20) % 3), y, seed=0)
    measure_importance(Metric.BRIER, told, frame, y, seed=0)
    pd.testing.assert_frame_equal(frame, before)


def test_inputs_of_on_demand_columns_are_permuted_and_named():
    model = declare_model()
    frame, label = make_rows(600)
    part = LabelledRows(frame, label.to_numpy())
    fitted = fit_estimator(model, prepare_rows(model, COLUMNS, part, part, 0), {}, 0)
    found = by_name(
        measure_importance(
            Metric.LOG_LOSS,
            lambda asked: predict_scores(model.task, fitted.pipeline, asked),
            frame,
            part.label,
            seed=0,
            on_demand={"hour_of_day": ("departure_ts",)},
            model_columns=COLUMNS,
        )
    )
    assert set(found) == {*frame.columns}
    assert found["weather__gust"].status is EvidenceStatus.ALL_NULL
    assert found["weather__wind"].increase > max(found[name].increase for name in ("carrier", "distance"))
    assert found["departure_ts"].name == "hour_of_day (from departure_ts)"
    assert not found["departure_ts"].is_model_column
    assert found["carrier"].name == "carrier"


def test_an_input_that_is_a_model_column_too_is_named_with_what_is_made_of_it():
    frame, y = rows(20)
    (column,) = measure_importance(
        Metric.BRIER, told, frame, y, seed=0, on_demand={"twice": ("told",)}, model_columns=("told", "twice")
    ).columns
    assert column.name == "told (and twice)"


@pytest.mark.parametrize(
    ("metric", "labels", "repeats"), [(Metric.ROC_AUC, 20, 1), (Metric.BRIER, 19, 1), (Metric.BRIER, 20, 0)]
)
def test_what_has_no_meaning_is_refused(metric, labels, repeats):
    frame, _ = rows(20)
    with pytest.raises(DistributionError):
        measure_importance(metric, told, frame, np.tile([0.0, 1.0], 10)[:labels], seed=0, repeats=repeats)


def test_one_repeat_has_no_spread():
    frame, y = rows(20)
    (column,) = measure_importance(Metric.BRIER, told, frame, y, seed=0, repeats=1).columns
    assert column.increase is not None
    assert column.spread is None

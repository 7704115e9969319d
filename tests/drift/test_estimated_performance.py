from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.config.metric import Task
from lakeloop.drift.estimated_performance import (
    MAX_CALIBRATION_ERROR,
    SCORES_SCHEMA,
    VersionCalibration,
    estimate_performance,
)
from lakeloop.errors import DistributionError
from lakeloop.statuses import EstimateStatus

CALIBRATED = VersionCalibration(0.01, True)


def make_scores(*cells):
    """Scored rows from (day, score bin, rows, mean score)."""
    told = [
        {"block": date(2013, 4, 1) + timedelta(days=day), "score_bin": place, "rows": rows, "sum_score": rows * score}
        for day, place, rows, score in cells
    ]
    return pa.Table.from_pylist(told, schema=SCORES_SCHEMA)


def estimate(*cells, calibration=CALIBRATED, target_rate=0.5):
    return estimate_performance(make_scores(*cells), calibration, target_rate)


def test_an_estimate_by_hand():
    found = estimate((0, 40, 30, 0.2), (1, 160, 10, 0.8), target_rate=0.25)
    log_loss = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))  # of both cells alike
    constant = -(0.35 * math.log(0.25) + 0.65 * math.log(0.75))
    assert (found.status, found.rows, found.days) == (EstimateStatus.ESTIMATED, 40, 2)
    assert found.metrics == {
        "mean_outcome": pytest.approx(14 / 40),
        "log_loss": pytest.approx(log_loss),
        "brier": pytest.approx(0.16),
        "skill": pytest.approx(1 - log_loss / constant),
        # 14 positives, 26 negatives: 8 above 24; 6 beside 24 and 8 beside 2 as ties
        "roc_auc": pytest.approx((8 * 24 + 6 * 24 / 2 + 8 * 2 / 2) / (14 * 26)),
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 199), st.integers(1, 50)),
        min_size=1,
        max_size=12,
        unique_by=lambda c: c[:2],
    )
)
@settings(max_examples=60, deadline=None)
def test_cells_give_what_their_rows_give(cells):
    """Written out row by row, and pair by pair."""
    found = estimate(*((day, place, rows, (place + 0.5) / 200) for day, place, rows in cells))
    p = np.concatenate([np.full(rows, (place + 0.5) / 200) for _, place, rows in cells])
    assert found.metrics["log_loss"] == pytest.approx(float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()))
    assert found.metrics["brier"] == pytest.approx(float((p * (1 - p)).mean()))
    assert found.metrics["mean_outcome"] == pytest.approx(float(p.mean()))
    above = (p[:, None] > p[None, :]) + (p[:, None] == p[None, :]) / 2
    pairs = p[:, None] * (1 - p[None, :])
    assert found.metrics["roc_auc"] == pytest.approx(float((above * pairs).sum() / pairs.sum()))
    assert 0 <= found.metrics["roc_auc"] <= 1


def test_cells_of_several_reads_add_up():
    whole = estimate((0, 40, 30, 0.2), (0, 160, 10, 0.8))
    parts = pa.concat_tables(
        [make_scores((0, 40, 10, 0.2), (0, 160, 4, 0.8)), make_scores((0, 40, 20, 0.2), (0, 160, 6, 0.8))]
    )
    found = estimate_performance(parts, CALIBRATED, 0.5)
    assert found.metrics == pytest.approx(whole.metrics)
    assert (found.rows, found.days) == (whole.rows, whole.days) == (40, 1)


def test_where_scores_are_true_the_estimate_is_what_comes():
    rng = np.random.default_rng(3)
    p = rng.beta(2, 5, 40_000)
    y = rng.random(40_000) < p
    places = np.minimum((p * 200).astype(int), 199)
    cells = [(0, int(at), int((places == at).sum()), float(p[places == at].mean())) for at in np.unique(places)]
    found = estimate(*cells).metrics
    assert found["log_loss"] == pytest.approx(float(-np.log(np.where(y, p, 1 - p)).mean()), abs=0.01)
    assert found["brier"] == pytest.approx(float(((p - y) ** 2).mean()), abs=0.005)
    assert found["mean_outcome"] == pytest.approx(float(y.mean()), abs=0.01)


def test_nothing_scored_is_no_number():
    found = estimate()
    assert (found.status, found.rows, found.days, found.metrics) == (EstimateStatus.NOTHING_SCORED, 0, 0, {})
    assert estimate((0, 40, 0, 0.0)).status is EstimateStatus.NOTHING_SCORED


@pytest.mark.parametrize(
    ("error", "is_sure", "status"),
    [
        (MAX_CALIBRATION_ERROR, True, EstimateStatus.ESTIMATED),
        (math.nextafter(MAX_CALIBRATION_ERROR, 1), True, EstimateStatus.NOT_CALIBRATED),
        (0.01, False, EstimateStatus.CALIBRATION_UNKNOWN),
        (None, False, EstimateStatus.CALIBRATION_UNKNOWN),
        (None, True, EstimateStatus.CALIBRATION_UNKNOWN),
    ],
)
def test_scores_that_are_no_probabilities_give_no_estimate(error, is_sure, status):
    found = estimate((0, 40, 30, 0.2), calibration=VersionCalibration(error, is_sure))
    assert found.status is status
    unsure = (EstimateStatus.CALIBRATION_UNKNOWN, EstimateStatus.NOT_CALIBRATED)
    assert (found.status in unsure) == (found.metrics == {})
    assert (found.rows, bool(found.metrics)) == (30, status is EstimateStatus.ESTIMATED)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (None, VersionCalibration(None, False)),
        ({}, VersionCalibration(None, False)),
        ({"metrics": [{"metric": "brier", "value": 0.1, "status": "OK"}]}, VersionCalibration(None, False)),
        (
            {"metrics": [{"metric": "calibration_error", "value": 0.03, "status": "TOO_FEW_BLOCKS"}]},
            VersionCalibration(0.03, False),
        ),
        (
            {"metrics": [{"metric": "calibration_error", "value": None, "status": "NO_ROWS"}]},
            VersionCalibration(None, False),
        ),
    ],
)
def test_a_calibration_that_was_not_logged_is_unknown(document, found):
    assert VersionCalibration.from_metrics(document) == found
    assert found.status is EstimateStatus.CALIBRATION_UNKNOWN


def test_certain_scores_have_no_loss_and_one_kind_of_label_no_area():
    found = estimate((0, 199, 10, 1.0))
    assert found.metrics["log_loss"] == found.metrics["brier"] == 0.0
    assert "roc_auc" not in found.metrics


@pytest.mark.parametrize("target_rate", [None, 0.0, 1.0])
def test_without_a_constant_there_is_no_skill(target_rate):
    assert "skill" not in estimate((0, 40, 30, 0.2), target_rate=target_rate).metrics


def test_a_score_that_is_no_probability_is_refused_and_rounding_is_not():
    with pytest.raises(DistributionError, match="outside"):
        estimate((0, 40, 10, 1.2))
    assert estimate((0, 199, 3, 1.0 + 1e-12)).metrics["log_loss"] == 0.0


def test_of_several_classes_only_the_accuracy_is_expected() -> None:
    cells = [
        {"block": date(2013, 4, 1), "score_bin": place, "rows": rows, "sum_score": rows * score}
        for place, rows, score in ((80, 10, 0.4), (180, 30, 0.9))
    ]
    table = pa.Table.from_pylist(cells, schema=SCORES_SCHEMA)
    found = estimate_performance(table, VersionCalibration(0.01, True), None, Task.MULTICLASS)
    assert found.status is EstimateStatus.ESTIMATED
    assert found.metrics == {"mean_outcome": pytest.approx((4 + 27) / 40)}
    unsure = estimate_performance(table, VersionCalibration(0.2, True), None, Task.MULTICLASS)
    assert (unsure.status, unsure.metrics) == (EstimateStatus.NOT_CALIBRATED, {})

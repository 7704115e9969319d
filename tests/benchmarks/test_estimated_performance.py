from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.estimated_performance import main, measure_deviation, pair_windows, render
from lakeloop.runs.context import Context
from lakeloop.schemas import ESTIMATED_PERFORMANCE
from tests.shared import finished_project

START = datetime(2013, 4, 1, tzinfo=UTC)


def row(week=0, value=0.5, **changes):
    """A row of either table; what only one of them has is left to the other."""
    start = START + timedelta(days=7 * week)
    told = {
        "model": "late",
        "model_version": "1",
        "window": {"start": start, "end": start + timedelta(days=7)},
        "metric": "log_loss",
        "value": value,
        "as_of": START + timedelta(days=60),
    }
    return told | changes


def estimated(week=0, value=0.5, **changes):
    return row(week, value, **({"status": "ESTIMATED", "rows_open": 0} | changes))


def realised(week=0, value=0.5, **changes):
    return row(week, value, **({"status": "OK", "slice_key": None, "slice_value": None, "rows": 40} | changes))


def waiting(week=0, rows=0, **changes):
    said = {"slice_key": "label_status", "slice_value": "PENDING", "metric": "share", "rows": rows}
    return row(week, 0.0, **({"status": "OK"} | said | changes))


def test_windows_are_paired_in_the_order_of_time():
    told = [realised(0, 0.6), waiting(0), realised(1, 0.3), waiting(1)]
    pairs = pair_windows([estimated(1, 0.4), estimated(0, 0.5, rows_open=3)], told)  # open then, closed when measured
    assert pairs == {("late", "log_loss"): [(0.5, 0.6), (0.4, 0.3)]}


def test_a_window_measured_while_labels_waited_is_no_pair():
    assert pair_windows([estimated()], [realised(), waiting(rows=2)]) == {}
    assert pair_windows([estimated()], [realised()]) == {}


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [
        (estimated(status="NOT_CALIBRATED", value=None), realised()),
        (estimated(), realised(status="TOO_FEW_BLOCKS")),
        (estimated(), realised(status="NOT_MATURED", value=None)),
        (estimated(), realised(slice_key="score")),
        (estimated(), realised(model_version="2")),
        (estimated(), realised(metric="brier")),
        (estimated(), realised(week=1)),
    ],
)
def test_what_does_not_belong_together_is_no_pair(estimate, truth):
    assert pair_windows([estimate], [truth, waiting(), waiting(1)]) == {}


def test_deviation_by_hand():
    found = measure_deviation("late", "log_loss", [(0.5, 0.4), (0.6, 0.6), (0.7, 0.8)])
    assert (found.windows, found.mean, found.mean_absolute) == (3, pytest.approx(0.0), pytest.approx(0.2 / 3))
    assert (found.unchanged, found.correlation) == (pytest.approx(0.2), pytest.approx(1.0))


def test_few_windows_or_equal_ones_have_no_correlation():
    assert math.isnan(measure_deviation("late", "brier", [(0.5, 0.4), (0.6, 0.6)]).correlation)
    assert math.isnan(measure_deviation("late", "brier", [(0.5, 0.4)] * 3).correlation)
    single = measure_deviation("late", "brier", [(0.5, 0.4)])
    assert math.isnan(single.unchanged)
    assert "| 1 | +0.1000 | 0.1000 | not known | not known |" in render([single], {"NOT_CALIBRATED": 2})
    assert "not estimated, NOT_CALIBRATED: 2 windows" in render([], {"NOT_CALIBRATED": 2})


@pytest.mark.loop
def test_it_runs_on_a_finished_workspace(capsys):
    """The small loop is badly calibrated or well: each window is either paired, open, or refused with its word."""
    config = finished_project()
    assert main([str(config.root)]) == 0
    said = capsys.readouterr().out
    rows = Context(config, START).lake.own_rows(ESTIMATED_PERFORMANCE, None)
    assert said.startswith("| model | metric |")
    is_paired = "| late | " in said
    assert is_paired == any(each["status"] == "ESTIMATED" for each in rows)
    assert {each["status"] for each in rows} <= {"ESTIMATED", "NOT_CALIBRATED", "CALIBRATION_UNKNOWN"}
    assert all((each["value"] is None) == (each["status"] != "ESTIMATED") for each in rows)
    assert all(f"not estimated, {each['status']}" in said for each in rows if each["status"] != "ESTIMATED")


def test_a_workspace_without_estimates_is_said(tmp_path, capsys):
    from tests.laws.small_loop import write_project

    write_project(tmp_path)
    assert main([str(tmp_path)]) == 1
    assert "nothing was estimated" in capsys.readouterr().out

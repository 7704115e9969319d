from __future__ import annotations

from datetime import timedelta

import pytest

from lakeloop.reporting.realised import keep_newest, read_windows, summarise
from tests.reporting.recordings import MAY, metric

WEEK = timedelta(days=7)


def test_read_windows_gathers_the_metrics_of_a_window() -> None:
    rows = [
        metric(MAY, "bias", 0.0125, lower=-0.01, upper=0.035),
        metric(MAY, "roc_auc", 0.75),
        metric(MAY, value=0.375, baseline=0.5),
        metric(MAY, value=9.0, slice_key="origin", slice_value="EWR"),
    ]
    (found,) = read_windows(rows, "log_loss")
    assert (found.loss, found.baseline, found.skill, found.auc) == (0.375, 0.5, 0.25, 0.75)
    assert (found.bias, found.bias_lower, found.bias_upper) == (0.0125, -0.01, 0.035)
    assert (found.start, found.end, found.rows, found.rows_void, found.closed_days) == (MAY - WEEK, MAY, 1000, 20, 7)


@pytest.mark.parametrize("status", ["NOT_MATURED", "TOO_FEW_BLOCKS"])
def test_read_windows_shows_no_figure_that_was_not_judged(status: str) -> None:
    (found,) = read_windows([metric(MAY, status=status, value=0.375)], "log_loss")
    assert (found.status, found.loss, found.baseline, found.skill) == (status, None, None, None)


def test_read_windows_keeps_a_window_on_which_nothing_was_measured() -> None:
    (found,) = read_windows([metric(MAY, "none", None, status="NOT_MATURED", rows=0)], "log_loss")
    assert (found.status, found.rows, found.loss) == ("NOT_MATURED", 0, None)


def test_keep_newest_takes_the_last_evaluation_of_a_window_and_version() -> None:
    rows = [
        metric(MAY, value=0.4, as_of=MAY + WEEK),
        metric(MAY, value=0.3, as_of=MAY),
        metric(MAY, value=0.2, as_of=MAY, model_version="2"),
    ]
    assert [(each.version, each.loss) for each in keep_newest(read_windows(rows, "log_loss"))] == [
        ("1", 0.4),
        ("2", 0.2),
    ]


def test_summarise_weighs_by_rows() -> None:
    rows = [
        metric(MAY - WEEK, value=0.25, baseline=0.5, rows=3000, as_of=MAY),
        metric(MAY, value=0.5, baseline=1.0, rows=1000, as_of=MAY),
        metric(MAY - WEEK, "bias", 0.5, rows=3000, as_of=MAY),
        metric(MAY, "bias", -0.5, rows=1000, as_of=MAY),
    ]
    found = summarise(read_windows(rows, "log_loss"))
    assert (found.loss, found.baseline, found.bias) == (0.3125, 0.625, 0.25)
    assert (found.skill, found.rows, found.judged, found.unjudged) == (0.5, 4000, 2, ())


def test_summarise_counts_no_row_twice() -> None:
    month = {"start": MAY - 4 * WEEK, "end": MAY}
    rows = [metric(MAY, value=0.25), metric(MAY, value=0.375, window=month, rows=4000)]
    found = summarise(read_windows(rows, "log_loss"))
    assert (found.loss, found.rows, found.judged) == (0.375, 4000, 1)


def test_summarise_names_what_was_not_judged() -> None:
    rows = [
        metric(MAY - 2 * WEEK, status="NOT_MATURED", as_of=MAY),
        metric(MAY - WEEK, status="NOT_MATURED", as_of=MAY),
        metric(MAY, status="TOO_FEW_BLOCKS"),
    ]
    found = summarise(read_windows(rows, "log_loss"))
    assert found.unjudged == ("2 NOT_MATURED", "1 TOO_FEW_BLOCKS")
    assert (found.loss, found.judged) == (None, 0)


def test_summarise_compares_loss_and_baseline_on_the_same_windows() -> None:
    rows = [metric(MAY - WEEK, value=0.25, baseline=None, as_of=MAY), metric(MAY, value=0.375, baseline=0.5)]
    found = summarise(read_windows(rows, "log_loss"))
    assert (found.loss, found.baseline, found.judged) == (0.375, 0.5, 2)
    alone = summarise(read_windows(rows[:1], "log_loss"))
    assert (alone.loss, alone.baseline, alone.skill) == (0.25, None, None)


def test_summarise_of_windows_without_rows_has_no_figures() -> None:
    found = summarise(read_windows([metric(MAY, rows=0)], "log_loss"))
    assert (found.loss, found.rows) == (None, 0)

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.chart import HEIGHT, WIDTH, draw_losses
from lakeloop.reporting.realised import read_windows
from lakeloop.reporting.recorded import Recorded
from tests.reporting.recordings import ABOUT, MAY, metric, promotion

WEEK = timedelta(days=7)


def test_lines_go_from_the_first_to_the_last_window() -> None:
    windows = read_windows([metric(MAY, value=0.25), metric(MAY + WEEK, value=0.5)], "log_loss")
    chart = draw_losses(windows, [])
    assert chart is not None
    model, constant = chart.lines
    assert [dot.x for dot in model.dots] == [chart.left, chart.right]
    assert model.dots[0].y > model.dots[1].y == constant.dots[1].y, "a greater loss stands higher"
    assert model.stretches == (f"{model.dots[0].x},{model.dots[0].y} {model.dots[1].x},{model.dots[1].y}",)


def test_a_window_that_was_not_judged_breaks_the_line() -> None:
    rows = [metric(MAY + week * WEEK, status="NOT_MATURED" if week == 2 else "OK") for week in range(5)]
    chart = draw_losses(read_windows(rows, "log_loss"), [])
    assert chart is not None
    assert [len(stretch.split()) for stretch in chart.lines[0].stretches] == [2, 2]
    assert len(chart.lines[0].dots) == 4


def test_one_window_and_equal_values_stay_inside() -> None:
    chart = draw_losses(read_windows([metric(MAY, value=0.5, baseline=0.5)], "log_loss"), [])
    assert chart is not None
    (dot,) = chart.lines[0].dots
    assert 0 < dot.x < WIDTH
    assert 0 < dot.y < HEIGHT
    assert chart.lines[0].stretches == ()


def test_nothing_judged_is_no_chart() -> None:
    assert draw_losses([], []) is None
    assert draw_losses(read_windows([metric(MAY, status="NOT_MATURED")], "log_loss"), []) is None


def test_only_promotions_inside_the_time_shown_are_marked() -> None:
    rows = [metric(MAY), metric(MAY + 2 * WEEK)]
    ledger = [promotion(MAY - WEEK, "1"), promotion(MAY + WEEK, "2"), promotion(MAY + WEEK, "3", "rejected")]
    part = assemble_model(ABOUT, Recorded(performance=rows, promotions=ledger))
    chart = draw_losses(part.windows, part.promotions)
    assert chart is not None
    assert [mark.label for mark in chart.marks] == ["v2"]


def test_labels_do_not_run_into_each_other() -> None:
    chart = draw_losses(read_windows([metric(MAY + week * WEEK) for week in range(52)], "log_loss"), [])
    assert chart is not None
    places = [tick.at for tick in chart.x_ticks]
    assert all(later - earlier >= 90 for earlier, later in pairwise(places))
    assert places[-1] == chart.right

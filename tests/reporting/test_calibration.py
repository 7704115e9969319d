from __future__ import annotations

from datetime import timedelta

from lakeloop.reporting.calibration import Calibration, ScoreStretch, pool_calibration
from tests.reporting.recordings import APRIL, JUNE, MAY, metric, stretch

WEEK = timedelta(days=7)


def test_windows_are_pooled_by_their_rows() -> None:
    rows = [*stretch(MAY, "0.2 to 0.3", 0.25, 0.25, rows=100), *stretch(MAY + WEEK, "0.2 to 0.3", 0.2, 0.5, rows=300)]
    found = pool_calibration(rows)
    assert (found.version, found.start, found.end, found.windows) == ("1", MAY - WEEK, MAY + WEEK, 2)
    assert found.stretches == (ScoreStretch("0.2 to 0.3", 400, (25 + 60) / 400, (25 + 150) / 400),)


def test_only_the_version_evaluated_last_is_shown() -> None:
    rows = [*stretch(MAY, "0.2 to 0.3", 0.25, 0.25), *stretch(JUNE, "0.5 to 0.6", 0.5, 0.75, model_version="2")]
    found = pool_calibration(rows)
    assert (found.version, [each.name for each in found.stretches]) == ("2", ["0.5 to 0.6"])


def test_the_newest_evaluation_of_a_window_counts() -> None:
    rows = [
        *stretch(APRIL, "0.2 to 0.3", 0.25, 0.25, as_of=MAY),
        *stretch(APRIL, "0.2 to 0.3", 0.25, 0.5, as_of=JUNE),
    ]
    assert pool_calibration(rows).stretches == (ScoreStretch("0.2 to 0.3", 400, 0.25, 0.5),)


def test_a_window_that_overlaps_a_newer_one_is_left_out() -> None:
    half = timedelta(days=3)
    rows = [*stretch(MAY, "0.2 to 0.3", 0.25, 0.25), *stretch(MAY + half, "0.2 to 0.3", 0.25, 0.5)]
    assert pool_calibration(rows).stretches == (ScoreStretch("0.2 to 0.3", 400, 0.25, 0.5),)


def test_what_was_not_judged_is_no_calibration() -> None:
    assert pool_calibration([metric(MAY)]) == Calibration()
    assert pool_calibration(stretch(MAY, "0.2 to 0.3", 0.25, 0.25, status="TOO_FEW_BLOCKS")) == Calibration()

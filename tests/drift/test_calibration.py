from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from lakeloop.drift.calibration import EDGES, CalibrationBin, calibrate
from lakeloop.drift.performance import OUTCOMES_SCHEMA
from lakeloop.runs.monitor_counts import SCORE_BINS


def cells(*rows: tuple[int, int, float, int, float]) -> pa.Table:
    """Cells of day, score bin, label, rows and sum of scores."""
    losses = {"sum_loss": 0.0, "sum_baseline_loss": 0.0, "sum_squared_error": 0.0}
    content = [
        {"block": date(2013, 4, day), "score_bin": score_bin, "label": label, "rows": n, "sum_score": total, **losses}
        for day, score_bin, label, n, total in rows
    ]
    return pa.Table.from_pylist(content, schema=OUTCOMES_SCHEMA)


def test_predicted_and_realised_share_by_hand() -> None:
    found = calibrate(
        cells((1, 40, 0.0, 30, 6.0), (1, 40, 1.0, 10, 2.0), (2, 59, 1.0, 10, 3.0), (2, 60, 1.0, 5, 1.75)), 200
    )
    assert found == (
        CalibrationBin(0.2, 0.3, 50, 2, pytest.approx(11 / 50), pytest.approx(20 / 50)),
        CalibrationBin(0.3, 0.4, 5, 1, pytest.approx(0.35), 1.0),
    )
    assert [each.name for each in found] == ["0.2 to 0.3", "0.3 to 0.4"]


@pytest.mark.parametrize(
    ("score_bin", "lower", "upper"),
    [(0, 0.0, 0.01), (1, 0.0, 0.01), (2, 0.01, 0.02), (19, 0.05, 0.1), (20, 0.1, 0.2), (199, 0.99, 1.0)],
)
def test_a_score_on_an_edge_belongs_above_it(score_bin: int, lower: float, upper: float) -> None:
    (found,) = calibrate(cells((1, score_bin, 0.0, 1, 0.5)), 200)
    assert (found.lower, found.upper) == (lower, upper)


def test_no_rows_is_no_stretch() -> None:
    assert calibrate(cells(), 200) == ()
    assert calibrate(cells((1, 40, 0.0, 0, 0.0)), 200) == ()


def test_every_edge_is_an_edge_of_the_monitors_score_bins() -> None:
    assert all(abs(edge * SCORE_BINS - round(edge * SCORE_BINS)) < 1e-9 for edge in EDGES)

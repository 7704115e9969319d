from __future__ import annotations

from datetime import timedelta

from lakeloop.reporting.drift import tabulate
from lakeloop.reporting.judgements import DriftTable
from tests.reporting.recordings import MAY, drift

WEEK = timedelta(days=7)


def test_tabulate_shows_what_drifted_first() -> None:
    rows = [
        drift("stable", MAY),
        drift("seasonal", MAY, "RECORDED", role="seasonal"),
        drift("regime", MAY, "DRIFT"),
        drift("contract", MAY, "DRIFT", role="contract"),
        drift("twice", MAY, "DRIFT"),
        drift("twice", MAY - WEEK, "DRIFT"),
        drift("unknown", MAY, "UNKNOWN", status="ALL_NULL"),
        drift("before", MAY - WEEK, "DRIFT"),
        drift("before", MAY),
    ]
    found = [row.column for row in tabulate(rows, features=True).rows]
    assert found == ["twice", "contract", "regime", "unknown", "before", "stable", "seasonal"]


def test_tabulate_keeps_the_last_windows_oldest_first() -> None:
    rows = [drift("distance", MAY + week * WEEK, statistic=float(week)) for week in range(6)]
    found = tabulate(rows, features=True, max_windows=3)
    assert [window.end for window in found.windows] == [MAY + week * WEEK for week in (3, 4, 5)]
    assert [cell and cell.statistic for cell in found.rows[0].cells] == [3.0, 4.0, 5.0]


def test_tabulate_keeps_a_place_for_a_window_that_says_nothing() -> None:
    found = tabulate([drift("new", MAY), drift("old", MAY - WEEK)], features=True)
    cells = {row.column: [cell is not None for cell in row.cells] for row in found.rows}
    assert cells == {"new": [False, True], "old": [True, False]}


def test_tabulate_takes_the_newest_evaluation() -> None:
    rows = [drift("distance", MAY, "DRIFT", as_of=MAY + WEEK), drift("distance", MAY, "STABLE", as_of=MAY)]
    (row,) = tabulate(rows, features=True).rows
    assert [cell and cell.verdict for cell in row.cells] == ["DRIFT"]


def test_tabulate_parts_features_from_outputs_and_leaves_slices_out() -> None:
    rows = [
        drift("distance", MAY),
        drift("distance", MAY, slice_key="origin", slice_value="EWR", statistic=9.0),
        drift("score", MAY, kind="prediction"),
        drift("label", MAY, kind="target", evidence='{"window_rate": 0.25, "shares": [1, 2]}'),
    ]
    assert [row.column for row in tabulate(rows, features=True).rows] == ["distance"]
    outputs = tabulate(rows, features=False)
    assert {row.kind: row.cells[0] and row.cells[0].evidence for row in outputs.rows} == {
        "prediction": "",
        "target": "window rate 0.25",
    }


def test_tabulate_of_nothing_is_empty() -> None:
    assert tabulate([], features=True) == DriftTable()

from __future__ import annotations

import pytest

from lakeloop.reporting.slices import MAX_MOVED, MAX_SLICES, assemble_slices, say_moved, say_slices
from tests.reporting.recordings import JUNE, MAY, drift, metric, slice_metrics, stretch


def test_the_newest_window_is_shown_worst_first() -> None:
    rows = [
        *slice_metrics(MAY, "origin", "EWR", 0.25, rank=1),
        *slice_metrics(JUNE, "origin", "EWR", 0.0125),
        *slice_metrics(JUNE, "origin", "LGA", None, rows=12, status="TOO_FEW_ROWS"),
        *slice_metrics(JUNE, "distance", "<= 100", 0.125, rank=2),
        *slice_metrics(JUNE, "origin", "JFK", -0.25, rank=1),
        *slice_metrics(JUNE, "origin", "HPN", -0.0625),
    ]
    found = assemble_slices(rows, [], {})
    assert [(each.name, each.bias, each.rank) for each in found.measured] == [
        ("origin = JFK", -0.25, 1),
        ("distance = <= 100", 0.125, 2),
        ("origin = HPN", -0.0625, None),
        ("origin = EWR", 0.0125, None),
        ("origin = LGA", None, None),
    ]
    assert (found.end, found.total, found.small) == (JUNE, 4, 1)
    assert say_slices(found) == (
        "Worst is origin = JFK: its answers were 0.25 too low on average (interval -0.3 to -0.2, 400 answers). "
        "Beyond doubt, too: distance = <= 100. Of the other 2 none is beyond doubt. 1 had too few answers to say "
        "anything."
    )


def test_a_second_evaluation_of_a_window_replaces_the_first() -> None:
    early = slice_metrics(MAY, "origin", "JFK", 0.25, as_of=MAY)
    late = slice_metrics(MAY, "origin", "JFK", 0.125, as_of=JUNE)
    assert [each.bias for each in assemble_slices([*late, *early], [], {}).measured] == [0.125]


def test_what_is_no_slice_of_the_rows_is_left_out() -> None:
    delay = metric(JUNE, "delay_seconds_p50", 60.0, slice_key="label_status", slice_value="MATURED")
    rows = [metric(JUNE), delay, *stretch(JUNE, "0.1 to 0.2", 0.15, 0.125)]
    assert assemble_slices(rows, [drift("distance", JUNE)], {}) == assemble_slices([], [], {})
    assert say_slices(assemble_slices(rows, [], {})) == say_moved(assemble_slices([], [], {})) == ""


def test_without_a_bias_beyond_doubt_the_sentence_says_so() -> None:
    rows = [row for value in ("EWR", "JFK") for row in slice_metrics(JUNE, "origin", value, 0.01)]
    assert say_slices(assemble_slices(rows, [], {})) == "No slice has a bias beyond doubt: 2 slices were measured."


def test_many_slices_are_counted_and_the_worst_are_shown() -> None:
    rows = [row for number in range(40) for row in slice_metrics(JUNE, "origin", f"A{number:02}", number / 128)]
    found = assemble_slices(rows, [], {})
    assert [each.value for each in found.measured] == [f"A{number:02}" for number in range(39, 39 - MAX_SLICES, -1)]
    assert say_slices(found) == "No slice has a bias beyond doubt: 40 slices were measured."


def test_what_moved_is_ordered_by_the_columns_own_thresholds() -> None:
    in_jfk = {"slice_key": "origin", "slice_value": "JFK"}
    rows = [
        drift("carrier", JUNE, "RECORDED", test="total_variation", statistic=0.25, **in_jfk),
        drift("distance", JUNE, "RECORDED", statistic=0.5, **in_jfk),
        drift("hour", JUNE, "RECORDED", statistic=0.75, **in_jfk),
        drift("gust", JUNE, "UNKNOWN", statistic=None, status="TOO_FEW_ROWS", **in_jfk),
        drift("distance", MAY, "RECORDED", statistic=9.0, **in_jfk),
    ]
    found = assemble_slices([], rows, {"carrier": 0.0625, "distance": 0.25})
    assert [(each.column, each.times) for each in found.moved] == [("carrier", 4.0), ("distance", 2.0), ("hour", None)]
    assert say_moved(found) == (
        "Within slices carrier moved most, where origin = JFK: total_variation 0.25, 4 times its threshold over all "
        "rows."
    )
    many = [drift(f"f{number}", JUNE, "RECORDED", statistic=0.1, **in_jfk) for number in range(99)]
    assert len(assemble_slices([], many, {}).moved) == MAX_MOVED


@pytest.mark.parametrize("hidden", [{"origin"}, {"origin", "distance"}])
def test_of_a_slicing_that_says_something_of_a_person_the_name_alone_is_told(hidden: set[str]) -> None:
    rows = slice_metrics(JUNE, "origin", "ada", 0.25, rank=1)
    moved = [drift("distance", JUNE, "RECORDED", slice_key="origin", slice_value="ada")]
    found = assemble_slices(rows, moved, {}, hidden)
    assert (found.measured, found.moved, found.hidden) == ((), (), ("origin",))
    assert "ada" not in repr(found)

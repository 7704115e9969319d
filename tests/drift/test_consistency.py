"""How served values are compared with the offline ones."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from lakeloop.drift.consistency import compare_served
from lakeloop.statuses import ServedVerdict

NAN, INF = math.nan, math.inf
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("served", "offline", "counts"),
    [
        (1.0, 1.0 + 1e-10, (0, 0, 0)),  # sums are taken in another order
        (1e12, 1e12 + 1.0, (0, 0, 0)),  # likewise, relative to their size
        (1.0, 1.00001, (0, 0, 1)),
        (NAN, None, (0, 0, 0)),  # NaN is no value
        (None, 1.0, (1, 0, 0)),
        (NAN, 1.0, (1, 0, 0)),
        (1.0, None, (0, 1, 0)),
        (1, 1.0, (0, 0, 0)),
        (True, False, (0, 0, 1)),
        (INF, INF, (0, 0, 0)),
        (INF, 1.0, (0, 0, 1)),
        ("EWR", "JFK", (0, 0, 1)),
        (NOON, NOON, (0, 0, 0)),
    ],
)
def test_a_value_is_the_same_missing_extra_or_another(served, offline, counts):
    found = compare_served([served], [offline], [False])
    assert (found.missing, found.extra, found.mismatch) == counts
    assert found.verdict is (ServedVerdict.SKEWED if any(counts) else ServedVerdict.CONSISTENT)


def test_what_was_marked_is_told_apart_from_what_was_served_as_right():
    found = compare_served([1.0, None, 5.0], [2.0, 1.0, 5.0], [True, True, True])
    assert (found.missing, found.extra, found.mismatch) == (0, 0, 0)
    assert (found.marked, found.marked_different) == (3, 2)
    assert found.verdict is ServedVerdict.STALE


def test_the_size_of_differences_is_told_of_numbers_only():
    found = compare_served([1.0, 4.0, None, "a"], [2.0, 1.0, 9.0, "b"], [False] * 4)
    assert (found.mean_difference, found.max_difference) == (2.0, 3.0)
    assert compare_served(["a"], ["b"], [False]).max_difference is None


def test_no_rows_are_no_pass():
    assert compare_served([], [], []).verdict is ServedVerdict.UNKNOWN

"""What is recorded of a column besides its verdict: every other statistic, deltas, new and vanished categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lakeloop.distances import DISTANCES, TESTS
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.thresholds import to_shares


@dataclass(frozen=True)
class Categories:
    """Categories of a window that the reference does not know, and those of the reference that it lacks.

    Attributes:
        other: Share of the window's rows in OTHER: categories that the reference never saw, or that were too rare there
            for a bin of their own.
        reference_other: The same of the reference; 0 where each of its categories has a bin: all of OTHER is new then.
        vanished: Categories with at least `least` of the reference's rows and no row in the window, the most frequent
            first.
        least: Least share of the reference's rows from which on a category is missed.
    """

    other: float
    reference_other: float
    vanished: tuple[str, ...]
    least: float

    def to_dict(self) -> dict[str, Any]:
        """Write as JSON values.

        >>> Categories(0.1, 0.0, ("JFK",), 0.01).to_dict()
        {'other': 0.1, 'reference_other': 0.0, 'vanished': ['JFK'], 'least': 0.01}
        """
        return {
            "other": self.other,
            "reference_other": self.reference_other,
            "vanished": list(self.vanished),
            "least": self.least,
        }


def compare_categories(column: ColumnCounts, least: float) -> Categories | None:
    """Tell which categories are new and which are gone.

    Args:
        column: The column in the reference and in the window, with rows in both.
        least: Least share of the reference's rows, in (0, 1], from which on a category is missed.

    Returns:
        What was found; None of a number.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> bins = ColumnBins("origin", "category", categories=("EWR", "JFK", "LGA"))
    >>> column = ColumnCounts(bins, np.array([[60, 39, 1, 0, 0]]), np.array([90, 0, 0, 10, 0]))
    >>> compare_categories(column, least=0.05)
    Categories(other=0.1, reference_other=0.0, vanished=('JFK',), least=0.05)
    """
    if column.bins.kind != "category":
        return None
    before, now = to_shares(column.reference_rows), to_shares(column.window)
    known = len(column.bins.categories)
    gone = np.flatnonzero((before[:known] >= least) & (column.window[:known] == 0))
    ranked = sorted(gone.tolist(), key=lambda place: (-before[place], place))
    vanished = tuple(column.bins.categories[place] for place in ranked)
    return Categories(float(now[known]), float(before[known]), vanished, least)


def record_statistics(column: ColumnCounts) -> dict[str, Any]:
    """Compute every statistic that has a column of its own in `monitoring.drift_metrics`.

    Args:
        column: The column in the reference and in the window, with rows in both.

    Returns:
        Table column -> value; None where a statistic does not apply or is not known.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> bins = ColumnBins("origin", "category", categories=("EWR", "JFK"))
    >>> column = ColumnCounts(bins, np.array([[50, 50, 0, 0]]), np.array([20, 80, 0, 0]))
    >>> found = record_statistics(column)
    >>> round(found["tv_distance"], 4), found["ks_test"], round(found["chi_squared_test"].statistic, 4)
    (0.3, None, 19.7802)
    """
    found: dict[str, Any] = {
        distance.table_column: column.measure(distance)
        for distance in DISTANCES.values()
        if distance.table_column is not None
    }
    for test in TESTS.values():
        applies = column.bins.kind in test.kinds
        found[test.table_column] = test.of(column.reference_rows, column.window) if applies else None
    return found


def record_deltas(column: ColumnCounts, *, window_days: int) -> dict[str, float | None]:
    """Compute how a window's plain figures differ from the reference's.

    Args:
        column: The column in the reference and in the window, with rows in both.
        window_days: Days with rows in the window.

    Returns:
        Table column -> value: rows less those of as many days of the reference, at its mean; difference of the means;
        difference of the missing shares in percentage points.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> bins = ColumnBins("seats", "number", edges=(100.0,))
    >>> column = ColumnCounts(bins, np.array([[50, 50, 0]] * 4), np.array([100, 50, 50]), sums=(32000.0, 11250.0))
    >>> record_deltas(column, window_days=3)
    {'count_delta': -100.0, 'avg_delta': -5.0, 'percent_null_delta': 25.0}
    """
    before, now = column.reference_rows, column.window
    expected = float(before.sum()) * window_days / len(column.daily)
    nulls = [float(rows[-1]) / float(rows.sum()) for rows in (before, now)]
    mean_before, mean_now = column.means
    return {
        "count_delta": float(now.sum()) - expected,
        "avg_delta": None if mean_before is None or mean_now is None else mean_now - mean_before,
        "percent_null_delta": 100 * (nulls[1] - nulls[0]),
    }

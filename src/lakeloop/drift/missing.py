"""Missing values of a window against the reference's: by share of rows, apart from the column's statistic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lakeloop.distances.distance import Distance, Shares
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.thresholds import Threshold, resample_threshold, to_shares

LEAST_JUMP_POINTS = 5.0
"""Least difference of the missing shares that is a jump, percentage points."""

_ROUNDING = 1e-9


def _differences(expected: Shares, actual: Shares) -> Shares:
    return np.asarray(np.abs(actual[..., -1] - expected[..., -1]))


MISSING = Distance(
    name="missing_share",
    description="difference of the missing shares, share of rows",
    min_effect=LEAST_JUMP_POINTS / 100,
    along=_differences,
)
"""How far the missing shares lie apart. A statistic like PSI weighs five points by how many were missing before."""


@dataclass(frozen=True)
class Missing:
    """The missing share of a window beside the reference's.

    Attributes:
        share: Share of the window's rows without a value, 0 to 1.
        reference_share: The same of the reference.
        threshold: What the difference was held against, never below five points; None when it was not judged.

    >>> found = Missing(share=0.15, reference_share=0.10, threshold=None)
    >>> round(found.difference_points, 6), found.jumped
    (5.0, None)
    """

    share: float
    reference_share: float
    threshold: Threshold | None

    @property
    def difference_points(self) -> float:
        """Share of the window less the reference's, percentage points."""
        return 100 * (self.share - self.reference_share)

    @property
    def jumped(self) -> bool | None:
        """Whether the shares lie at least the threshold apart, either way; None when it was not judged."""
        if self.threshold is None:
            return None
        return abs(self.difference_points) >= 100 * self.threshold.value - _ROUNDING

    def to_dict(self) -> dict[str, Any]:
        """Write as JSON values.

        >>> Missing(0.5, 0.25, None).to_dict()["difference_points"]
        25.0
        """
        return {
            "share": self.share,
            "reference_share": self.reference_share,
            "difference_points": self.difference_points,
            "threshold_points": None if self.threshold is None else 100 * self.threshold.value,
            "jumped": self.jumped,
            "resampled": None if self.threshold is None else asdict(self.threshold),
        }


def compare_missing(
    column: ColumnCounts,
    *,
    stretch_days: int,
    level: float | None,
    seed: int,
    hits: int = 1,
    windows: int = 1,
) -> Missing:
    """Compare the missing share of a window with the reference's.

    The threshold is made as every other: five points, or what the reference's own stretches of days differ by, where
    that is more.

    Args:
        column: The column in the reference and in the window, with rows in both.
        stretch_days: Days with rows in the window.
        level: Chance of a false alarm, in (0, 1), where the reference is long enough for a threshold; None to compare
            without judging.
        seed: Seed of the resampling.
        hits: Windows that have to alarm before there is a flag.
        windows: Windows that are looked at for that.

    Returns:
        Both shares, with the threshold where there is one.

    >>> from lakeloop.drift.bins import ColumnBins
    >>> bins = ColumnBins("seats", "number", edges=(100.0,))
    >>> column = ColumnCounts(bins, np.array([[45, 45, 10]] * 28), np.array([294, 294, 112]))  # 10 % and 16 %
    >>> found = compare_missing(column, stretch_days=7, level=0.05, seed=0)
    >>> round(found.difference_points, 6), found.threshold.value, found.jumped
    (6.0, 0.05, True)
    """
    threshold = None
    if level is not None:
        threshold = resample_threshold(
            MISSING,
            column.daily,
            stretch_days=stretch_days,
            window_rows=int(column.window.sum()),
            level=level,
            min_effect=MISSING.min_effect,
            column=f"{column.bins.name} missing",
            seed=seed,
            hits=hits,
            windows=windows,
        )
    before, now = to_shares(column.reference_rows), to_shares(column.window)
    return Missing(float(now[-1]), float(before[-1]), threshold)

"""One column, counted in the reference and in a window: what every statistic of it is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lakeloop.distances.distance import Binned, Distance
from lakeloop.drift.binned import bin_numbers
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import DailyCounts
from lakeloop.drift.reference import Reference
from lakeloop.drift.thresholds import Placed, place_shares


@dataclass(frozen=True, eq=False)
class ColumnCounts:
    """A column's rows in the reference and in a window, with the sums of its values where it is a number.

    Attributes:
        bins: Its bins.
        daily: Rows per day and bin of the reference, shape [n_blocks, n_bins].
        window: Rows per bin of the window, shape [n_bins].
        daily_totals: Sums of the finite values per day and bin, shape [n_blocks, n_bins]; None where the reference
            does not hold them, and of categories.
        window_totals: The same of the window, shape [n_bins].
        unit: Standard deviation of the reference's values; None where it is 0 or the reference does not hold it.
        sums: Sums of the finite values of the whole reference and of the window; None where the reference does not hold
            them, and of categories.

    >>> bins = ColumnBins("seats", "number", edges=(100.0,))
    >>> column = ColumnCounts(bins, np.array([[5, 5, 0], [5, 5, 10]]), np.array([8, 2, 0]))
    >>> column.reference_rows.tolist(), column.placed(column.window, np.zeros(3)).shares.tolist()
    ([10, 10, 10], [0.8, 0.2, 0.0])
    """

    bins: ColumnBins
    daily: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]
    daily_totals: npt.NDArray[np.float64] | None = None
    window_totals: npt.NDArray[np.float64] | None = None
    unit: float | None = None
    sums: tuple[float, float] | None = None

    @classmethod
    def of(cls, reference: Reference, window: DailyCounts, bins: ColumnBins) -> ColumnCounts | None:
        """Take a column out of a reference and a window.

        Args:
            reference: The reference.
            window: The window's counts, made with its bins.
            bins: The column's bins.

        Returns:
            The column; None where one of them has no row of it.
        """
        daily, counts = reference.counts.get(bins.name), window.rows.get(bins.name)
        if daily is None or counts is None:
            return None
        totals, sums = window.bin_totals.get(bins.name), reference.totals.get(bins.name)
        return cls(
            bins,
            daily,
            np.asarray(counts.sum(axis=0)),
            reference.bin_totals.get(bins.name),
            None if totals is None else np.asarray(totals.sum(axis=0)),
            reference.deviations.get(bins.name) or None,
            None if totals is None or sums is None else (float(sums.sum()), float(totals.sum())),
        )

    @property
    def reference_rows(self) -> npt.NDArray[np.int64]:
        """Rows per bin of the whole reference, shape [n_bins]."""
        return np.asarray(self.daily.sum(axis=0))

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Mean of the reference's values and of the window's; None without values or their sums, and of categories."""
        if self.sums is None:
            return None, None
        values = [int(rows[:-1].sum()) for rows in (self.reference_rows, self.window)]
        before, now = (total / rows if rows else None for total, rows in zip(self.sums, values, strict=True))
        return before, now

    @property
    def placed(self) -> Placed:
        """How rows and sums of the column become what distances compare."""
        if self.daily_totals is None or self.window_totals is None:
            return place_shares
        return lambda rows, totals: bin_numbers(self.bins, rows, totals, self.unit)

    @property
    def sides(self) -> tuple[Binned, Binned]:
        """The reference and the window as distances compare them; each has a row."""
        none = np.zeros(self.bins.n_bins)
        before = none if self.daily_totals is None else self.daily_totals.sum(axis=0)
        now = none if self.window_totals is None else self.window_totals
        return self.placed(self.reference_rows, before), self.placed(self.window, now)

    def seen_by(self, distance: Distance) -> ColumnCounts:
        """Give what a distance looks at.

        Args:
            distance: The distance.

        Returns:
            The column; for a distance that leaves nulls out without them, and without days that have no value.

        >>> from lakeloop.distances import DISTANCES
        >>> bins = ColumnBins("seats", "number", edges=(100.0,))
        >>> column = ColumnCounts(bins, np.array([[5, 5, 0], [0, 0, 10]]), np.array([8, 2, 4]))
        >>> seen = column.seen_by(DISTANCES["ks"])
        >>> seen.daily.tolist(), seen.window.tolist()
        ([[5, 5, 0]], [8, 2, 0])
        """
        if not distance.nulls_apart:
            return self
        daily, window = self.daily.copy(), self.window.copy()
        daily[:, -1], window[-1] = 0, 0
        has_values = daily.sum(axis=1) > 0
        totals = None if self.daily_totals is None else self.daily_totals[has_values]
        return replace(self, daily=daily[has_values], window=window, daily_totals=totals)

    def measure(self, distance: Distance) -> float | None:
        """Compute a distance between the reference and the window.

        Args:
            distance: The distance.

        Returns:
            Its value; None where it can't be told of such a column, a side has nothing that it looks at, or the
            reference does not hold what it needs: that of an earlier lakeloop, and of a constant column, which has no
            unit.

        >>> from lakeloop.distances import DISTANCES
        >>> bins = ColumnBins("seats", "number", edges=(100.0,))
        >>> column = ColumnCounts(bins, np.array([[5, 5, 0]]), np.array([8, 2, 0]))
        >>> [column.measure(DISTANCES[name]) for name in ("total_variation", "wasserstein")]
        [0.30000000000000004, None]
        """
        if self.bins.kind not in distance.kinds:
            return None
        seen = self.seen_by(distance)
        if not seen.daily.sum() or not seen.window.sum():
            return None
        before, now = seen.sides
        if distance.needs_values and (before.means is None or not before.unit):
            return None
        return float(distance.compare(before, now))

"""One verdict per column and window, with the evidence to recompute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.config.monitor import Monitor
from lakeloop.distances import DISTANCES
from lakeloop.distances.distance import Shares
from lakeloop.drift.bins import BinKind, ColumnBins
from lakeloop.drift.counts import lay_out_daily
from lakeloop.drift.reference import Reference
from lakeloop.drift.thresholds import (
    MIN_DISJOINT_STRETCHES,
    reachable,
    resample_threshold,
    to_shares,
)
from lakeloop.errors import DistributionError
from lakeloop.statuses import Role, Status, Verdict


@dataclass(frozen=True)
class ColumnVerdict:
    """What a window says about one column.

    Attributes:
        column: The column.
        kind: How its values are binned.
        role: What an alarm on it means.
        statistic: Name of the distance declared for its kind.
        value: The statistic, nats or a share; None when there was nothing to compute it from.
        threshold: What it was held against; None when it was not judged.
        min_effect: Least statistic that is called drift.
        status: Whether the column could be judged.
        verdict: DRIFT or STABLE; RECORDED for a seasonal column; UNKNOWN whenever the status is not OK.
        rows: Rows of the window.
        null_fraction: Share of them without a value, 0 to 1; None without rows.
        evidence: JSON values from which the verdict can be recomputed.
    """

    column: str
    kind: BinKind
    role: Role
    statistic: str
    value: float | None
    threshold: float | None
    min_effect: float
    status: Status
    verdict: Verdict
    rows: int
    null_fraction: float | None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def judge_window(
    reference: Reference,
    counts: pa.Table,
    columns: Sequence[str],
    roles: Mapping[str, Role],
    monitor: Monitor,
    *,
    seed: int,
) -> tuple[ColumnVerdict, ...]:
    """Judge every column of one window against the reference.

    The level is shared by all columns that can raise an alarm (Bonferroni): `monitor.level` is the chance that the
    windows of `monitor.persistence` raise any false flag, so one window's verdict is wrong more often. Seasonal columns
    are compared in the same way but only recorded.

    The status of a column is the first that holds of: EMPTY_WINDOW (no rows of any column), ABSENT_COLUMN (none of this
    one), TOO_FEW_ROWS (below `monitor.min_rows`), ALL_NULL, TOO_FEW_BLOCKS (rows on fewer than half the days of a
    window), INSUFFICIENT_REFERENCE (days below `monitor.min_blocks` or below three windows; no row of the column; or so
    restless that not even a window with all its rows in one bin would cross the threshold), OK.

    Args:
        reference: What the champion was accepted on.
        counts: This window's rows of `COUNTS_SCHEMA`, made with the reference's bins.
        columns: Columns to judge, each binned in the reference.
        roles: Column -> role; the others are regime.
        monitor: How scored data is compared.
        seed: Seed of the resampling.

    Returns:
        One verdict per column, in the order given.

    Raises:
        DistributionError: If a column has no bins in the reference, is given twice, or a count lies outside its bins.

    >>> from datetime import UTC, date, datetime, timedelta
    >>> from lakeloop.config.metric import Task
    >>> from lakeloop.drift.counts import count_bins
    >>> from lakeloop.drift.reference import build_reference
    >>> bins = [ColumnBins("origin", "category", categories=("EWR", "JFK"))]
    >>> def count(first_day, days, origins):
    ...     dates = [first_day + timedelta(days=day) for day in range(days) for _ in origins]
    ...     return count_bins(pa.table({"day": dates, "origin": list(origins) * days}), bins, "day")
    >>> reference = build_reference(
    ...     count(date(2013, 1, 1), 90, ["EWR", "JFK"] * 20), bins, model="late_arrival", task=Task.CLASSIFICATION,
    ...     trained_through=datetime(2013, 4, 2, tzinfo=UTC),
    ... )
    >>> week = count(date(2013, 4, 2), 7, ["EWR"] * 30 + ["JFK"] * 10)
    >>> (verdict,) = judge_window(reference, week, ["origin"], {"origin": Role.CONTRACT}, Monitor(), seed=0)
    >>> verdict.statistic, verdict.value, verdict.threshold, verdict.verdict.value
    ('total_variation', 0.25, 0.05, 'DRIFT')
    """
    bins = {column.name: column for column in reference.bins}
    unknown = [name for name in columns if name not in bins]
    if unknown:
        raise DistributionError(unknown[0], "the reference has no bins for the column")
    if len(set(columns)) != len(columns):
        raise DistributionError("columns", "a column is given twice")
    window = lay_out_daily(counts, reference.bins)
    judged = sum(roles.get(name, Role.REGIME) is not Role.SEASONAL for name in columns)
    family = _Family(reference, monitor, monitor.level / max(judged, 1), judged, len(window.blocks), seed)
    return tuple(
        _judge(family, bins[name], roles.get(name, Role.REGIME), _summed(window.rows.get(name))) for name in columns
    )


@dataclass(frozen=True)
class _Family:
    """What the columns of one window share."""

    reference: Reference
    monitor: Monitor
    level: float
    judged_columns: int
    window_days: int
    seed: int

    def status_of(self, bins: ColumnBins, counts: npt.NDArray[np.int64] | None) -> Status:
        """Status by the window alone; OK where the reference decides."""
        if self.window_days == 0:
            return Status.EMPTY_WINDOW
        if counts is None:
            return Status.ABSENT_COLUMN
        if int(counts.sum()) < self.monitor.min_rows:
            return Status.TOO_FEW_ROWS
        if counts[bins.null_bin] == counts.sum():
            return Status.ALL_NULL
        if 2 * self.window_days < self.monitor.window.days:
            return Status.TOO_FEW_BLOCKS
        return Status.OK

    def reference_is_short(self) -> bool:
        """Whether the reference's own stretches are too few to take a threshold from."""
        days = len(self.reference.blocks)
        return days < max(self.monitor.min_blocks, MIN_DISJOINT_STRETCHES * self.window_days)

    def describe(self, expected: Shares, actual: Shares) -> dict[str, Any]:
        """What the verdict was computed from, as JSON values."""
        return {
            "reference_shares": expected.tolist(),
            "window_shares": actual.tolist(),
            "reference_days": len(self.reference.blocks),
            "window_days": self.window_days,
            "level": self.monitor.level,
            "judged_columns": self.judged_columns,
            "column_level": self.level,
            "seed": self.seed,
        }


def _summed(daily: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
    return None if daily is None else np.asarray(daily.sum(axis=0))


def _judge(family: _Family, bins: ColumnBins, role: Role, counts: npt.NDArray[np.int64] | None) -> ColumnVerdict:
    distance = DISTANCES[family.monitor.statistic[bins.kind]]
    min_effect = family.monitor.min_effect.get(distance.name, distance.min_effect)
    rows = 0 if counts is None else int(counts.sum())
    status = family.status_of(bins, counts)
    daily = family.reference.counts.get(bins.name)
    value: float | None = None
    threshold: float | None = None
    evidence: dict[str, Any] = {}
    if status is Status.OK and (counts is None or daily is None):
        status = Status.INSUFFICIENT_REFERENCE
    elif status is Status.OK and counts is not None and daily is not None:
        expected, actual = to_shares(daily.sum(axis=0)), to_shares(counts)
        value = float(distance.along(expected, actual))
        evidence = family.describe(expected, actual)
        if family.reference_is_short():
            status = Status.INSUFFICIENT_REFERENCE
        else:
            drawn = resample_threshold(
                distance,
                daily,
                stretch_days=family.window_days,
                window_rows=rows,
                level=family.level,
                min_effect=min_effect,
                column=bins.name,
                seed=family.seed,
                hits=family.monitor.persistence.hits,
                windows=family.monitor.persistence.windows,
            )
            ceiling = reachable(distance, expected)
            evidence |= {"resampled": asdict(drawn), "reachable": ceiling}
            if drawn.value < ceiling:
                threshold = drawn.value
            else:
                status = Status.INSUFFICIENT_REFERENCE
    return ColumnVerdict(
        column=bins.name,
        kind=bins.kind,
        role=role,
        statistic=distance.name,
        value=value,
        threshold=threshold,
        min_effect=min_effect,
        status=status,
        verdict=_verdict(role, value, threshold),
        rows=rows,
        null_fraction=None if counts is None or rows == 0 else int(counts[bins.null_bin]) / rows,
        evidence=evidence,
    )


def _verdict(role: Role, value: float | None, threshold: float | None) -> Verdict:
    if value is None or threshold is None:
        return Verdict.UNKNOWN
    if role is Role.SEASONAL:
        return Verdict.RECORDED
    return Verdict.DRIFT if value > threshold else Verdict.STABLE

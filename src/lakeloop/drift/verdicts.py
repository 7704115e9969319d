"""One verdict per column and window, with the evidence to recompute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.config.monitor import Monitor
from lakeloop.distances import DISTANCES, find_distance
from lakeloop.distances.distance import Binned, Distance
from lakeloop.drift.bins import BinKind, ColumnBins
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.counts import DailyCounts, lay_out_daily
from lakeloop.drift.missing import Missing, compare_missing
from lakeloop.drift.recorded import compare_categories, record_deltas, record_statistics
from lakeloop.drift.reference import Reference
from lakeloop.drift.thresholds import (
    MIN_DISJOINT_STRETCHES,
    reachable,
    resample_threshold,
)
from lakeloop.entry_points import PluginGroup, find_plugin
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
        missing: Its missing share beside the reference's; None where they were not compared. Judged of a contract
            column alone, and no part of the verdict.
        recorded: Further columns of `monitoring.drift_metrics` -> values, which judge nothing.
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
    missing: Missing | None = None
    recorded: Mapping[str, Any] = field(default_factory=dict)


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
    one), TOO_FEW_ROWS (below `monitor.min_rows`), ALL_NULL, TOO_FEW_BLOCKS (rows on fewer than half the days that a
    window has by the reference: every day, or one in seven of a grid of weeks), INSUFFICIENT_REFERENCE (days below
    `monitor.min_blocks` or below three windows; no row of the column; or so restless that not even a window with all
    its rows in one bin would cross the threshold; or without what the statistic needs), OK.

    The missing shares of contract columns are a family of their own, with the whole level: a statistic may not see that
    they jump, as PSI does not where many were missing before. Every other statistic is recorded, and judges nothing.

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
    contracts = sum(roles.get(name, Role.REGIME) is Role.CONTRACT for name in columns)
    family = _Family(reference, monitor, monitor.level / max(judged, 1), judged, len(window.blocks), seed, contracts)
    return tuple(_judge(family, bins[name], roles.get(name, Role.REGIME), window) for name in columns)


def verdict_without_reference(column: str, role: Role, rows: int) -> ColumnVerdict:
    """Say of a column that nothing it could be compared with is there.

    Args:
        column: The column.
        role: What an alarm on it would mean.
        rows: Rows of the window.

    Returns:
        The status MISSING_REFERENCE; how the values are binned, and by which statistic, went with the reference.

    >>> found = verdict_without_reference("items", Role.CONTRACT, 70)
    >>> found.status.value, found.verdict.value, found.statistic
    ('MISSING_REFERENCE', 'UNKNOWN', 'none')
    """
    return ColumnVerdict(
        column, "number", role, "none", None, None, 0.0, Status.MISSING_REFERENCE, Verdict.UNKNOWN, rows, None
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
    contract_columns: int

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
        if not self._covers_half():
            return Status.TOO_FEW_BLOCKS
        return Status.OK

    def _covers_half(self) -> bool:
        """Whether the window has rows on half the days that its length has in the reference, or more.

        The reference tells how far its days with rows lie apart, by the mean: a window of four weeks has 28 of them
        where every day has rows, and four on a grid of weeks. A single day tells nothing; then every day counts.
        """
        blocks = self.reference.blocks
        steps = len(blocks) - 1
        span = (blocks[-1] - blocks[0]).days if steps > 0 else 0
        if not span:
            steps = span = 1
        return 2 * self.window_days * span >= self.monitor.window.days * steps

    def is_short(self, days: int) -> bool:
        """Whether stretches of so many days of the reference are too few to take a threshold from."""
        return days < max(self.monitor.min_blocks, MIN_DISJOINT_STRETCHES * self.window_days)

    def compare_missing(self, column: ColumnCounts, role: Role) -> Missing:
        """Compare the missing shares; those of a contract column are judged, where the reference is long enough."""
        judges = role is Role.CONTRACT and not self.is_short(len(self.reference.blocks))
        level = self.monitor.level / self.contract_columns if judges else None
        return compare_missing(
            column,
            stretch_days=self.window_days,
            level=level,
            seed=self.seed,
            hits=self.monitor.persistence.hits,
            windows=self.monitor.persistence.windows,
        )

    def describe(self, expected: Binned, actual: Binned) -> dict[str, Any]:
        """What the verdict was computed from, as JSON values."""
        return {
            "reference_shares": expected.shares.tolist(),
            "window_shares": actual.shares.tolist(),
            "reference_days": len(self.reference.blocks),
            "window_days": self.window_days,
            "level": self.monitor.level,
            "judged_columns": self.judged_columns,
            "column_level": self.level,
            "seed": self.seed,
        }


def _judge(family: _Family, bins: ColumnBins, role: Role, window: DailyCounts) -> ColumnVerdict:
    distance = find_distance(family.monitor.statistic[bins.kind])
    min_effect = family.monitor.min_effect.get(distance.name, distance.min_effect)
    daily = window.rows.get(bins.name)
    counts = None if daily is None else np.asarray(daily.sum(axis=0))
    rows = 0 if counts is None else int(counts.sum())
    status = family.status_of(bins, counts)
    column = ColumnCounts.of(family.reference, window, bins)
    held = _Held()
    missing: Missing | None = None
    evidence: dict[str, Any] = {}
    recorded: dict[str, Any] = {}
    if column is not None and rows:
        recorded = record_deltas(column, window_days=family.window_days)
    if status is Status.OK and column is None:
        status = Status.INSUFFICIENT_REFERENCE
    elif status is Status.OK and column is not None:
        held = _hold(family, column, distance, min_effect)
        status = Status.INSUFFICIENT_REFERENCE if held.threshold is None else status
        missing = family.compare_missing(column, role)
        evidence = {**held.evidence, "missing": missing.to_dict(), **_release_of(distance)}
        recorded |= record_statistics(column)
        categories = compare_categories(column, family.monitor.min_category_share)
        if categories is not None:
            evidence["categories"] = categories.to_dict()
            recorded |= {"other_fraction": categories.other, "vanished_categories": list(categories.vanished)}
    return ColumnVerdict(
        column=bins.name,
        kind=bins.kind,
        role=role,
        statistic=distance.name,
        value=held.value,
        threshold=held.threshold,
        min_effect=min_effect,
        status=status,
        verdict=_verdict(role, held.value, held.threshold),
        rows=rows,
        null_fraction=None if counts is None or rows == 0 else int(counts[bins.null_bin]) / rows,
        evidence=evidence,
        missing=missing,
        recorded=recorded,
    )


def _release_of(distance: Distance) -> dict[str, str]:
    """Tell the package that brings a statistic: from the evidence alone it can be computed again."""
    plugin = None if distance.name in DISTANCES else find_plugin(PluginGroup.DISTANCES, distance.name)
    return {} if plugin is None else {"package": plugin.release}


@dataclass(frozen=True)
class _Held:
    """A statistic against its threshold; without one the reference does not suffice."""

    value: float | None = None
    threshold: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def _hold(family: _Family, column: ColumnCounts, distance: Distance, min_effect: float) -> _Held:
    value, seen = column.measure(distance), column.seen_by(distance)
    if value is None:
        return _Held()
    expected, actual = seen.sides
    evidence = family.describe(expected, actual)
    if distance.needs_values:
        evidence |= {"reference_means": _means(expected), "window_means": _means(actual), "unit": expected.unit}
    if family.is_short(len(seen.daily)):
        return _Held(value, None, evidence)
    drawn = resample_threshold(
        distance,
        seen.daily,
        stretch_days=family.window_days,
        window_rows=int(seen.window.sum()),
        level=family.level,
        min_effect=min_effect,
        column=column.bins.name,
        seed=family.seed,
        hits=family.monitor.persistence.hits,
        windows=family.monitor.persistence.windows,
        totals=seen.daily_totals,
        placed=seen.placed,
    )
    ceiling = reachable(distance, expected.shares)
    evidence |= {"resampled": asdict(drawn), "reachable": ceiling}
    return _Held(value, drawn.value if ceiling is None or drawn.value < ceiling else None, evidence)


def _means(side: Binned) -> list[float | None]:
    """Means of the bins that hold values, as JSON values."""
    means = [] if side.means is None else side.means.tolist()
    return [mean if share else None for mean, share in zip(means, side.shares.tolist(), strict=False)]


def _verdict(role: Role, value: float | None, threshold: float | None) -> Verdict:
    if value is None or threshold is None:
        return Verdict.UNKNOWN
    if role is Role.SEASONAL:
        return Verdict.RECORDED
    return Verdict.DRIFT if value > threshold else Verdict.STABLE

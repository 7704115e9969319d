"""Proposed roles: what a column's own past says of the alarms that it would raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lakeloop.config.monitor import Monitor
from lakeloop.distances import find_distance
from lakeloop.distances.distance import Distance
from lakeloop.distances.psi import stability_indices
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.reference import Reference
from lakeloop.drift.thresholds import MIN_DISJOINT_STRETCHES, resample_threshold, to_shares
from lakeloop.statuses import Role, Status

NEAR_LEAST_EFFECT = 2.0
"""A threshold up to so many least effects is near it: PSI 0.2, where half a standard deviation in ten bins is 0.23."""

CLEARLY_FARTHER = 2.0
"""Windows far apart differ clearly more when their PSI is so many times that of neighbours.

PSI grows with the square of a small change, so what the two have in common (few rows, restless weeks) and what comes
with the distance in time add up: at two the slow change is as great as everything else together.
"""

NEIGHBOURS = 4
"""Windows this far from each other are still neighbours: a restless column that comes back within days is no season."""

MIN_WINDOWS = 3 * NEIGHBOURS
"""Windows side by side before those far apart are no neighbours and there are some of each."""

_YEAR_DAYS = 365.0


@dataclass(frozen=True)
class RoleProposal:
    """What role a column's past speaks for.

    Attributes:
        column: The column.
        status: OK; ALL_NULL without a value; INSUFFICIENT_REFERENCE where the history is too short for a threshold.
        declared: Its role by the declaration.
        proposed: The role its past speaks for; None whenever the status is not OK.
        why: A sentence with the numbers.
        statistic: Distance that it is judged by.
        threshold: What a window of it would be held against.
        min_effect: Least statistic that is called drift.
        restless: Median statistic of its own stretches of days against the rest.
        neighbours: Mean PSI of windows beside each other, nats; None where the history is too short to tell.
        far_apart: Mean PSI of windows at least half the history, or half a year, apart.
        far_statistic: Mean of the declared statistic between those.
    """

    column: str
    status: Status
    declared: Role
    proposed: Role | None
    why: str
    statistic: str
    threshold: float | None = None
    min_effect: float | None = None
    restless: float | None = None
    neighbours: float | None = None
    far_apart: float | None = None
    far_statistic: float | None = None

    @property
    def differs(self) -> bool:
        """Whether another role is proposed than is declared."""
        return self.proposed is not None and self.proposed is not self.declared

    def to_dict(self) -> dict[str, Any]:
        """Write as JSON values.

        >>> judged = (Status.OK, Role.REGIME, Role.CONTRACT, "quiet")
        >>> RoleProposal("origin", *judged, "total_variation", 0.05, 0.05, 0.01).to_dict()["differs"]
        True
        """
        return {
            "column": self.column,
            "status": self.status.value,
            "declared": self.declared.value,
            "proposed": None if self.proposed is None else self.proposed.value,
            "differs": self.differs,
            "why": self.why,
            "statistic": self.statistic,
            "threshold": self.threshold,
            "min_effect": self.min_effect,
            "restless": self.restless,
            "neighbours": self.neighbours,
            "far_apart": self.far_apart,
            "far_statistic": self.far_statistic,
        }


def propose_roles(
    history: Reference, declared: Mapping[str, Role], monitor: Monitor, *, seed: int
) -> tuple[RoleProposal, ...]:
    """Propose a role for every column from its days alone.

    - `contract`: the threshold that its own stretches of days give is the least effect, or near it, and windows far
      apart stay below it. It hardly moves by itself, so an alarm means that something broke, and half a standard
      deviation is seen.
    - `seasonal`: else, where windows far apart differ clearly more than neighbouring ones: it changes slowly. A year
      later the same season comes again, so windows more than three quarters of a year apart are not compared. A change
      that came to stay looks the same; only a person knows.
    - `regime`: else. It moves, and comes back within weeks.

    The threshold is that of `judge_window`, the level shared by all columns of the history.

    Args:
        history: Counts per day over the longest stretch there is.
        declared: Column -> declared role; the others are regime.
        monitor: How scored data is compared.
        seed: Seed of the resampling.

    Returns:
        One proposal per binned column, in their order.

    >>> from datetime import UTC, date, datetime, timedelta
    >>> from lakeloop.config.metric import Task
    >>> days = tuple(date(2013, 1, 1) + timedelta(days=day) for day in range(84))
    >>> bins = (ColumnBins("origin", "category", categories=("EWR", "JFK")),)
    >>> counts, trained = {"origin": np.array([[60, 40, 0, 0]] * 84)}, datetime(2013, 4, 1, tzinfo=UTC)
    >>> history = Reference("late_arrival", Task.CLASSIFICATION, trained, bins, days, counts, {})
    >>> (origin,) = propose_roles(history, {"origin": Role.CONTRACT}, Monitor(), seed=0)
    >>> origin.proposed.value, origin.threshold, origin.differs
    ('contract', 0.05, False)
    """
    return tuple(_propose(history, bins, declared.get(bins.name, Role.REGIME), monitor, seed) for bins in history.bins)


def _propose(history: Reference, bins: ColumnBins, declared: Role, monitor: Monitor, seed: int) -> RoleProposal:
    distance = find_distance(monitor.statistic[bins.kind])
    min_effect = monitor.min_effect.get(distance.name, distance.min_effect)
    daily = history.counts.get(bins.name)
    if daily is None or not daily[:, :-1].any():
        return RoleProposal(
            bins.name, Status.ALL_NULL, declared, None, "The history holds no value of it.", distance.name
        )
    days, window_days = len(daily), monitor.window.days
    window = np.asarray(np.rint(daily.mean(axis=0) * window_days), dtype=np.int64)
    unit, totals = history.deviations.get(bins.name) or None, history.bin_totals.get(bins.name)
    column = ColumnCounts(bins, daily, window, totals, None if totals is None else np.zeros(bins.n_bins), unit)
    seen = column.seen_by(distance)
    least_days = max(monitor.min_blocks, MIN_DISJOINT_STRETCHES * window_days)
    can_tell = not distance.needs_values or (totals is not None and unit is not None)
    if len(seen.daily) < least_days or not can_tell:
        why = f"{len(seen.daily)} days of it are known; a threshold needs {least_days}."
        why = why if can_tell else f"It never varies, or sums are not known: no {distance.name} can be told of it."
        return RoleProposal(bins.name, Status.INSUFFICIENT_REFERENCE, declared, None, why, distance.name)
    drawn = resample_threshold(
        distance,
        seen.daily,
        stretch_days=window_days,
        window_rows=max(int(seen.daily.sum() / len(seen.daily) * window_days), 1),
        level=monitor.level / len(history.bins),
        min_effect=min_effect,
        column=bins.name,
        seed=seed,
        hits=monitor.persistence.hits,
        windows=monitor.persistence.windows,
        totals=seen.daily_totals,
        placed=seen.placed,
    )
    apart = compare_apart(daily, window_days)
    far_statistic = None if apart is None else _measure_far(seen, distance, window_days)
    proposed, why = _judge(drawn.value, min_effect, apart, far_statistic, days)
    return RoleProposal(
        column=bins.name,
        status=Status.OK,
        declared=declared,
        proposed=proposed,
        why=why,
        statistic=distance.name,
        threshold=drawn.value,
        min_effect=min_effect,
        restless=float(np.exp(drawn.log_mean)),
        neighbours=None if apart is None else apart[0],
        far_apart=None if apart is None else apart[1],
        far_statistic=far_statistic,
    )


def compare_apart(daily: npt.NDArray[np.int64], window_days: int) -> tuple[float, float] | None:
    """Compare windows beside each other, and windows far apart, by PSI whatever the declared statistic.

    The days are cut into windows side by side. Neighbours are up to `NEIGHBOURS` windows apart. Far apart is at least
    half the history, or half a year where the history is longer, and at most three quarters of a year.

    Args:
        daily: Rows per day and bin, shape [n_days, n_bins], days ascending, each with rows.
        window_days: Days of a window.

    Returns:
        Mean PSI of neighbours and of windows far apart, nats; None with fewer than `MIN_WINDOWS` windows, or where
        none are far apart.

    >>> daily = np.array([[90 - day, 10 + day] for day in range(84)])  # from day to day a little more of the second
    >>> near, far = compare_apart(daily, 7)
    >>> round(near, 2), round(far, 2)
    (0.16, 1.45)
    """
    rows = _cut(daily, window_days)
    far = _far_pairs(len(rows), window_days)
    if not len(far[0]):
        return None
    shares = to_shares(rows)
    first, second = np.triu_indices(len(rows), k=1)
    near = second - first <= NEIGHBOURS
    values = (stability_indices(shares[some], shares[later]) for some, later in ((first[near], second[near]), far))
    neighbours, far_apart = (float(each.mean()) for each in values)
    return neighbours, far_apart


def _cut(daily: npt.NDArray[Any], window_days: int) -> npt.NDArray[Any]:
    """Sum windows side by side, the last ending with the last day; shape [n_windows, n_bins]."""
    windows = len(daily) // window_days
    return np.asarray(daily[len(daily) - windows * window_days :].reshape(windows, window_days, -1).sum(axis=1))


def _far_pairs(windows: int, window_days: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of windows that are far apart; none where there are too few windows."""
    first, second = np.triu_indices(windows, k=1)
    apart = (second - first) * window_days
    far = (apart >= min(windows * window_days, _YEAR_DAYS) / 2) & (apart <= 0.75 * _YEAR_DAYS)
    far &= (second - first > NEIGHBOURS) & (windows >= MIN_WINDOWS)
    return first[far], second[far]


def _measure_far(column: ColumnCounts, distance: Distance, window_days: int) -> float | None:
    """Mean of the declared statistic between windows that are far apart."""
    rows = _cut(column.daily, window_days)
    totals = _cut(np.zeros(column.daily.shape) if column.daily_totals is None else column.daily_totals, window_days)
    first, second = _far_pairs(len(rows), window_days)
    if not len(first):
        return None
    values = distance.compare(column.placed(rows[first], totals[first]), column.placed(rows[second], totals[second]))
    return float(values.mean())


def _judge(
    threshold: float, min_effect: float, apart: tuple[float, float] | None, far_statistic: float | None, days: int
) -> tuple[Role, str]:
    held = f"A window would be held against {threshold:.3g}"
    is_near = threshold <= NEAR_LEAST_EFFECT * min_effect
    is_least = threshold <= min_effect
    if is_near:
        held += ", the least effect" if is_least else f", near the least effect of {min_effect:.3g}"
    else:
        held += f", {threshold / min_effect:.1f} times the least effect" if min_effect else ""
    if is_near and far_statistic is None:
        return Role.CONTRACT, f"{held}: an alarm means that something broke. {days} days are too few to tell a season."
    if is_near and far_statistic is not None and far_statistic < threshold:
        far = f"far apart windows differ by {far_statistic:.2g}"
        return Role.CONTRACT, f"{held}, and {far}: an alarm means that something broke."
    if apart is None:
        return Role.REGIME, f"{held}; {days} days are too few to tell a season."
    neighbours, far_apart = apart
    if is_near:
        held += f", but far apart windows differ by {far_statistic:.2g}"
    differ = f"far apart they differ by PSI {far_apart:.2g}, as neighbours by {neighbours:.2g}"
    if far_apart >= CLEARLY_FARTHER * neighbours:
        return Role.SEASONAL, f"{held}; {differ}: it changes slowly."
    return Role.REGIME, f"{held}; {differ}: it moves and comes back."

"""How far a window may lie from the reference by chance: taken from the reference's own stretches of days."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lakeloop.distances.distance import Binned, Distance, Shares
from lakeloop.drift.prediction_bounds import bound_factor, level_of_one

MAX_STRETCHES = 1000
MIN_DISJOINT_STRETCHES = 3
"""Stretches that have to fit into the reference side by side before their spread says anything."""
Placed = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], Binned]
"""Makes rows and sums per bin, shapes [..., n_bins], what distances compare."""

_LEAST_EFFECT = 1e-6
_NEVER = 1e6
"""Cap of a bound, far above any value a statistic can take."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it was computed from.

    Attributes:
        value: The threshold, never below the least effect.
        quantile: Quantile of the stretches' statistics at 1 - window_level.
        bound: Upper prediction bound of new stretches: exp(log_mean + factor * log_deviation).
        log_mean: Mean of the logarithms of the stretches' statistics.
        log_deviation: Their standard deviation.
        stretches: Number of stretches.
        disjoint_stretches: How many fit side by side; the effective sample size.
        kept_fraction: Share of each stretch's rows that was drawn, below 1 when the window is smaller.
        hits: Windows that have to alarm before there is a flag.
        windows: Windows that are looked at for that.
        window_level: Chance of one window's alarm at which a flag has the level.
        factor: Standard deviations between the mean of the logarithms and the bound.
    """

    value: float
    quantile: float
    bound: float
    log_mean: float
    log_deviation: float
    stretches: int
    disjoint_stretches: float
    kept_fraction: float
    hits: int
    windows: int
    window_level: float
    factor: float


def reachable(distance: Distance, expected: Shares) -> float | None:
    """Find the greatest value a distance can take: all rows of a window in one bin.

    Args:
        distance: The distance.
        expected: Reference shares, shape [n_bins].

    Returns:
        The value; a threshold at or above it can never be crossed. None where there is none, because values may lie
        ever further away.

    >>> from lakeloop.distances import DISTANCES
    >>> reachable(DISTANCES["total_variation"], np.array([0.9, 0.1]))
    0.9
    """
    if distance.along is None:
        return None
    one_bin = np.eye(len(expected))[: len(expected) - distance.nulls_apart]
    return float(distance.along(expected, one_bin).max())


def place_shares(rows: npt.NDArray[np.int64], _: npt.NDArray[np.float64]) -> Binned:
    """Give the shares of rows alone.

    >>> place_shares(np.array([1, 3]), np.zeros(2)).shares.tolist()
    [0.25, 0.75]
    """
    return Binned(to_shares(rows))


def resample_threshold(
    distance: Distance,
    daily: npt.NDArray[np.int64],
    *,
    stretch_days: int,
    window_rows: int,
    level: float,
    min_effect: float,
    column: str,
    seed: int,
    hits: int = 1,
    windows: int = 1,
    totals: npt.NDArray[np.float64] | None = None,
    placed: Placed = place_shares,
) -> Threshold:
    """Take a threshold from moving blocks of the reference.

    Every stretch of `stretch_days` consecutive days is compared with the rest of the reference, as the window is with
    the whole. Consecutive days keep their autocorrelation, so what counts is days, not rows. A window that holds fewer
    rows than a stretch is compared with stretches thinned to its size.

    The level is that of a flag: `hits` of `windows` windows have to alarm. One window may alarm more often than that,
    with the chance at which a binomial count reaches `hits` with chance `level`.

    Overlapping stretches hold little more information than the n_blocks / stretch_days disjoint ones, and an empirical
    quantile needs more of those than a reference has. So the threshold is the greatest of the least effect, the
    empirical quantile at 1 minus the level of one window, and the upper bound that `hits` of `windows` new observations
    of a log-normal sample exceed with chance `level`, the sample being as large as there are disjoint stretches.
    Statistics below a tenth of the least effect count as that tenth: noise there says nothing about thresholds.

    Args:
        distance: How a stretch is compared with the rest.
        daily: Rows per day and bin of the reference, shape [n_blocks, n_bins], days ascending, each with rows; at least
            `MIN_DISJOINT_STRETCHES` times `stretch_days` days.
        stretch_days: Days with rows in the window.
        window_rows: Rows of the window.
        level: Chance of a false flag of this column, in (0, 1).
        min_effect: Least statistic that is called drift.
        column: The column; each draws from its own stream.
        seed: Seed of the drawing.
        hits: Windows that have to alarm before there is a flag.
        windows: Windows that are looked at for that.
        totals: Sums of the values per day and bin, shape [n_blocks, n_bins], where `placed` looks at them. A thinned
            stretch keeps the means of its bins: how much they would vary in fewer rows is not known.
        placed: How rows and sums become what the distance compares.

    Returns:
        The threshold with its ingredients.

    Source: for the blocks Kuensch, "The Jackknife and the Bootstrap for General Stationary Observations", 1989; for the
    bound `lakeloop.drift.prediction_bounds.bound_factor`.

    >>> from lakeloop.distances import DISTANCES
    >>> daily = np.array([[60, 40, 0], [40, 60, 0]] * 15)
    >>> threshold = resample_threshold(
    ...     DISTANCES["psi"], daily, stretch_days=2, window_rows=200, level=0.05, min_effect=0.1, column="seats", seed=0
    ... )
    >>> threshold.value, threshold.stretches, threshold.disjoint_stretches
    (0.1, 29, 15.0)
    """
    rng = np.random.default_rng([seed, zlib.crc32(column.encode())])
    n_blocks = len(daily)
    starts = np.arange(n_blocks - stretch_days + 1)
    if len(starts) > MAX_STRETCHES:
        starts = np.sort(rng.choice(starts, MAX_STRETCHES, replace=False))
    stretches, rest = _cut(daily, starts, stretch_days)
    sums, other_sums = _cut(np.zeros(daily.shape) if totals is None else totals, starts, stretch_days)
    kept_fraction = min(1.0, window_rows / float(stretches.sum(axis=1).mean()))
    if kept_fraction < 1:
        thinned = rng.binomial(stretches, kept_fraction)
        thinned = np.where(thinned.sum(axis=1, keepdims=True) > 0, thinned, stretches)
        sums = sums * (thinned / np.maximum(stretches, 1))
        stretches = thinned
    values = distance.compare(placed(rest, other_sums), placed(stretches, sums))
    logs = np.log(np.maximum(values, max(min_effect / 10, _LEAST_EFFECT)))
    disjoint = n_blocks / stretch_days
    window_level = level_of_one(level, hits, windows)
    quantile = float(np.quantile(values, 1 - window_level))
    log_mean, log_deviation = float(logs.mean()), float(logs.std(ddof=1))
    factor = bound_factor(level, disjoint, hits, windows)
    bound = math.exp(min(log_mean + factor * log_deviation, math.log(_NEVER)))
    return Threshold(
        value=max(min_effect, quantile, bound),
        quantile=quantile,
        bound=bound,
        log_mean=log_mean,
        log_deviation=log_deviation,
        stretches=len(starts),
        disjoint_stretches=disjoint,
        kept_fraction=kept_fraction,
        hits=hits,
        windows=windows,
        window_level=window_level,
        factor=factor,
    )


def _cut(
    daily: npt.NDArray[Any], starts: npt.NDArray[np.int64], days: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Sum stretches of consecutive days, and for each the days outside it."""
    running = np.concatenate([np.zeros((1, daily.shape[1]), dtype=daily.dtype), daily.cumsum(axis=0)])
    stretches = running[starts + days] - running[starts]
    return stretches, running[-1] - stretches


def to_shares(counts: npt.NDArray[np.int64]) -> Shares:
    """Divide counts by their sum along the last axis.

    Args:
        counts: Rows per bin, shape [..., n_bins], at least one row in each entry.

    Returns:
        Shares, same shape.

    >>> to_shares(np.array([1, 3])).tolist()
    [0.25, 0.75]
    """
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))

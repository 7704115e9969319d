"""The target's rate: the difference between two stretches of days, with an interval from resampled days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from lakeloop.drift.intervals import MIN_BLOCKS, Interval, resample_ratios, spread_interval
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status, Verdict


@dataclass(frozen=True)
class TargetDay:
    """The labels of one closed day.

    Attributes:
        block: The day.
        rows: Rows with a label.
        label_sum: Sum of their labels; for a classification the number of positives, of several classes 0.
        class_rows: Of several classes the rows of each, in the declared order.
    """

    block: date
    rows: int
    label_sum: float
    class_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class RateVerdict:
    """Whether the mean of the label moved.

    Attributes:
        status: Whether it could be judged.
        verdict: DRIFT, STABLE, or UNKNOWN when it could not.
        reference_rate: Mean label over the reference; None without rows.
        window_rate: Mean label over the window; None without rows.
        difference: Window minus reference; None when one of them is None.
        interval: Interval of the difference from resampled days; None when there are too few.
        min_effect: Least absolute difference that is called drift, in the label's unit.
        level: Chance that the interval misses the true difference.
        reference_days: Days with labels in the reference.
        window_days: Days with labels in the window.
        window_rows: Rows with labels in the window.
        seed: Seed of the resampling.
    """

    status: Status
    verdict: Verdict
    reference_rate: float | None
    window_rate: float | None
    difference: float | None
    interval: Interval | None
    min_effect: float
    level: float
    reference_days: int
    window_days: int
    window_rows: int
    seed: int


def judge_rate(
    reference: Sequence[TargetDay], window: Sequence[TargetDay], *, min_effect: float, level: float, seed: int
) -> RateVerdict:
    """Judge whether the mean label of a window differs from the reference's.

    Days of both sides are resampled. It is drift when the interval of the difference excludes 0 and the difference is
    at least `min_effect`. Days without rows are left out.

    Args:
        reference: Closed days of the reference.
        window: Closed days of the window.
        min_effect: Least absolute difference that is called drift, in the label's unit; not negative.
        level: Chance of a false alarm, in (0, 1).
        seed: Seed of the resampling.

    Returns:
        The verdict: EMPTY_WINDOW without labels in the window, TOO_FEW_BLOCKS below 3 days with labels in the window,
        INSUFFICIENT_REFERENCE below 3 days in the reference.

    Raises:
        DistributionError: If rows are negative, a sum is not finite, or `min_effect` or `level` is out of range.

    >>> march = [TargetDay(date(2013, 3, day), 100, 20.0 + day % 3) for day in range(1, 29)]
    >>> april = [TargetDay(date(2013, 4, day), 100, 30.0 + day % 3) for day in range(1, 8)]
    >>> verdict = judge_rate(march, april, min_effect=0.05, level=0.05, seed=0)
    >>> verdict.verdict.value, round(verdict.difference, 3)
    ('DRIFT', 0.1)
    """
    if not min_effect >= 0:
        raise DistributionError("min_effect", f"got {min_effect}, allowed is 0 and more")
    if not 0 < level < 1:
        raise DistributionError("level", f"got {level}, allowed is (0, 1)")
    before, after = _sums("reference", reference), _sums("window", window)
    reference_rate, window_rate = _rate(*before), _rate(*after)
    n_before, n_after = len(before[0]), len(after[0])
    difference = None if reference_rate is None or window_rate is None else window_rate - reference_rate
    status, verdict, interval = Status.OK, Verdict.UNKNOWN, None
    if n_after == 0:
        status = Status.EMPTY_WINDOW
    elif n_before < MIN_BLOCKS:
        status = Status.INSUFFICIENT_REFERENCE
    elif n_after < MIN_BLOCKS:
        status = Status.TOO_FEW_BLOCKS
    elif difference is not None:
        rng = np.random.default_rng(seed)
        drawn = resample_ratios(*after, rng) - resample_ratios(*before, rng)
        interval = spread_interval(difference, drawn, min(n_before, n_after), level)
        moved = interval.excludes(0.0) and abs(difference) >= min_effect
        verdict = Verdict.DRIFT if moved else Verdict.STABLE
    return RateVerdict(
        status=status,
        verdict=verdict,
        reference_rate=reference_rate,
        window_rate=window_rate,
        difference=difference,
        interval=interval,
        min_effect=min_effect,
        level=level,
        reference_days=n_before,
        window_days=n_after,
        window_rows=int(after[1].sum()),
        seed=seed,
    )


def _sums(name: str, days: Sequence[TargetDay]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Label sums and rows per day that has rows, by day."""
    if any(day.rows < 0 for day in days):
        raise DistributionError(name, "a day has negative rows")
    used = sorted((day for day in days if day.rows), key=lambda day: day.block)
    sums = np.array([day.label_sum for day in used], dtype=np.float64)
    if not np.isfinite(sums).all():
        raise DistributionError(name, "a label sum is not finite")
    return sums, np.array([day.rows for day in used], dtype=np.float64)


def _rate(sums: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> float | None:
    return float(sums.sum() / rows.sum()) if len(rows) else None

"""The calibration curve on the holdout: mean score and observed rate per bin of equal count, with intervals."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from lakeloop.config.metric import Task
from lakeloop.errors import DistributionError
from lakeloop.intervals import student_interval
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.metric_intervals import RESAMPLES, draw_blocks
from lakeloop.training.metrics import CALIBRATION_BINS, checked_rows, equal_count_bins


@dataclass(frozen=True)
class CurveBin:
    """Rows of the holdout whose scores are neighbours.

    Attributes:
        status: OK; TOO_FEW_BLOCKS where there are too few days for an interval.
        rows: Rows.
        days: Days with such rows.
        least_score: Least score.
        greatest_score: Greatest score.
        mean_score: Mean predicted probability.
        observed_rate: Share of the rows whose label came true.
        lower: Lower end of the interval of the observed rate; None when there is none.
        upper: Upper end, the same.
    """

    status: EvidenceStatus
    rows: int
    days: int
    least_score: float
    greatest_score: float
    mean_score: float
    observed_rate: float
    lower: float | None
    upper: float | None

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON.

        >>> few = EvidenceStatus.TOO_FEW_BLOCKS
        >>> CurveBin(few, 4, 1, 0.1, 0.2, 0.15, 0.25, None, None).to_dict()["status"]
        'TOO_FEW_BLOCKS'
        """
        return {**asdict(self), "status": self.status.value}


def measure_curve(
    y: ArrayLike,
    score: ArrayLike,
    days: ArrayLike,
    *,
    confidence: float,
    min_blocks: int,
    bins: int = CALIBRATION_BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[CurveBin, ...]:
    """Hold probabilities against outcomes, bin by bin of equal count.

    The bins are those of `calibration_error`: the mean over bins, weighted by rows, of `|mean score - observed rate|`
    is that metric. The interval of a rate is the wider of two at each end: the one from resampled days, because rows of
    a day move together and the binomial one would be too narrow; and Wilson's, because resampled days give a rate of 0
    or 1 an interval of no width, whatever the number of rows.

    Args:
        y: Outcomes, 0 or 1 (or booleans), shape (n_rows,).
        score: Probabilities of 1, shape (n_rows,).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        confidence: Of the two-sided intervals, in (0, 1).
        min_blocks: Days of a bin below which its rate has no interval, at least 2.
        bins: Number of bins.
        resamples: Number of draws of days.
        seed: Seed of the draws.

    Returns:
        Bins that hold rows, ascending; none without rows.

    Raises:
        DistributionError: If shapes differ, a value is missing or out of its range.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (JASA 22, 1927).

    >>> days = np.arange("2013-01-01", "2013-01-05", dtype="datetime64[D]")
    >>> low, high = measure_curve([0, 0, 0, 1], [0.1, 0.1, 0.5, 0.5], days, confidence=0.95, min_blocks=2, bins=2)
    >>> low.rows, low.mean_score, low.observed_rate, low.lower, round(low.upper, 4)
    (2, 0.1, 0.0, 0.0, 0.6576)
    """
    outcomes, scores = checked_rows(y, score, Task.CLASSIFICATION)
    day_of_row = np.asarray(days, dtype="datetime64[D]")
    if day_of_row.shape != outcomes.shape:
        raise DistributionError("days", f"shape {day_of_row.shape} does not fit y of shape {outcomes.shape}")
    place = equal_count_bins(scores, bins)
    found = []
    for index in np.unique(place):
        inside = place == index
        of_bin, hits = scores[inside], outcomes[inside]
        names, block = np.unique(day_of_row[inside], return_inverse=True)
        rate, lower, upper = float(hits.mean()), None, None
        status = EvidenceStatus.OK if len(names) >= min_blocks else EvidenceStatus.TOO_FEW_BLOCKS
        if status is EvidenceStatus.OK:
            draws = draw_blocks(len(names), resamples, seed)
            drawn = (draws @ np.bincount(block, weights=hits)) / (draws @ np.bincount(block))
            by_days, by_rows = (
                student_interval(rate, drawn, len(names), confidence),
                wilson(rate, len(hits), confidence),
            )
            lower, upper = max(min(by_days[0], by_rows[0]), 0.0), min(max(by_days[1], by_rows[1]), 1.0)
        found.append(
            CurveBin(
                status=status,
                rows=len(hits),
                days=len(names),
                least_score=float(of_bin.min()),
                greatest_score=float(of_bin.max()),
                mean_score=float(of_bin.mean()),
                observed_rate=rate,
                lower=lower,
                upper=upper,
            )
        )
    return tuple(found)


def wilson(rate: float, rows: int, confidence: float) -> tuple[float, float]:
    """Give Wilson's interval of a rate.

    Args:
        rate: Observed share, in [0, 1].
        rows: Rows it was observed on, at least 1.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        Lower and upper end, in [0, 1].

    >>> [round(end, 4) for end in wilson(0.5, 10, 0.95)]
    [0.2366, 0.7634]
    """
    z = float(norm.ppf((1 + confidence) / 2))
    centre = (rate + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z / (1 + z * z / rows) * math.sqrt(rate * (1 - rate) / rows + z * z / (4 * rows * rows))
    return max(centre - reach, 0.0), min(centre + reach, 1.0)

"""Performance that is expected before labels are known, from the scores alone: they are taken at their word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.config.metric import Task
from lakeloop.drift.performance import roc_auc_from_bins
from lakeloop.errors import DistributionError
from lakeloop.statuses import EstimateStatus

MAX_CALIBRATION_ERROR = 0.05
"""Calibration error on the holdout above which nothing is estimated: an estimate is off by about as much."""

SCORES_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("block", pa.date32(), nullable=False),
        pa.field("score_bin", pa.int32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("sum_score", pa.float64(), nullable=False),
    ]
)
"""Scored rows per day and score bin, in any number of cells: those of several windows or reads add up."""


@dataclass(frozen=True)
class VersionCalibration:
    """How a version was calibrated on its holdout.

    Attributes:
        error: Its calibration error; None when it is not known.
        is_sure: Whether it was measured on days enough for an interval.

    >>> VersionCalibration(0.02, True).status.value, VersionCalibration(0.02, False).status.value
    ('ESTIMATED', 'CALIBRATION_UNKNOWN')
    >>> VersionCalibration(0.2, True).status.value
    'NOT_CALIBRATED'
    """

    error: float | None
    is_sure: bool

    @property
    def status(self) -> EstimateStatus:
        """Whether its scores may be taken for probabilities."""
        if self.error is None or not self.is_sure:
            return EstimateStatus.CALIBRATION_UNKNOWN
        return EstimateStatus.ESTIMATED if self.error <= MAX_CALIBRATION_ERROR else EstimateStatus.NOT_CALIBRATED

    @classmethod
    def from_metrics(cls, document: Mapping[str, Any] | None) -> VersionCalibration:
        """Read it from the metrics that a training logs.

        Args:
            document: Content of `metric_intervals.json`; None where the version has none.

        Returns:
            The calibration; unknown where the document does not tell it.

        >>> told = {"metrics": [{"metric": "calibration_error", "value": 0.02, "status": "OK"}]}
        >>> VersionCalibration.from_metrics(told)
        VersionCalibration(error=0.02, is_sure=True)
        >>> VersionCalibration.from_metrics(None)
        VersionCalibration(error=None, is_sure=False)
        """
        for each in (document or {}).get("metrics", ()):
            if each["metric"] == "calibration_error":
                return cls(each["value"], each["status"] == "OK")
        return cls(None, False)


@dataclass(frozen=True)
class Estimate:
    """What the performance of a window is expected to be.

    Attributes:
        status: ESTIMATED; NOTHING_SCORED without rows; NOT_CALIBRATED or CALIBRATION_UNKNOWN when the scores may not be
            taken for probabilities.
        rows: Scored rows.
        days: Days with scored rows.
        metrics: Metric -> expected value, named as the realised one: mean_outcome, log_loss, brier, skill, roc_auc. A
            metric that is not defined is not in it; empty unless ESTIMATED.
        calibration: How the version was calibrated on its holdout.
    """

    status: EstimateStatus
    rows: int
    days: int
    metrics: Mapping[str, float]
    calibration: VersionCalibration


def estimate_performance(
    scores: pa.Table,
    calibration: VersionCalibration,
    target_rate: float | None,
    task: Task = Task.CLASSIFICATION,
) -> Estimate:
    r"""Estimate performance over a window from its scores alone (confidence-based performance estimation).

    If the score p of a row is the probability of its label, then over rows i the expected

    - share of positives is  \( \frac1n \sum_i p_i \);
    - log loss is  \( \frac1n \sum_i -(p_i \ln p_i + (1 - p_i) \ln(1 - p_i)) \);
    - Brier score is  \( \frac1n \sum_i p_i (1 - p_i) \);
    - loss of the constant r is  \( \frac1n \sum_i -(p_i \ln r + (1 - p_i) \ln(1 - r)) \), and the skill is 1 minus
      log loss over it;
    - true positives at a threshold t are  \( \sum_{p_i \ge t} p_i \),  false positives
      \( \sum_{p_i \ge t} (1 - p_i) \),  and so on: the area under the curve of these expected counts, ties within a
      score bin counting half.

    A row counts with the mean score of its day and score bin. Nothing tells a change of what scores mean: where the
    label's rate moves without the inputs (concept drift), the estimate does not move.

    Of several classes the score is the probability of the predicted one, so the first is the expected accuracy; the
    others need the whole rows of probabilities, and are left out.

    Args:
        scores: Rows of `SCORES_SCHEMA`, cells in any number and order; scores in [0, 1].
        calibration: How the version was calibrated on its holdout.
        target_rate: The constant r; None leaves out the skill.
        task: Kind of label, classification or multiclass.

    Returns:
        The estimate.

    Raises:
        DistributionError: If a mean score is not in [0, 1].

    Source: NannyML's documentation, "Confidence-based Performance Estimation (CBPE)"; Garg et al., "Leveraging
    unlabeled data to predict out-of-distribution performance" (ICLR 2022) on when such estimates fail.

    >>> from datetime import date
    >>> cells = pa.Table.from_pylist(
    ...     [{"block": date(2013, 4, 1), "score_bin": place, "rows": 10, "sum_score": 10 * score}
    ...      for place, score in ((50, 0.25), (150, 0.75))], schema=SCORES_SCHEMA)
    >>> found = estimate_performance(cells, VersionCalibration(0.01, True), target_rate=0.5)
    >>> found.status.value, found.metrics["mean_outcome"], found.metrics["brier"], found.metrics["roc_auc"]
    ('ESTIMATED', 0.5, 0.1875, 0.75)
    """
    held = scores.filter(pc.greater(scores["rows"], 0))
    rows, sums, places = (
        np.asarray(held[name].to_numpy(), dtype=np.float64) for name in ("rows", "sum_score", "score_bin")
    )
    days = len(pc.unique(held["block"]))
    status = calibration.status if len(rows) else EstimateStatus.NOTHING_SCORED
    if status is not EstimateStatus.ESTIMATED:
        return Estimate(status, int(rows.sum()), days, {}, calibration)
    score = sums / rows
    if not ((score >= -_ROUNDING) & (score <= 1 + _ROUNDING)).all():
        raise DistributionError("score", "the mean score of a cell is outside [0, 1]")
    score, total = np.clip(score, 0.0, 1.0), float(rows.sum())
    positives, negatives = rows * score, rows * (1.0 - score)
    if task is Task.MULTICLASS:
        accuracy = float(positives.sum()) / total
        return Estimate(status, int(total), days, {"mean_outcome": accuracy}, calibration)
    metrics = {
        "mean_outcome": float(positives.sum()) / total,
        "log_loss": -float((positives * _log(score) + negatives * _log(1.0 - score)).sum()) / total,
        "brier": float((rows * score * (1.0 - score)).sum()) / total,
    }
    if target_rate is not None and 0 < target_rate < 1:
        constant = -float(positives.sum() * np.log(target_rate) + negatives.sum() * np.log1p(-target_rate)) / total
        metrics["skill"] = 1.0 - metrics["log_loss"] / constant
    labels = np.repeat([1.0, 0.0], len(rows))
    area = roc_auc_from_bins(np.tile(places, 2), labels, np.concatenate([positives, negatives]))
    if area is not None:
        metrics["roc_auc"] = area
    return Estimate(status, int(total), days, metrics, calibration)


_ROUNDING = 1e-9


def _log(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithm, 0 where the value is 0: what cannot happen adds nothing."""
    return np.log(np.where(values > 0, values, 1.0))

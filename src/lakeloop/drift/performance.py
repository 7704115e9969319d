"""Realised performance on closed days, from grouped counts of score bin x label x day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.config.metric import Task
from lakeloop.drift.intervals import MIN_BLOCKS, Interval, resample_ratios, spread_interval
from lakeloop.errors import DistributionError
from lakeloop.statuses import Status

OUTCOMES_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("block", pa.date32(), nullable=False),
        pa.field("score_bin", pa.int32(), nullable=False),
        pa.field("label", pa.float64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("sum_score", pa.float64(), nullable=False),
        pa.field("sum_loss", pa.float64(), nullable=False),
        pa.field("sum_baseline_loss", pa.float64(), nullable=False),
        pa.field("sum_squared_error", pa.float64()),
    ]
)
"""One row per day, score bin and label, over scored rows whose label is matured.

`label` is the mean label of the cell's rows: 0 or 1 for a classification; of several classes whether the predicted one
came true, and the score is the probability of that; a regression groups by day and score bin only. `sum_loss` is the
log loss (nats) of a classification, the absolute error of a regression; `sum_baseline_loss` the same loss of the
constant reference. `sum_squared_error` (of several classes half the sum over them) may be left out.
"""


@dataclass(frozen=True)
class Performance:
    """How a model did over a window of closed days.

    Attributes:
        status: NOT_MATURED without rows, TOO_FEW_BLOCKS below 3 days (no intervals then), else OK.
        task: Kind of label.
        blocks: Days with matured rows.
        rows: Matured rows.
        metrics: Metric -> value: mean_score, mean_outcome, bias (mean score minus mean outcome), skill (1 - loss
            divided by the baseline's loss); log_loss, brier and roc_auc for a classification, mean_absolute_error for a
            regression. Of several classes mean_score is the mean confidence in the predicted one, mean_outcome the
            accuracy, and there is no roc_auc. A metric that is not defined on the window is not in it.
        intervals: Metric -> interval from resampled days, for bias and skill.
        level: Chance that an interval misses the truth.
        seed: Seed of the resampling.
    """

    status: Status
    task: Task
    blocks: int
    rows: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    level: float
    seed: int

    def exceeds_bias(self, limit: float) -> bool | None:
        """Tell whether the model is off on average.

        Args:
            limit: Greatest absolute bias that is accepted, in the label's unit.

        Returns:
            True when the absolute bias is above the limit and its interval excludes 0; None when it is not known.

        >>> Performance(Status.NOT_MATURED, Task.REGRESSION, 0, 0, {}, {}, 0.05, 0).exceeds_bias(0.02) is None
        True
        """
        if self.status is not Status.OK or "bias" not in self.intervals:
            return None
        return abs(self.metrics["bias"]) > limit and self.intervals["bias"].excludes(0.0)

    def falls_below_skill(self, limit: float) -> bool | None:
        """Tell whether the model lost its skill.

        Args:
            limit: Least skill that is accepted.

        Returns:
            True when the skill is below the limit; None when it is not known.

        >>> Performance(Status.NOT_MATURED, Task.REGRESSION, 0, 0, {}, {}, 0.05, 0).falls_below_skill(0.0) is None
        True
        """
        if self.status is not Status.OK or "skill" not in self.metrics:
            return None
        return self.metrics["skill"] < limit


def measure_performance(outcomes: pa.Table, task: Task, *, level: float = 0.05, seed: int = 0) -> Performance:
    """Measure performance over a window from its grouped counts.

    Args:
        outcomes: Rows of `OUTCOMES_SCHEMA` (closed days only), cells in any number and order; columns that may be null
            may be left out.
        task: Kind of label.
        level: Chance, in (0, 1), that an interval misses the truth.
        seed: Seed of the resampling of days.

    Returns:
        The performance. The area under the curve is exact but for pairs within one score bin, which count as ties.

    Raises:
        DistributionError: If a column is absent, holds nulls or a sum is not finite, or a label of what is no
            regression is other than 0 and 1.

    >>> from datetime import date
    >>> cells = [
    ...     {"block": date(2013, 4, day), "score_bin": label, "label": float(label), "rows": 10,
    ...      "sum_score": 2.0 + 6.0 * label, "sum_loss": 2.0, "sum_baseline_loss": 8.0}
    ...     for day in (1, 2, 3) for label in (0, 1)
    ... ]
    >>> performance = measure_performance(pa.Table.from_pylist(cells), Task.CLASSIFICATION)
    >>> performance.rows, performance.metrics["roc_auc"], performance.metrics["skill"], performance.metrics["bias"]
    (60, 1.0, 0.75, 0.0)
    """
    cells = {name: _numbers(outcomes, name) for name in OUTCOMES_SCHEMA.names if _is_needed(outcomes, name)}
    cells = {name: values[cells["rows"] > 0] for name, values in cells.items()}
    if task is not Task.REGRESSION and not np.isin(cells["label"], [0.0, 1.0]).all():
        raise DistributionError("label", f"the task {task} has labels 0 and 1")
    days, day_of_cell = np.unique(cells["block"], return_inverse=True)
    if len(days) == 0:
        return Performance(Status.NOT_MATURED, task, 0, 0, {}, {}, level, seed)
    daily = {
        name: np.bincount(day_of_cell, weights=values).astype(np.float64)
        for name, values in (cells | {"sum_outcome": cells["label"] * cells["rows"]}).items()
    }
    rows = float(daily["rows"].sum())
    mean_score, mean_outcome = float(daily["sum_score"].sum()) / rows, float(daily["sum_outcome"].sum()) / rows
    loss, baseline = float(daily["sum_loss"].sum()), float(daily["sum_baseline_loss"].sum())
    metrics = {"mean_score": mean_score, "mean_outcome": mean_outcome, "bias": mean_score - mean_outcome}
    if baseline > 0:
        metrics["skill"] = 1 - loss / baseline
    if task is Task.REGRESSION:
        metrics["mean_absolute_error"] = loss / rows
    else:
        metrics["log_loss"] = loss / rows
        if "sum_squared_error" in daily:
            metrics["brier"] = float(daily["sum_squared_error"].sum()) / rows
        area = roc_auc_from_bins(cells["score_bin"], cells["label"], cells["rows"])
        if area is not None and task is Task.CLASSIFICATION:
            metrics["roc_auc"] = area
    intervals = _intervals(daily, metrics, level, seed) if len(days) >= MIN_BLOCKS else {}
    status = Status.OK if len(days) >= MIN_BLOCKS else Status.TOO_FEW_BLOCKS
    return Performance(status, task, len(days), int(rows), metrics, intervals, level, seed)


def roc_auc_from_bins(
    score_bins: npt.NDArray[np.float64], labels: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]
) -> float | None:
    """Compute the area under the ROC curve from counts per score bin.

    The chance that a random positive has a higher score than a random negative, ties counting half.

    Args:
        score_bins: Bin of each cell, ascending with the score, shape [n_cells].
        labels: Label of each cell, 0 or 1, shape [n_cells].
        rows: Rows of each cell, shape [n_cells].

    Returns:
        The area, 0 to 1; None without a positive or without a negative.

    >>> roc_auc_from_bins(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([2, 1, 1]))
    0.75
    """
    _, place = np.unique(score_bins, return_inverse=True)
    positives = np.bincount(place, weights=rows * (labels == 1))
    negatives = np.bincount(place, weights=rows * (labels == 0))
    pairs = float(positives.sum() * negatives.sum())
    if pairs == 0:
        return None
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum()) / pairs


def _intervals(
    daily: Mapping[str, npt.NDArray[np.float64]], metrics: Mapping[str, float], level: float, seed: int
) -> dict[str, Interval]:
    blocks = len(daily["rows"])
    biases = resample_ratios(daily["sum_score"] - daily["sum_outcome"], daily["rows"], np.random.default_rng(seed))
    intervals = {"bias": spread_interval(metrics["bias"], biases, blocks, level)}
    if (daily["sum_baseline_loss"] > 0).all():
        losses = resample_ratios(daily["sum_loss"], daily["sum_baseline_loss"], np.random.default_rng(seed))
        intervals["skill"] = spread_interval(metrics["skill"], losses, blocks, level)
    return intervals


def _is_needed(outcomes: pa.Table, name: str) -> bool:
    return name in outcomes.column_names or not OUTCOMES_SCHEMA.field(name).nullable


def _numbers(outcomes: pa.Table, name: str) -> npt.NDArray[np.float64]:
    if name not in outcomes.column_names:
        raise DistributionError(name, "the column is absent")
    column = outcomes.column(name)
    if column.null_count:
        raise DistributionError(name, f"{column.null_count} cells without a value")
    if pa.types.is_date(column.type):
        column = pc.cast(pc.cast(column, pa.date32()), pa.int32())
    values = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    if not np.isfinite(values).all():
        raise DistributionError(name, "a value is not finite")
    return values

"""The monitor's counts of outcomes, made in this process: what `monitor_counts` counts by Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.estimated_performance import SCORES_SCHEMA
from lakeloop.drift.label_counts import DELAY_QUANTILES
from lakeloop.runs.history.scored import KnownLabels
from lakeloop.runs.monitor_counts import SCORE_BINS, Outcomes
from lakeloop.runs.truth import refuse_conflicts
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import LabelStatus

_CLIP = 1e-15
_SUMS = ("sum_score", "sum_loss", "sum_baseline_loss", "sum_squared_error")


def count_known_outcomes(
    model: Model,
    scores: NDArray[np.float64],
    labels: KnownLabels,
    chosen: NDArray[np.bool_],
    target_rate: float,
) -> Outcomes:
    """Count scored rows by day, score and what became of them.

    Args:
        model: The model's declaration; its label is a number, or yes and no.
        scores: Scores, shape [n_rows].
        labels: What is known of the rows' labels.
        chosen: Rows that are counted, shape [n_rows].
        target_rate: The reference's mean label: the constant prediction to compare with.

    Returns:
        The counts, as `count_outcomes` gives them.

    Raises:
        DataContractError: If rows of the label's source disagree, and no policy says what counts.
    """
    score, y, status = scores[chosen], labels.label[chosen], labels.status[chosen]
    matured = status == LabelStatus.MATURED.value
    refuse_conflicts(model.model, model.label, int(labels.conflict[chosen].sum()))
    is_regression = model.task is Task.REGRESSION
    if is_regression:
        score_bin = np.zeros(len(score), dtype=np.int32)
        loss, baseline = np.abs(score - y), np.abs(target_rate - y)
    else:
        score_bin = np.minimum(np.floor(score * SCORE_BINS), SCORE_BINS - 1).astype(np.int32)
        loss, baseline = _log_loss(score, y), _log_loss(np.full(len(score), target_rate), y)
    block = labels.block[chosen]
    cells = pa.table(
        {
            "block": pa.array(block),
            "score_bin": score_bin,
            "label": y,
            "rows": np.ones(len(score), dtype=np.int64),
            "sum_score": score,
            "sum_loss": loss,
            "sum_baseline_loss": baseline,
            "sum_squared_error": (score - y) ** 2,
        }
    )
    sums = [("rows", "sum"), *((name, "sum") for name in _SUMS)]
    if is_regression:
        found = cells.filter(pa.array(matured)).group_by(["block", "score_bin"]).aggregate([*sums, ("label", "mean")])
        found = found.rename_columns([name.removesuffix("_sum").removesuffix("_mean") for name in found.column_names])
        scored = SCORES_SCHEMA.empty_table()
    else:
        found = cells.filter(pa.array(matured)).group_by(["block", "score_bin", "label"]).aggregate(sums)
        found = found.rename_columns([name.removesuffix("_sum") for name in found.column_names])
        counted = cells.group_by(["block", "score_bin"]).aggregate([("rows", "sum"), ("sum_score", "sum")])
        counted = counted.rename_columns([name.removesuffix("_sum") for name in counted.column_names])
        scored = counted.select(SCORES_SCHEMA.names).cast(SCORES_SCHEMA)
    pending = status == LabelStatus.PENDING.value
    return Outcomes(
        found,
        _by_day(block, status == LabelStatus.VOID.value),
        _by_day(block, pending),
        _by_day(block, pending, labels.never[chosen]),
        scored,
    )


def measure_known_delays(
    labels: KnownLabels, chosen: NDArray[np.bool_], windows: Sequence[MonitorWindow]
) -> dict[date, tuple[float, ...]]:
    """Measure how long labels took to be known, from the prediction on.

    Args:
        labels: What is known of the rows' labels.
        chosen: Rows that are looked at, shape [n_rows].
        windows: The windows.

    Returns:
        First day of a window -> seconds at `DELAY_QUANTILES`, of its matured rows; no window without such rows.
    """
    found: dict[date, tuple[float, ...]] = {}
    known = chosen & labels.matured
    for window in windows:
        first, last = np.datetime64(window.first_day, "D"), np.datetime64(window.last_day, "D")
        delays = labels.delay_seconds[known & (labels.block >= first) & (labels.block <= last)]
        if len(delays):
            quantiles = np.quantile(delays, DELAY_QUANTILES, method="inverted_cdf")
            found[window.first_day] = tuple(float(each) for each in quantiles)
    return found


def _log_loss(score: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.maximum(np.minimum(score, 1 - _CLIP), _CLIP)
    return np.asarray(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))


def _by_day(
    block: NDArray[np.datetime64], rows: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None
) -> tuple[tuple[date, int], ...]:
    """Count rows by day; where only some of them are counted, days without such rows stand with 0."""
    days, place = np.unique(block[rows], return_inverse=True)
    numbers = np.bincount(place, weights=None if counted is None else counted[rows], minlength=len(days))
    return tuple((day.astype(object), int(number)) for day, number in zip(days, numbers, strict=True))

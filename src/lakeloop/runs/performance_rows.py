"""How a version did, its labels and its slices, as rows of the monitoring tables; and read back from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lakeloop.config.metric import Task
from lakeloop.drift.calibration import CalibrationBin
from lakeloop.drift.estimated_performance import Estimate
from lakeloop.drift.intervals import Interval
from lakeloop.drift.label_counts import DELAY_QUANTILES, LabelCounts
from lakeloop.drift.performance import Performance
from lakeloop.drift.reference import Reference
from lakeloop.drift.slice_performance import SlicePerformance
from lakeloop.schemas import LABEL_SLICE, SCORE_SLICE, WORST_RANK
from lakeloop.statuses import LabelStatus, Status


def performance_rows(performance: Performance, void_rows: int, reference: Reference) -> list[dict[str, Any]]:
    """Give the realised metrics of a window.

    Args:
        performance: What was measured on closed days.
        void_rows: Closed rows without a label.
        reference: The champion's reference, whose mean label, or shares of classes, is the constant prediction that is
            compared with.

    Returns:
        Columns of `monitoring.performance`, one row per metric; one row of metric `none` when nothing was measured.

    >>> from datetime import UTC, datetime
    >>> reference = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
    >>> waiting = Performance(Status.NOT_MATURED, Task.CLASSIFICATION, 0, 0, {}, {}, 0.05, 7)
    >>> performance_rows(waiting, 0, reference)
    [{'rows': 0, 'rows_void': 0, 'closed_days': 0, 'status': 'NOT_MATURED', 'metric': 'none'}]
    """
    same = {
        "rows": performance.rows,
        "rows_void": void_rows,
        "closed_days": performance.blocks,
        "status": performance.status.value,
    }
    if performance.status is Status.NOT_MATURED or not performance.metrics:
        return [{**same, "metric": "none"}]
    loss = "log_loss" if "log_loss" in performance.metrics else "mean_absolute_error"
    skill = performance.metrics.get("skill")
    baselines: dict[str, float | None] = {"skill": 0.0}
    if performance.task is Task.MULTICLASS:  # how often its one class is right in the window is not counted
        baselines["mean_score"] = max(reference.target_shares or (), default=None)
    elif reference.target_rate is not None:
        baselines["bias"] = reference.target_rate - performance.metrics["mean_outcome"]
        baselines |= {"mean_score": reference.target_rate, "roc_auc": 0.5}
    if skill is not None and skill < 1:
        baselines[loss] = performance.metrics[loss] / (1 - skill)
    rows = []
    for metric, value in sorted(performance.metrics.items()):
        interval = performance.intervals.get(metric)
        rows.append(
            {
                **same,
                "metric": metric,
                "value": value,
                "lower": None if interval is None else interval.low,
                "upper": None if interval is None else interval.high,
                "baseline": baselines.get(metric),
            }
        )
    return rows


def label_rows(labels: LabelCounts, performance: Performance) -> list[dict[str, Any]]:
    """Tell how far the labels of a window are, beside what was measured on the closed ones.

    Args:
        labels: Rows by the status of their label.
        performance: What was measured.

    Returns:
        Columns of `monitoring.performance`, slices of the label's status: the share of each status, and the quantiles
        of the delay. What there are no rows for has a status that says so, and no value.

    >>> measured = Performance(Status.OK, Task.CLASSIFICATION, 3, 60, {}, {}, 0.05, 7)
    >>> rows = label_rows(LabelCounts(60, 20, 20, (3600.0, 7200.0, 86400.0)), measured)
    >>> [(row["slice_value"], row["metric"], row["value"], row["status"]) for row in rows[:1] + rows[-1:]]
    [('CLOSED', 'share', 0.8, 'OK'), ('MATURED', 'delay_seconds_p99', 86400.0, 'OK')]
    >>> {(row["value"], row["status"]) for row in label_rows(LabelCounts(0, 0, 5), measured)[-3:]}
    {(None, 'NOT_MATURED')}
    """
    same = {"slice_key": LABEL_SLICE, "rows_void": 0, "closed_days": performance.blocks}
    shares = [
        {"slice_value": name, "metric": "share", "value": share, "rows": rows}
        for name, (rows, share) in labels.shares.items()
    ]
    delays = [
        {
            "slice_value": LabelStatus.MATURED.value,
            "metric": f"delay_seconds_p{round(100 * quantile)}",
            "value": labels.delays[place] if labels.delays else None,
            "rows": labels.matured,
        }
        for place, quantile in enumerate(DELAY_QUANTILES)
    ]
    of_shares = Status.OK if labels.total else Status.EMPTY_WINDOW
    of_delays = Status.OK if labels.delays else Status.NOT_MATURED
    return [{**same, **row, "status": of_shares.value} for row in shares] + [
        {**same, **row, "status": of_delays.value} for row in delays
    ]


def estimate_rows(estimate: Estimate, open_rows: int) -> list[dict[str, Any]]:
    """Give what the performance of a window is expected to be.

    Args:
        estimate: What was estimated over the window.
        open_rows: Scored rows of days that are not closed.

    Returns:
        Columns of `monitoring.estimated_performance`, one row per metric; one row of metric `none` when nothing was
        estimated.

    >>> from lakeloop.drift.estimated_performance import VersionCalibration
    >>> from lakeloop.statuses import EstimateStatus
    >>> unknown = Estimate(EstimateStatus.CALIBRATION_UNKNOWN, 40, 3, {}, VersionCalibration(None, False))
    >>> [(row["metric"], row["value"], row["status"]) for row in estimate_rows(unknown, 7)]
    [('none', None, 'CALIBRATION_UNKNOWN')]
    """
    same = {
        "rows": estimate.rows,
        "rows_open": open_rows,
        "scored_days": estimate.days,
        "calibration_error": estimate.calibration.error,
        "status": estimate.status.value,
    }
    if not estimate.metrics:
        return [{**same, "metric": "none", "value": None}]
    return [{**same, "metric": metric, "value": value} for metric, value in sorted(estimate.metrics.items())]


def read_performance(rows: Iterable[Mapping[str, Any]], task: Task) -> Performance:
    """Read back what `performance_rows` gave, as far as alarms look at it.

    Args:
        rows: Rows of `monitoring.performance` of one window, over all its rows.
        task: Kind of label.

    Returns:
        Status, counts, metrics and intervals; level and seed of the intervals are not recorded, and are 0.

    >>> from datetime import UTC, datetime
    >>> reference = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
    >>> metrics = {"mean_score": 0.3, "mean_outcome": 0.2, "bias": 0.1, "log_loss": 0.5}
    >>> counts = {"status": Status.OK, "task": Task.CLASSIFICATION, "blocks": 7, "rows": 90}
    >>> measured = Performance(**counts, metrics=metrics, intervals={"bias": Interval(0.05, 0.15)}, level=0, seed=0)
    >>> read_performance(performance_rows(measured, 0, reference), Task.CLASSIFICATION) == measured
    True
    """
    told = list(rows)
    metrics = {row["metric"]: row["value"] for row in told if row.get("value") is not None}
    bounds = {row["metric"]: (row.get("lower"), row.get("upper")) for row in told}
    intervals = {
        metric: Interval(lower, upper)
        for metric, (lower, upper) in bounds.items()
        if lower is not None and upper is not None
    }
    first = told[0]
    return Performance(Status(first["status"]), task, first["closed_days"], first["rows"], metrics, intervals, 0, 0)


def calibration_rows(performance: Performance, bins: Iterable[CalibrationBin]) -> list[dict[str, Any]]:
    """Give the realised calibration of a window: predicted and realised share per stretch of the score.

    Args:
        performance: What was measured over the whole window.
        bins: What was measured per stretch.

    Returns:
        Columns of `monitoring.performance`, two rows per stretch, as slices of the score.

    >>> stretch = CalibrationBin(lower=0.2, upper=0.3, rows=40, days=3, mean_score=0.21, mean_outcome=0.25)
    >>> measured = Performance(Status.OK, Task.CLASSIFICATION, 3, 40, {}, {}, 0.05, 7)
    >>> [(row["slice_value"], row["metric"], row["value"]) for row in calibration_rows(measured, [stretch])]
    [('0.2 to 0.3', 'mean_outcome', 0.25), ('0.2 to 0.3', 'mean_score', 0.21)]
    """
    return [
        {
            "slice_key": SCORE_SLICE,
            "slice_value": each.name,
            "metric": metric,
            "value": value,
            "rows": each.rows,
            "rows_void": 0,
            "closed_days": each.days,
            "status": performance.status.value,
        }
        for each in bins
        for metric, value in (("mean_outcome", each.mean_outcome), ("mean_score", each.mean_score))
    ]


def slice_performance_rows(slices: Iterable[SlicePerformance]) -> list[dict[str, Any]]:
    """Give the realised performance of a window's slices.

    Args:
        slices: What was measured.

    Returns:
        Columns of `monitoring.performance`: bias with its interval, mean score and outcome, skill, and of the worst
        slices their rank.

    >>> found = SlicePerformance("origin", "JFK", Status.OK, 700, 7, 0.2, 0.4, 0.1, Interval(-0.25, -0.15), 1)
    >>> [(row["metric"], row["value"], row["lower"]) for row in slice_performance_rows([found])][:2]
    [('bias', -0.2, -0.25), ('mean_outcome', 0.4, None)]
    """
    rows = []
    for each in slices:
        metrics = {
            "bias": each.bias,
            "mean_outcome": each.mean_outcome,
            "mean_score": each.mean_score,
            "skill": each.skill,
            **({WORST_RANK: float(each.rank)} if each.rank is not None else {}),
        }
        bounds = (each.interval.low, each.interval.high) if each.interval is not None else (None, None)
        rows += [
            {
                "slice_key": each.slice_key,
                "slice_value": each.slice_value,
                "metric": metric,
                "value": value,
                "lower": bounds[0] if metric == "bias" else None,
                "upper": bounds[1] if metric == "bias" else None,
                "rows": each.rows,
                "rows_void": 0,
                "closed_days": each.blocks,
                "status": each.status.value,
            }
            for metric, value in metrics.items()
        ]
    return rows

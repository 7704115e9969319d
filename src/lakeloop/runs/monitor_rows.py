"""Verdicts as rows of the monitoring tables, under the column names of Databricks data profiling."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from lakeloop.drift.counts import DailyCounts
from lakeloop.drift.performance import Performance
from lakeloop.drift.reference import Reference
from lakeloop.drift.targets import RateVerdict
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.statuses import Role, Status


def profile_row(verdict: ColumnVerdict, laid: DailyCounts) -> dict[str, Any]:
    """Give the profile of a column in a window.

    Args:
        verdict: The column's verdict.
        laid: The window's counts per day and bin.

    Returns:
        Columns of `monitoring.profile_metrics`.
    """
    daily, totals = laid.rows.get(verdict.column), laid.totals.get(verdict.column)
    counts = [] if daily is None else [int(each) for each in daily.sum(axis=0)]
    nulls = counts[-1] if counts else 0
    has_mean = verdict.statistic == "psi" and totals is not None and sum(counts) > nulls
    return {
        "column_name": verdict.column,
        "count": verdict.rows,
        "num_nulls": nulls,
        "percent_null": None if verdict.null_fraction is None else 100.0 * verdict.null_fraction,
        "avg": float(totals.sum()) / (sum(counts) - nulls) if has_mean and totals is not None else None,
        "bins": counts,
        "status": verdict.status.value,
    }


def drift_row(verdict: ColumnVerdict, *, is_prediction: bool) -> dict[str, Any]:
    """Give the drift of a column in a window.

    Args:
        verdict: The column's verdict.
        is_prediction: Whether the column is the score.

    Returns:
        Columns of `monitoring.drift_metrics`.
    """
    return {
        "drift_type": "BASELINE",
        "column_name": verdict.column,
        "kind": "prediction" if is_prediction else "feature",
        "role": verdict.role.value,
        "test": verdict.statistic,
        "statistic": verdict.value,
        "threshold": verdict.threshold,
        "population_stability_index": verdict.value if verdict.statistic == "psi" else None,
        "tv_distance": verdict.value if verdict.statistic == "total_variation" else None,
        "count": verdict.rows,
        "status": verdict.status.value,
        "verdict": verdict.verdict.value,
        "evidence": json.dumps({**verdict.evidence, "min_effect": verdict.min_effect}, sort_keys=True),
    }


def target_row(verdict: RateVerdict) -> dict[str, Any]:
    """Give the drift of the label in a window.

    Args:
        verdict: The verdict on the label's mean.

    Returns:
        Columns of `monitoring.drift_metrics`.
    """
    evidence = {key: value for key, value in asdict(verdict).items() if key not in ("status", "verdict")}
    return {
        "drift_type": "BASELINE",
        "column_name": "label",
        "kind": "target",
        "role": Role.REGIME.value,
        "test": "difference_of_means",
        "statistic": verdict.difference,
        "threshold": verdict.min_effect,
        "count": verdict.window_rows,
        "status": verdict.status.value,
        "verdict": verdict.verdict.value,
        "evidence": json.dumps(evidence, sort_keys=True),
    }


def performance_rows(performance: Performance, void_rows: int, reference: Reference) -> list[dict[str, Any]]:
    """Give the realised metrics of a window.

    Args:
        performance: What was measured on closed days.
        void_rows: Closed rows without a label.
        reference: The champion's reference, whose mean label is the constant prediction compared with.

    Returns:
        Columns of `monitoring.performance`, one row per metric; one row of metric `none` when nothing was measured.
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
    baselines = {
        "bias": (reference.target_rate or 0.0) - performance.metrics["mean_outcome"],
        "mean_score": reference.target_rate,
        "skill": 0.0,
        "roc_auc": 0.5,
    }
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

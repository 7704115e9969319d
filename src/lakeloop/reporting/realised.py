"""Realised performance: from recorded metric rows to windows and turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lakeloop.reporting.windows import Realised, WindowPerformance
from lakeloop.statuses import Status

Row = Mapping[str, Any]


def read_windows(rows: Iterable[Row], loss_name: str) -> tuple[WindowPerformance, ...]:
    """Gather the metric rows of each window and evaluation.

    Args:
        rows: Rows of `monitoring.performance` of one model; those of slices are left out.
        loss_name: Metric that stands for the loss.

    Returns:
        One entry per evaluation, version and window, by window end, start, version and evaluation. A figure whose
        status is not OK is None.

    >>> from datetime import UTC
    >>> window = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"as_of": window["end"], "model_version": "1", "window": window, "slice_key": None, "metric": "log_loss",
    ...        "value": 0.375, "baseline": 0.5, "lower": None, "upper": None, "rows": 10, "rows_void": 1,
    ...        "closed_days": 7, "status": "OK"}
    >>> [(each.loss, each.skill) for each in read_windows([row], "log_loss")]
    [(0.375, 0.25)]
    """
    by_window: dict[tuple[datetime, str, datetime, datetime], dict[str, Row]] = {}
    for row in rows:
        if row.get("slice_key") is None:
            window = row["window"]
            key = (window["end"], str(row["model_version"] or ""), window["start"], row["as_of"])
            by_window.setdefault(key, {})[row["metric"]] = row
    return tuple(_window(by_window[key], loss_name) for key in sorted(by_window))


def _window(metrics: Mapping[str, Row], loss_name: str) -> WindowPerformance:
    leading = metrics.get(loss_name) or next(iter(metrics.values()))

    def figure(metric: str, name: str = "value") -> float | None:
        row = metrics.get(metric)
        return None if row is None or row["status"] != Status.OK else row[name]

    return WindowPerformance(
        as_of=leading["as_of"],
        version=leading["model_version"],
        start=leading["window"]["start"],
        end=leading["window"]["end"],
        status=leading["status"],
        loss=figure(loss_name),
        baseline=figure(loss_name, "baseline"),
        auc=figure("roc_auc"),
        bias=figure("bias"),
        bias_lower=figure("bias", "lower"),
        bias_upper=figure("bias", "upper"),
        rows=leading["rows"],
        rows_void=leading["rows_void"],
        closed_days=leading["closed_days"],
        mean_score=figure("mean_score"),
        mean_outcome=figure("mean_outcome"),
        skill_lower=figure("skill", "lower"),
        skill_upper=figure("skill", "upper"),
    )


def keep_newest(windows: Iterable[WindowPerformance]) -> tuple[WindowPerformance, ...]:
    """Keep the newest evaluation of each window and version, in the order of the windows.

    Args:
        windows: Windows in any order.

    Returns:
        One entry per window and version, by end, start and version.

    >>> from dataclasses import replace
    >>> early = replace(judged, status="NOT_MATURED", loss=None)
    >>> [window.loss for window in keep_newest([judged, early])]
    [None]
    """
    newest: dict[tuple[datetime, datetime, str], WindowPerformance] = {}
    for window in sorted(windows, key=lambda each: each.as_of):
        newest[window.end, window.start, window.version or ""] = window
    return tuple(newest[key] for key in sorted(newest))


def summarise(windows: Sequence[WindowPerformance]) -> Realised:
    """Sum up the windows judged in one turn.

    Longer windows come first, and a window that overlaps one already taken is left out, so no row counts twice. Losses
    and biases weighted by rows are exactly those of all rows together; areas are only a mean.

    Args:
        windows: Windows of one evaluation.

    Returns:
        The figures; None where no window was judged. The baseline is over the windows that have one, and the loss is
        over the same ones when there are any.

    >>> summarise([])
    Realised(loss=None, baseline=None, auc=None, bias=None, rows=0, judged=0, unjudged=())
    """
    taken: list[WindowPerformance] = []
    judged = [window for window in windows if window.status == Status.OK]
    for window in sorted(judged, key=lambda each: (each.start - each.end, each.start)):
        if all(window.end <= other.start or other.end <= window.start for other in taken):
            taken.append(window)
    missing = Counter(window.status for window in windows if window.status != Status.OK)
    with_baseline = [window for window in taken if window.loss is not None and window.baseline is not None]
    return Realised(
        loss=_mean(with_baseline or taken, lambda each: each.loss),
        baseline=_mean(with_baseline, lambda each: each.baseline),
        auc=_mean(taken, lambda each: each.auc),
        bias=_mean(taken, lambda each: each.bias),
        rows=sum(window.rows for window in taken),
        judged=len(taken),
        unjudged=tuple(f"{count} {status}" for status, count in sorted(missing.items())),
    )


def _mean(windows: Sequence[WindowPerformance], figure: Callable[[WindowPerformance], float | None]) -> float | None:
    found = [(value, window.rows) for window in windows if (value := figure(window)) is not None]
    rows = sum(count for _, count in found)
    return sum(value * count for value, count in found) / rows if rows else None

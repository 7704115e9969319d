"""Realised calibration as the report shows it: predicted and realised share per stretch of the score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.schemas import SCORE_SLICE
from lakeloop.statuses import Status

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ScoreStretch:
    """Answers whose score lies in one stretch.

    Attributes:
        name: The stretch, `0.2 to 0.3`.
        rows: Answers whose label is known.
        predicted: Their mean score.
        realised: Share of them that came true.
    """

    name: str
    rows: int
    predicted: float
    realised: float


@dataclass(frozen=True)
class Calibration:
    """How predicted shares compare with realised ones, over closed windows of one model version.

    Attributes:
        version: The version; None when nothing was recorded.
        start: First instant of the first window.
        end: First instant after the last one.
        windows: Windows that were pooled; overlapping ones are left out.
        stretches: Ascending by the score.
    """

    version: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    windows: int = 0
    stretches: tuple[ScoreStretch, ...] = ()


def pool_calibration(rows: Iterable[Row]) -> Calibration:
    """Pool the stretches of the version that was evaluated last, over its judged windows.

    Args:
        rows: Rows of `monitoring.performance` of one model.

    Returns:
        The newest evaluation of each window counts; weighted by rows, so the shares are those of all rows together.

    >>> from datetime import UTC
    >>> window = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> same = {"as_of": window["end"], "model_version": "1", "window": window, "slice_key": "score",
    ...         "slice_value": "0.2 to 0.3", "rows": 40, "status": "OK"}
    >>> pool_calibration([{**same, "metric": "mean_score", "value": 0.25},
    ...                   {**same, "metric": "mean_outcome", "value": 0.3}]).stretches
    (ScoreStretch(name='0.2 to 0.3', rows=40, predicted=0.25, realised=0.3),)
    """
    chosen = [row for row in rows if row.get("slice_key") == SCORE_SLICE and row["status"] == Status.OK]
    if not chosen:
        return Calibration()
    last = max(chosen, key=lambda row: (row["as_of"], row["window"]["end"]))
    version = last["model_version"]
    newest: dict[tuple[datetime, datetime], datetime] = {}
    for row in chosen:
        if row["model_version"] == version:
            window = (row["window"]["end"], row["window"]["start"])
            newest[window] = max(newest.get(window, row["as_of"]), row["as_of"])
    taken: dict[tuple[datetime, datetime], datetime] = {}
    for window in sorted(newest, reverse=True):
        if all(window[0] <= other[1] for other in taken):
            taken[window] = newest[window]
    sums: dict[str, dict[str, float]] = {}
    for row in chosen:
        window = (row["window"]["end"], row["window"]["start"])
        if row["model_version"] == version and taken.get(window) == row["as_of"]:
            cell = sums.setdefault(row["slice_value"], {"rows": 0.0, "mean_score": 0.0, "mean_outcome": 0.0})
            cell[row["metric"]] += row["value"] * row["rows"]
            cell["rows"] += row["rows"] if row["metric"] == "mean_score" else 0
    stretches = [
        ScoreStretch(name, int(cell["rows"]), cell["mean_score"] / cell["rows"], cell["mean_outcome"] / cell["rows"])
        for name, cell in sums.items()
        if cell["rows"]
    ]
    return Calibration(
        version=version,
        start=min(start for _, start in taken),
        end=max(end for end, _ in taken),
        windows=len(taken),
        stretches=tuple(sorted(stretches, key=lambda each: each.predicted)),
    )

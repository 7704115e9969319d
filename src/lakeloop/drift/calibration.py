"""Calibration on closed days: what was predicted and what came, per stretch of the score, from grouped counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

EDGES: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05, *(step / 10 for step in range(1, 10)), 0.95, 0.98, 0.99, 1.0)
"""Fixed, so that the bins of several windows add up; finer at both ends, where rare and near certain labels live."""


@dataclass(frozen=True)
class CalibrationBin:
    """Scored rows whose score lies in one stretch, over a window of closed days.

    Attributes:
        lower: Least score of the stretch, included.
        upper: Greatest one, not included but for 1.
        rows: Rows with a label.
        days: Closed days with such rows.
        mean_score: Their mean predicted probability.
        mean_outcome: Share of them whose label came true.
    """

    lower: float
    upper: float
    rows: int
    days: int
    mean_score: float
    mean_outcome: float

    @property
    def name(self) -> str:
        """The stretch as text, as it stands in `monitoring.performance`."""
        return f"{self.lower:g} to {self.upper:g}"


def calibrate(outcomes: pa.Table, score_bins: int, edges: Sequence[float] = EDGES) -> tuple[CalibrationBin, ...]:
    """Hold predicted probabilities against outcomes, stretch by stretch of the score.

    Args:
        outcomes: Cells of a classification, closed days only, with `block`, `score_bin`, `label` (0 or 1), `rows` and
            `sum_score`.
        score_bins: Bins of equal width into which `score_bin` cuts the scores from 0 to 1.
        edges: Ascending, from 0 to 1, each a multiple of the width of a score bin.

    Returns:
        The stretches that hold rows, ascending.

    >>> cells = [
    ...     {"block": 1, "score_bin": 42, "label": label, "rows": rows, "sum_score": 0.2125 * rows}
    ...     for label, rows in ((0.0, 30), (1.0, 10))
    ... ]
    >>> calibrate(pa.Table.from_pylist(cells), 200)
    (CalibrationBin(lower=0.2, upper=0.3, rows=40, days=1, mean_score=0.2125, mean_outcome=0.25),)
    """
    starts = np.rint(np.asarray(edges) * score_bins)
    names = ("score_bin", "rows", "sum_score", "label")
    score_bin, rows, scores, label = (np.asarray(outcomes[name].to_numpy(), dtype=np.float64) for name in names)
    days = np.asarray(outcomes["block"].to_pylist(), dtype=object)
    place = np.clip(np.searchsorted(starts, score_bin, side="right") - 1, 0, len(edges) - 2)
    found = []
    for index in np.unique(place[rows > 0]):
        inside = (place == index) & (rows > 0)
        count = float(rows[inside].sum())
        found.append(
            CalibrationBin(
                lower=float(edges[index]),
                upper=float(edges[index + 1]),
                rows=int(count),
                days=len(set(days[inside])),
                mean_score=float(scores[inside].sum()) / count,
                mean_outcome=float((label * rows)[inside].sum()) / count,
            )
        )
    return tuple(found)

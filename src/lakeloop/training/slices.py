"""The gate's metric per value of its slice columns, with intervals from resampled days."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lakeloop.config.gate import Gate
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.classes import top_label
from lakeloop.training.gate.slices import group_rows
from lakeloop.training.metric_intervals import MetricInterval, mean_interval
from lakeloop.training.metrics import row_losses

MIN_SLICE_ROWS = 10
"""Rows below which a slice has no figures: they would say nothing of the model, and something of single rows."""


@dataclass(frozen=True)
class SliceInterval:
    """The gate's metric on the rows of the holdout with one value of a slice column.

    Attributes:
        column: The slice column.
        value: Its value as text; `(null)`, or `(other)` for those beyond the most frequent ones; None where the column
            says something of a person, and nothing was computed.
        mean_outcome: Mean label of the rows, of several classes the share predicted right; None where nothing was
            computed.
        found: The metric with its interval; its status is HIDDEN where the column says something of a person, and
            TOO_FEW_ROWS below 10 rows.
    """

    column: str
    value: str | None
    mean_outcome: float | None
    found: MetricInterval

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON; the column and its value are named as in `monitoring.performance`.

        >>> from lakeloop.config.metric import Metric
        >>> found = MetricInterval(Metric.BRIER, EvidenceStatus.OK, 0.25, 0.2, 0.3, 40, 20, 300)
        >>> told = SliceInterval("shop", "A", 0.5, found).to_dict()
        >>> told["slice_key"], told["slice_value"], told["metric"], told["value"]
        ('shop', 'A', 'brier', 0.25)
        """
        named = {"slice_key": self.column, "slice_value": self.value, "mean_outcome": self.mean_outcome}
        return {**named, **self.found.to_dict()}


def estimate_slices(
    gate: Gate,
    y: ArrayLike,
    score: ArrayLike,
    days: NDArray[np.datetime64],
    values: Mapping[str, ArrayLike],
    *,
    hidden: Set[str] = frozenset(),
    seed: int = 0,
) -> tuple[SliceInterval, ...]:
    """Compute the gate's metric per value of each slice column.

    Args:
        gate: Metric, slice columns, confidence, and the days below which there is no interval.
        y: Outcomes, shape (n_rows,).
        score: Probabilities of 1, or predictions, shape (n_rows,).
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        values: Slice column -> its values, shape (n_rows,).
        hidden: Columns that say something of a person: they get one line without values.
        seed: Seed of the resampled days.

    Returns:
        Slices in the order of the gate's columns; within one, those with most rows first. Beyond 100 values the rest
        is one slice.

    Raises:
        DistributionError: If the gate declares a slice whose column is absent, or a length differs.

    >>> gate = Gate.model_validate({"metric": "brier", "non_inferior_by": 0.1, "slices": ["shop"], "min_blocks": 2})
    >>> days = np.repeat(np.array(["2013-01-01", "2013-01-02"], dtype="datetime64[D]"), 6)
    >>> found = estimate_slices(gate, np.zeros(12), np.full(12, 0.5), days, {"shop": [*"AAAAAAAAAA", None, None]})
    >>> [(each.value, each.found.rows, each.found.value, each.found.status.value) for each in found]
    [('A', 10, 0.25, 'OK'), ('(null)', 2, None, 'TOO_FEW_ROWS')]
    """
    losses, (outcomes, _) = row_losses(gate.metric, y, score), top_label(y, np.asarray(score, dtype=np.float64))
    found = []
    for column in gate.slices:
        if column in hidden:
            nothing = MetricInterval(gate.metric, EvidenceStatus.HIDDEN, None, None, None, len(losses), 0, 0)
            found.append(SliceInterval(column, None, None, nothing))
            continue
        if column not in values:
            raise DistributionError(f"slices.{column}", "the gate declares this slice, the holdout lacks the column")
        for value, rows in group_rows(values[column]):
            if rows.shape != losses.shape:
                raise DistributionError(f"slices.{column}", f"shape {rows.shape} does not fit y of {losses.shape}")
            size = int(rows.sum())
            if size < MIN_SLICE_ROWS:
                few = len(np.unique(days[rows]))
                nothing = MetricInterval(gate.metric, EvidenceStatus.TOO_FEW_ROWS, None, None, None, size, few, 0)
                found.append(SliceInterval(column, value, None, nothing))
                continue
            measured = mean_interval(
                gate.metric,
                losses[rows],
                days[rows],
                confidence=gate.confidence,
                min_blocks=gate.min_blocks,
                seed=seed,
            )
            found.append(SliceInterval(column, value, float(outcomes[rows].mean()), measured))
    return tuple(found)

"""The challenger's losses against those of another model on the same rows, by an interval from resampled days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.gate import Gate
from lakeloop.statuses import GateStatus
from lakeloop.training.gate.check import NAN, Check
from lakeloop.training.metrics import FloatArray
from lakeloop.training.resampling import DifferenceInterval, resample_difference


@dataclass(frozen=True)
class Losses:
    """Losses per row of the sides, all of shape (n_rows,).

    Attributes:
        ours: Of the challenger.
        baseline: Of the constant model.
        theirs: Of the champion, NaN where it may not be compared.
        comparable: Rows on which it may.
        days: Closed day of the row, datetime64[D].
        seed: Of the resampled days.

    >>> days = np.repeat(np.datetime64("2013-01-01", "D") + np.arange(2), 2)
    >>> losses = Losses(np.ones(4), np.full(4, 3.0), np.array([2.0, 2, 2, np.nan]), np.arange(4) < 3, days)
    >>> gate = Gate(metric="brier", superior_by=0.01, min_blocks=2)
    >>> losses.over_champion(gate, np.ones(4, dtype=bool)).difference, losses.over_baseline(gate).rows
    (-1.0, 4)
    """

    ours: FloatArray
    baseline: FloatArray
    theirs: FloatArray
    comparable: NDArray[np.bool_]
    days: NDArray[np.datetime64]
    seed: int = 0

    def over_baseline(self, gate: Gate) -> DifferenceInterval:
        """Compare with the constant model, on all rows."""
        return self._difference(gate, self.baseline, np.ones(len(self.ours), dtype=bool))

    def over_champion(self, gate: Gate, rows: NDArray[np.bool_]) -> DifferenceInterval:
        """Compare with the champion.

        Args:
            gate: Confidence and number of resamples.
            rows: Rows that count, shape (n_rows,); those on which the champion may not be compared are left out.

        Returns:
            The difference of mean losses, with its interval.
        """
        return self._difference(gate, self.theirs, rows & self.comparable)

    def _difference(self, gate: Gate, losses: FloatArray, rows: NDArray[np.bool_]) -> DifferenceInterval:
        return resample_difference(
            self.ours[rows],
            losses[rows],
            self.days[rows],
            confidence=gate.confidence,
            resamples=gate.resamples,
            seed=self.seed,
            block_days=gate.block_days,
        )


def describe_difference(gate: Gate, found: DifferenceInterval, other: str) -> str:
    """Put a difference with its interval into words.

    Args:
        gate: Its metric and confidence.
        found: The difference.
        other: What the challenger was compared with.

    Returns:
        The figures, with days and rows.

    >>> gate = Gate(metric="brier", superior_by=0.01)
    >>> describe_difference(gate, DifferenceInterval(-0.25, -0.5, 0.0, 14, 28), "champion")
    'brier of challenger minus champion -0.25000 (95% interval -0.50000 to +0.00000; 14 days, 28 rows)'
    """
    return (
        f"{gate.metric} of challenger minus {other} {found.difference:+.5f} "
        f"({gate.confidence:.0%} interval {found.lower:+.5f} to {found.upper:+.5f}; "
        f"{found.days} days, {found.rows} rows)"
    )


def _judge(name: str, gate: Gate, found: DifferenceInterval, other: str, bound: float, *, no_worse: bool) -> Check:
    needed_days = gate.min_blocks * gate.block_days
    if found.days < needed_days:
        detail = f"{found.days} comparable days, {needed_days} needed"
        return Check(name, GateStatus.INSUFFICIENT, found.difference, bound, detail, found.lower, found.upper)
    holds = found.upper < bound and (found.difference <= 0 or not no_worse)
    needed = f"at most 0 with upper end below {bound:g}" if no_worse else f"upper end below {bound:g}"
    detail = f"{describe_difference(gate, found, other)}; needed: {needed}"
    status = GateStatus.PASS if holds else GateStatus.FAIL
    return Check(name, status, found.difference, bound, detail, found.lower, found.upper)


def check_baseline(gate: Gate, losses: Losses) -> list[Check]:
    """Ask for superiority over the constant model: the whole interval below 0.

    Args:
        gate: What the challenger has to show.
        losses: Losses per row.

    Returns:
        The check, where the baseline is among what is compared.

    >>> days = np.repeat(np.datetime64("2013-01-01", "D") + np.arange(10), 2)
    >>> losses = Losses(np.ones(20), np.full(20, 3.0), np.full(20, np.nan), np.zeros(20, dtype=bool), days)
    >>> found = check_baseline(Gate(metric="brier", superior_by=0.01), losses)
    >>> [(each.name, each.status.value, each.value) for each in found]
    [('beats_baseline', 'PASS', -2.0)]
    """
    if "baseline" not in gate.against:
        return []
    return [_judge("beats_baseline", gate, losses.over_baseline(gate), "baseline", 0.0, no_worse=False)]


def check_champion(gate: Gate, losses: Losses, *, has_champion: bool) -> list[Check]:
    """Ask for superiority over the champion by a least gain, or by default for no inferiority beyond the margin.

    Args:
        gate: What the challenger has to show.
        losses: Losses per row.
        has_champion: Whether there is a serving version.

    Returns:
        The check, where the champion is among what is compared.

    >>> nobody = Losses(*[np.ones(2)] * 3, np.zeros(2, dtype=bool), np.full(2, np.datetime64("2013-01-01", "D")))
    >>> found = check_champion(Gate(metric="brier", superior_by=0.01), nobody, has_champion=True)
    >>> [(each.name, each.status.value, each.detail) for each in found]
    [('superior_to_champion', 'INSUFFICIENT', '0 comparable days, 10 needed')]
    """
    if "champion" not in gate.against:
        return []
    gain, margin = gate.superior_by, gate.non_inferior_by
    bound = -gain if gain is not None else margin if margin is not None else 0.0
    name = "no_worse_than_champion" if gain is None else "superior_to_champion"
    if not has_champion:
        return [Check(name, GateStatus.NOT_APPLICABLE, NAN, bound, "there is no champion")]
    found = losses.over_champion(gate, np.ones(len(losses.ours), dtype=bool))
    return [_judge(name, gate, found, "champion", bound, no_worse=gain is None)]

"""Holdouts with everything defaulted, so that a test of the gate states only what matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lakeloop.config.gate import Gate
from lakeloop.training.gate import Check, GateReport, HoldoutScores

DAYS = np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]")  # 20 days


def declare_gate(**changes: Any) -> Gate:
    return Gate.model_validate({"metric": "brier", "non_inferior_by": 0.005, **changes})


def make_holdout(
    challenger: float = 0.6, champion: Any = 0.55, days: np.ndarray = DAYS, **changes: Any
) -> HoldoutScores:
    """Make two rows per day, one late, one not; with p and 1 - p as their scores the Brier score is (1 - p)^2."""
    y = np.tile([1.0, 0.0], len(days))
    scores = {
        "y": y,
        "challenger": np.where(y == 1, challenger, 1 - challenger),
        "baseline": np.full(len(y), 0.5),
        "champion": None if champion is None else np.where(y == 1, champion, 1 - champion),
        "days": np.repeat(days, 2),
        "slices": {},
    }
    return HoldoutScores(**(scores | changes))


def check_named(report: GateReport, name: str) -> Check:
    (found,) = [check for check in report.checks if check.name == name]
    return found

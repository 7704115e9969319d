"""Holdouts with everything defaulted, so that a test of the gate states only what matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lakeloop.config.gate import Gate
from lakeloop.training.gate import (
    AuditFacts,
    Check,
    GateFacts,
    GateReport,
    HoldoutScores,
    InputFacts,
    LatencyFacts,
    LoadFacts,
)

DAYS = np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]")  # 20 days


SOUND = GateFacts(
    inputs=InputFacts({"shop": "string", "items": "double"}, {"shop": "string", "items": "int"}),
    audit=AuditFacts((), (), 9),
    loading=LoadFacts(20, 0.0),
    latency=LatencyFacts(1, 50, 2.0, 5.0, 2.0, 5.0),
)
"""Facts of a version that loads, answers alike and finds its inputs."""


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

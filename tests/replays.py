"""A replay as its text, its page and its sentences are given it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from lakeloop.config.metric import Metric
from lakeloop.runs.history.measures import BesideRandom
from lakeloop.runs.history.result import PolicyResult, ReplayResult, Stretch
from lakeloop.runs.history.said import say
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.metric_intervals import MetricInterval
from lakeloop.training.resampling import DifferenceInterval

TURNS = ("2013-04-01T04:00:00Z", "2013-04-08T04:00:00Z", "2013-04-15T04:00:00Z")
NOTHING = DifferenceInterval(0.0, 0.0, 0.0, 14, 900)


def interval(metric: Metric, value: float, lower: float, upper: float) -> MetricInterval:
    return MetricInterval(metric, EvidenceStatus.OK, value, lower, upper, 900, 14, 300)


def decision(as_of: str, action: str, outcome: str | None = None) -> dict[str, Any]:
    answer = None if outcome is None else {"version": "2", "outcome": outcome}
    return {"as_of": as_of, "action": action, "answer": answer}


def policy(name: str, loss: float, **given: Any) -> PolicyResult:
    """A policy that did nothing, but for what is given."""
    stretches = tuple(Stretch(start, end, "1", 450, loss) for start, end in pairwise(TURNS))
    found = PolicyResult(
        policy=name,
        meaning=f"{name} in words",
        retrainings=0,
        recalibrations=0,
        not_ready=0,
        promotions=0,
        refused=0,
        seconds=0.0,
        seconds_kept=0.0,
        metrics=(interval(Metric.LOG_LOSS, loss, loss - 0.01, loss + 0.01), interval(Metric.ROC_AUC, 0.7, 0.6, 0.8)),
        loss=loss,
        minus_best=NOTHING,
        minus_never=None if name == "never" else NOTHING,
        beside_random=None,
        stretches=stretches,
        decisions=tuple(decision(each, "none") for each in TURNS),
    )
    return replace(found, **given)


def sample_replay() -> ReplayResult:
    """Two policies over two weeks: one that never trains, and one whose training helps, as any at any time would."""
    better = DifferenceInterval(-0.02, -0.03, -0.01, 14, 900)
    drift = policy(
        "drift",
        0.5,
        retrainings=1,
        promotions=1,
        seconds=61.0,
        minus_never=better,
        beside_random=BesideRandom(1, 20, 0.505, 0.49, 0.52, DifferenceInterval(-0.005, -0.02, 0.01, 14, 900), 8),
        decisions=(
            decision(TURNS[0], "retrain", "promoted"),
            decision(TURNS[1], "retrain", "promoted"),
            decision(TURNS[2], "none"),
        ),
    )
    never = policy("never", 0.52, minus_best=DifferenceInterval(0.02, 0.01, 0.03, 14, 900))
    policies = (never, drift)
    return ReplayResult(
        "late_arrival",
        "America/New_York",
        "log_loss",
        0.95,
        TURNS,
        TURNS[0],
        900,
        14,
        policies,
        20,
        75.0,
        1,
        1,
        "",
        say("log_loss", 0.95, policies),
    )

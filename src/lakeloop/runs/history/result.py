"""What a replay found, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakeloop.runs.history.measures import BesideRandom
from lakeloop.training.metric_intervals import MetricInterval
from lakeloop.training.resampling import DifferenceInterval


@dataclass(frozen=True)
class Stretch:
    """How a policy did on the rows that one turn scored.

    Attributes:
        start: The turn before, ISO, UTC: rows predicted since then.
        end: The turn, ISO, UTC.
        version: Version that scored them.
        rows: Rows with a final label.
        value: The gate's metric; None without rows.
    """

    start: str
    end: str
    version: str
    rows: int
    value: float | None


@dataclass(frozen=True)
class PolicyResult:
    """What a policy did and how well.

    Attributes:
        policy: Its name.
        meaning: What it does, in a few words.
        retrainings: Trainings after the first model's.
        recalibrations: Recalibrations, judged.
        not_ready: Recalibrations for which rows did not suffice.
        promotions: Versions that were promoted after the first.
        refused: Versions that the gate rejected or held.
        seconds: Wall-clock seconds of its fits when they were made.
        seconds_kept: How many of them an earlier replay had spent.
        metrics: Every metric over all rows, with block intervals.
        loss: The gate's metric over all rows.
        minus_best: Loss minus that of the policy with the least, with a paired block interval.
        minus_never: Loss minus that of `never`, with a paired block interval; None for `never` itself.
        beside_random: Beside as many trainings at random turns; None without trainings, or where nothing can be drawn.
        stretches: The gate's metric turn by turn.
        decisions: Every turn: action, reasons, and what it came to.

    >>> never = replayed.policies[0]
    >>> never.metric("roc_auc").value, never.metric("no metric") is None
    (0.7, True)
    """

    policy: str
    meaning: str
    retrainings: int
    recalibrations: int
    not_ready: int
    promotions: int
    refused: int
    seconds: float
    seconds_kept: float
    metrics: tuple[MetricInterval, ...]
    loss: float
    minus_best: DifferenceInterval
    minus_never: DifferenceInterval | None
    beside_random: BesideRandom | None
    stretches: tuple[Stretch, ...]
    decisions: tuple[Mapping[str, Any], ...]

    def metric(self, name: str) -> MetricInterval | None:
        """Give one of its metrics by name."""
        return next((each for each in self.metrics if each.metric.value == name), None)


@dataclass(frozen=True)
class ReplayResult:
    """What a replay found.

    Attributes:
        model: The model.
        timezone: The project's time zone.
        metric: The gate's metric, by which policies are compared.
        confidence: Of the intervals.
        turns: The turns, ISO, UTC.
        first_trained: The turn that trained the first model, which all policies share; ISO, UTC.
        rows: Rows on which policies are compared.
        days: Days of them.
        policies: The policies, `never` first.
        draws: Draws of random turns per number of trainings.
        seconds: Wall-clock seconds of the replay.
        fitted: Cuts that were fitted now.
        kept: Cuts that an earlier replay had fitted.
        page: The page with the chart; empty where none was written.
        said: What follows, in sentences.
    """

    model: str
    timezone: str
    metric: str
    confidence: float
    turns: tuple[str, ...]
    first_trained: str
    rows: int
    days: int
    policies: tuple[PolicyResult, ...]
    draws: int
    seconds: float
    fitted: int
    kept: int
    page: str
    said: Sequence[str]

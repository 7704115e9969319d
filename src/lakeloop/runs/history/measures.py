"""How policies did over the same rows: metrics, and differences of losses, with intervals from resampled blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.model import Model
from lakeloop.training.metric_intervals import MetricInterval, measure_intervals
from lakeloop.training.metrics import row_losses
from lakeloop.training.resampling import DifferenceInterval, resample_difference

CHANCE = 0.05
"""Share of random policies that may do as well as one that is called better than chance."""


@dataclass(frozen=True)
class Outcomes:
    """The rows on which policies are compared: scored as predictions by all of them, with a final label.

    Attributes:
        label: Labels, shape [n_rows].
        days: Closed day, datetime64[D], shape [n_rows].

    >>> Outcomes(np.array([0.0]), np.array(["2013-04-01"], dtype="datetime64[D]")).label.size
    1
    """

    label: NDArray[np.float64]
    days: NDArray[np.datetime64]


@dataclass(frozen=True)
class BesideRandom:
    """A policy beside as many trainings at random turns.

    Attributes:
        retrainings: Trainings of each draw.
        draws: Draws.
        mean: Mean over the draws of the gate's metric.
        lowest: Its least value among them.
        highest: Its greatest.
        difference: Loss of the policy minus the mean loss of the draws, by row, with its interval from blocks of days.
        as_good: Draws that did as well as the policy, or better.
    """

    retrainings: int
    draws: int
    mean: float
    lowest: float
    highest: float
    difference: DifferenceInterval
    as_good: int

    @property
    def chance(self) -> float:
        """Chance that turns drawn at random do as well: (1 + as good) / (1 + draws), as of a permutation test.

        >>> none = DifferenceInterval(0.0, 0.0, 0.0, 2, 2)
        >>> BesideRandom(3, 19, 0.4, 0.4, 0.4, none, 0).chance
        0.05
        """
        return (1 + self.as_good) / (1 + self.draws)

    @property
    def is_better(self) -> bool:
        """Whether its turns were better chosen than chance chooses them."""
        return self.chance <= CHANCE


def measure_policy(model: Model, scores: NDArray[np.float64], rows: Outcomes, seed: int) -> tuple[MetricInterval, ...]:
    """Measure scores on the rows.

    Args:
        model: The model's declaration.
        scores: Scores, shape [n_rows].
        rows: What became of them.
        seed: Seed of the resampled days.

    Returns:
        Every metric of the task with its interval from resampled days.

    >>> days = np.repeat(np.arange("2013-04-01", "2013-04-05", dtype="datetime64[D]"), 2)
    >>> rows = Outcomes(np.tile([0.0, 1.0], 4), days)
    >>> found = measure_policy(shops.models["late"], np.tile([0.25, 0.75], 4), rows, seed=0)
    >>> [(each.metric.value, each.value, each.lower) for each in found if each.metric == "brier"]
    [('brier', 0.0625, 0.0625)]
    """
    gate = model.gate
    least = max(2, gate.min_blocks)
    return measure_intervals(
        model.task, rows.label, scores, rows.days, confidence=gate.confidence, min_blocks=least, seed=seed
    )


def lose(model: Model, scores: NDArray[np.float64], rows: Outcomes) -> NDArray[np.float64]:
    """Give the loss of each row by the gate's metric.

    Args:
        model: The model's declaration.
        scores: Scores, shape [n_rows].
        rows: What became of them.

    Returns:
        Losses, shape [n_rows].

    >>> rows = Outcomes(np.array([1.0]), np.array(["2013-04-01"], dtype="datetime64[D]"))
    >>> lose(shops.models["late"], np.array([0.5]), rows).round(4).tolist()
    [0.6931]
    """
    return np.asarray(row_losses(model.gate.metric, rows.label, scores), dtype=np.float64)


def differ(
    model: Model, losses: NDArray[np.float64], others: NDArray[np.float64], rows: Outcomes, seed: int
) -> DifferenceInterval:
    """Compare losses of two policies on the same rows.

    Args:
        model: The model's declaration, with the gate's confidence and block.
        losses: Losses of the one, shape [n_rows].
        others: Losses of the other, shape [n_rows].
        rows: What became of them.
        seed: Seed of the resampled days.

    Returns:
        The difference, negative where the first is better, with its interval.

    >>> days = np.arange("2013-04-01", "2013-04-05", dtype="datetime64[D]")
    >>> differ(shops.models["late"], np.full(4, 0.25), np.full(4, 0.5), Outcomes(np.zeros(4), days), seed=0).difference
    -0.25
    """
    gate = model.gate
    return resample_difference(
        losses,
        others,
        rows.days,
        confidence=gate.confidence,
        resamples=gate.resamples,
        seed=seed,
        block_days=gate.block_days,
    )


def beside_random(
    model: Model,
    losses: NDArray[np.float64],
    drawn: Sequence[NDArray[np.float64]],
    retrainings: int,
    rows: Outcomes,
    seed: int,
) -> BesideRandom:
    """Compare a policy with draws of as many trainings at random turns.

    Args:
        model: The model's declaration.
        losses: Losses of the policy, shape [n_rows].
        drawn: Losses of each draw, of the same shape; at least one.
        retrainings: Trainings of the policy, and of each draw.
        rows: What became of them.
        seed: Seed of the resampled days.

    Returns:
        The comparison.

    >>> days = np.repeat(np.arange("2013-04-01", "2013-04-05", dtype="datetime64[D]"), 2)
    >>> rows = Outcomes(np.tile([0.0, 1.0], 4), days)
    >>> worse, equal = np.full(8, 0.5), np.full(8, 0.25)
    >>> found = beside_random(shops.models["late"], equal, [worse, equal, worse], 1, rows, seed=0)
    >>> found.as_good, found.chance, round(found.difference.difference, 3), found.is_better
    (1, 0.5, -0.167, False)
    """
    means = [float(each.mean()) if len(each) else math.nan for each in drawn]
    own = float(losses.mean()) if len(losses) else math.nan
    average = np.mean(np.stack(drawn), axis=0)
    return BesideRandom(
        retrainings,
        len(drawn),
        float(np.mean(means)),
        min(means),
        max(means),
        differ(model, losses, average, rows, seed),
        sum(each <= own for each in means),
    )

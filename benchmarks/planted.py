"""Scores made worse or better by a known amount of log loss, by blending them away from or towards what came true."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from lakeloop.config.metric import Metric
from lakeloop.training.metrics import row_losses

_ALL_BUT_ONE = 1 - 1e-12


def plant(
    y: NDArray[np.float64], scores: NDArray[np.float64], amount: float, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Blend scores until their mean log loss is another one's plus an amount.

    A weight w in [0, 1) is sought; each score becomes (1 - w) times itself plus w times the outcome (towards it) or w
    times the other outcome (away from it). Away from it every row's log loss grows by the same -ln(1 - w).

    Args:
        y: Outcomes, 0 and 1, shape (n_rows,).
        scores: Probabilities of 1, shape (n_rows,).
        amount: What the mean log loss is to differ by; above 0 is worse.
        start: Scores whose mean log loss it is counted from; None counts from that of `scores`.

    Returns:
        Blended scores, shape (n_rows,).

    >>> plant(np.array([1.0, 0.0]), np.array([0.5, 0.5]), math.log(2)).round(6).tolist()
    [0.25, 0.75]
    """
    own = float(row_losses(Metric.LOG_LOSS, y, scores).mean())
    wanted = amount + (own if start is None else float(row_losses(Metric.LOG_LOSS, y, start).mean()))
    if wanted >= own:
        weight = 1 - math.exp(own - wanted)
        return (1 - weight) * scores + weight * (1 - y)

    def excess(weight: float) -> float:
        return float(row_losses(Metric.LOG_LOSS, y, (1 - weight) * scores + weight * y).mean()) - wanted

    weight = float(brentq(excess, 0.0, _ALL_BUT_ONE, xtol=1e-12))
    return (1 - weight) * scores + weight * y

"""How many standard deviations above the mean a bound has to lie so that a rule over several windows rarely fires."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta, binom, chi2, norm

_MEANS, _DEVIATIONS = 64, 400
"""Points of the integrals over the sample's mean and over its standard deviation."""
_TAIL = 1e-14
_MOST = 1e9
"""Cap of a factor: with so few observations and so small a level there is no useful bound."""


@lru_cache(maxsize=1024)
def level_of_one(level: float, hits: int, windows: int) -> float:
    """Find how often one window may alarm when a flag takes several.

    Args:
        level: Chance, in (0, 1), that at least `hits` of `windows` independent windows alarm.
        hits: Windows that have to alarm.
        windows: Windows looked at.

    Returns:
        The chance of one window's alarm: that at which a binomial count reaches `hits` with chance `level`.

    >>> round(level_of_one(0.001, 2, 3), 4), level_of_one(0.001, 1, 1)
    (0.0184, 0.001)
    """
    return level if windows == 1 else float(beta.ppf(level, hits, windows - hits + 1))


@lru_cache(maxsize=1024)
def bound_factor(level: float, observations: float, hits: int, windows: int) -> float:
    """Find the factor K of the bound mean + K * deviation that at least `hits` of `windows` new observations exceed.

    Mean and deviation are those of a normal sample, the new observations are independent of it and of each other. All
    are held against the same bound, so a sample that gives too low a bound gives it to all: that is integrated over,
    and makes K greater than that of `level_of_one` alone. With one window it is Student's t * sqrt(1 + 1/n).

    Args:
        level: Chance, in (0, 1), that it happens.
        observations: Size n of the sample, above 1; may be fractional. The deviation has n - 1 degrees of freedom.
        hits: New observations that have to exceed the bound.
        windows: New observations.

    Returns:
        K.

    Source: Davis and McNichols, "One-sided Intervals for at Least p of m Observations from a Normal Population on Each
    of r Future Occasions", Technometrics 29, 1987, with r = 1 and p = windows - hits + 1.

    >>> round(bound_factor(0.05, 8, 3, 3), 4)
    0.5123
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_MEANS)
    means, weights = nodes / math.sqrt(observations), weights / weights.sum()
    freedom = observations - 1
    low, high = math.log(chi2.ppf(_TAIL, freedom)), math.log(chi2.isf(_TAIL, freedom))
    logs = np.linspace(low, high, _DEVIATIONS)
    deviations = np.exp(logs / 2) / math.sqrt(freedom)
    density = chi2.pdf(np.exp(logs), freedom) * np.exp(logs)  # of the logarithm
    density /= density.sum()

    def excess(factor: float) -> float:
        exceeds = norm.sf(means[None, :] + factor * deviations[:, None])
        return float(density @ binom.sf(hits - 1, windows, exceeds) @ weights) - level

    if excess(_MOST) > 0:
        return _MOST
    return float(brentq(excess, -_MOST, _MOST, xtol=1e-10, rtol=1e-12, maxiter=500))

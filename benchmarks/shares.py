"""A share of pairs with two intervals: by pair, as if they were independent, and by holdout, whose days pairs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Share:
    """A share with its 95% intervals.

    Attributes:
        promoted: Pairs that were promoted.
        pairs: All pairs.
        exact: Both ends of Clopper and Pearson's interval, which takes pairs for independent.
        by_holdout: Both ends from resampled holdouts: pairs on one holdout share its days.
        of_holdout: Promoted pairs of each holdout.
    """

    promoted: int
    pairs: int
    exact: tuple[float, float]
    by_holdout: tuple[float, float]
    of_holdout: tuple[int, ...]


def share_of(promoted: Sequence[Sequence[bool]], seed: int = 0) -> Share:
    """Give the share of promoted pairs.

    Args:
        promoted: Whether each pair was promoted, by holdout; as many pairs on each.
        seed: Of the resampled holdouts.

    Returns:
        The share with its intervals.

    >>> share = share_of([[True, False], [False, False]])
    >>> share.promoted, share.pairs, share.by_holdout
    (1, 4, (0.0, 0.5))
    """
    of_holdout = np.array([sum(pairs) for pairs in promoted])
    pairs, total = sum(map(len, promoted)), int(of_holdout.sum())
    low = float(beta.ppf(0.025, total, pairs - total + 1)) if total else 0.0
    high = float(beta.ppf(0.975, total + 1, pairs - total)) if total < pairs else 1.0
    drawn = np.random.default_rng(seed).integers(len(of_holdout), size=(_RESAMPLES, len(of_holdout)))
    shares = of_holdout[drawn].sum(axis=1) / pairs
    first, last = np.quantile(shares, [0.025, 0.975])
    return Share(total, pairs, (low, high), (float(first), float(last)), tuple(of_holdout.tolist()))

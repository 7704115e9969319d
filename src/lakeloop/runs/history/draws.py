"""Random turns: the null that a policy is held against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations

import numpy as np

_FEW = 10_000
"""Choices up to which all of them are listed, and none is drawn twice."""


def draw_turns(turns: Sequence[datetime], count: int, draws: int, *, seed: int) -> Iterator[frozenset[datetime]]:
    """Draw turns at which a training is done.

    Args:
        turns: Turns there are.
        count: Trainings of a draw.
        draws: Draws; fewer where there are fewer choices.
        seed: Of the draws.

    Yields:
        Turns of a draw. No two draws are the same where the choices are few enough to be listed; none is given where
        there is only one choice: no turn, or all of them.

    >>> days = [datetime(2013, 4, day) for day in (1, 2, 3)]
    >>> [sorted(each.day for each in turns) for turns in draw_turns(days, 2, 20, seed=0)]
    [[2, 3], [1, 3], [1, 2]]
    >>> list(draw_turns(days, 3, 20, seed=0)), list(draw_turns(days, 0, 20, seed=0))
    ([], [])
    """
    choices = math.comb(len(turns), count)
    if choices < 2:
        return
    rng = np.random.default_rng([seed, count])
    if choices <= _FEW:
        listed = list(combinations(turns, count))
        for place in rng.permutation(choices)[:draws]:
            yield frozenset(listed[place])
        return
    for _ in range(draws):
        yield frozenset(turns[place] for place in rng.choice(len(turns), size=count, replace=False))

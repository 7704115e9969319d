"""What follows from a replay, in sentences that say no more than its intervals do."""

from __future__ import annotations

from collections.abc import Sequence

from lakeloop.discovery.text import count_of
from lakeloop.runs.history.policies import NEVER
from lakeloop.runs.history.result import PolicyResult
from lakeloop.training.resampling import DifferenceInterval


def say(metric: str, confidence: float, policies: Sequence[PolicyResult]) -> tuple[str, ...]:
    """Say of each policy whether it did better than never, and whether its turns were better than chance.

    Args:
        metric: The gate's metric.
        confidence: Of the intervals.
        policies: What was found of them.

    Returns:
        A sentence per policy, and one about the policy that trains least among those that cannot be told from the best.

    >>> for sentence in say("log_loss", 0.95, replayed.policies):
    ...     print(sentence)  # doctest: +NORMALIZE_WHITESPACE
    drift did better than never in log_loss; its turns were no better chosen than by chance: 8 of 20 draws of as many
    trainings at random turns did as well.
    drift has the least log_loss; of the policies that cannot be told from it (95%), drift trains least: 1 training and
    0 recalibrations.
    """
    said = [_of_policy(metric, each) for each in policies if each.policy != NEVER]
    chosen = _chosen(policies)
    if chosen is not None:
        best = min(policies, key=lambda each: each.loss)
        said.append(
            f"{best.policy} has the least {metric}; of the policies that cannot be told from it ({confidence:.0%}), "
            f"{chosen.policy} trains least: {count_of(chosen.retrainings, 'training')} and "
            f"{count_of(chosen.recalibrations, 'recalibration')}."
        )
    return tuple(said)


def _of_policy(metric: str, found: PolicyResult) -> str:
    if not found.retrainings and not found.recalibrations:
        return f"{found.policy} did nothing that never did not do."
    said = f"{found.policy} {_against(found.minus_never)} never in {metric}"
    beside = found.beside_random
    if beside is None:
        return f"{said}."
    how = (
        "its turns were better chosen than by chance"
        if beside.is_better
        else "its turns were no better chosen than by chance"
    )
    draws = f"{beside.as_good} of {count_of(beside.draws, 'draw')} of as many trainings at random turns did as well"
    return f"{said}; {how}: {draws}."


def _against(difference: DifferenceInterval | None) -> str:
    if difference is None or not difference.lower <= difference.upper:  # false for NaN: too few days
        return "cannot be told from"
    if difference.upper < 0:
        return "did better than"
    return "did worse than" if difference.lower > 0 else "cannot be told from"


def _chosen(policies: Sequence[PolicyResult]) -> PolicyResult | None:
    """Find the policy that trains least among those that cannot be told from the one with the least loss."""
    near = [each for each in policies if each.minus_best.lower <= 0]
    return min(near, key=lambda each: (each.retrainings, each.recalibrations)) if near else None

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
        A sentence per policy, and one about the policy that costs least among those that nothing is known to beat.
    """
    said = [_of_policy(metric, each) for each in policies if each.policy != NEVER]
    best = _cheapest(policies)
    if best is not None:
        said.append(
            f"Of those that are known to be no worse than any other ({confidence:.0%}), {best.policy} trains least: "
            f"{count_of(best.retrainings, 'training')} and {count_of(best.recalibrations, 'recalibration')}."
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


def _cheapest(policies: Sequence[PolicyResult]) -> PolicyResult | None:
    """Find the policy with the fewest trainings among those that are not known to be worse than never or a better one."""
    known = [each for each in policies if each.minus_never is not None]
    helpful = [each for each in known if each.minus_never is not None and each.minus_never.upper < 0]
    pool = helpful or [each for each in policies if each.policy == NEVER]
    return min(pool, key=lambda each: (each.retrainings, each.recalibrations)) if pool else None

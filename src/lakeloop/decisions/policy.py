"""The policy: from recorded inputs to an action and its reasons, by a pure function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lakeloop.config.decide import Decide
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag, PastAnswer
from lakeloop.decisions.rules import NOUNS, TRAINING, Said, ask, block
from lakeloop.statuses import Action

__all__ = [
    "COST",
    "Decision",
    "DecisionInputs",
    "OpenFlag",
    "PastAnswer",
    "decide",
    "policy_from_json",
    "policy_to_json",
    "recompute",
    "to_row",
]

COST = {action: cost for cost, action in enumerate(Action)}
"""Actions by what they cost, nothing first."""


@dataclass(frozen=True)
class Decision:
    """The policy's answer.

    Attributes:
        action: What to do.
        reasons: One sentence per rule, fired or not, in the order of the rules.
        answers: Ids of the flags that a training or a recalibration answers: whoever does it claims them.
    """

    action: Action
    reasons: tuple[str, ...]
    answers: tuple[str, ...] = ()


def decide(policy: Decide, inputs: DecisionInputs) -> Decision:
    """Decide what to do, and say why.

    Rules ask for an action or block some. The answer is the costliest action that is asked for and not blocked. Where
    training and recalibration are asked for and all of it is blocked, it becomes a notification, except when only the
    clock (schedule, new rows, the first training) asked for it and only what has to be waited for stands against it:
    then nothing is done, and it is asked for again next turn.

    Args:
        policy: The model's declared policy.
        inputs: What is known as of the decision.

    Returns:
        The decision with one reason per rule.

    >>> from datetime import UTC, date, datetime
    >>> inputs = DecisionInputs(
    ...     as_of=datetime(2013, 5, 1, tzinfo=UTC), champion="1", last_trained_as_of=datetime(2013, 4, 1, tzinfo=UTC),
    ...     last_closed_day=date(2013, 4, 29), closed_days_total=119, closed_days_since_training=30, flags=(),
    ...     quality_passed=True,
    ... )
    >>> decision = decide(Decide(schedule="28 days"), inputs)
    >>> decision.action.value, decision.reasons[1]
    ('retrain', 'schedule: asks to retrain: the last training is 30d old, due after 28d')
    """
    asked = ask(policy, inputs)
    rules = [_where_it_is_an_answer(each, inputs) for each in (*asked, *block(policy, inputs, asked))]
    reasons = [rule.reason() for rule in rules]
    waits = True
    for action, noun in NOUNS.items():
        if not any(rule.asks is action for rule in rules):
            continue
        blocking = [rule for rule in rules if action in rule.blocks]
        if not blocking:
            asking = (rule for rule in rules if rule.asks in NOUNS and COST[rule.asks] <= COST[action])
            answers = tuple(sorted({flag for rule in asking for flag in rule.flags}))
            return Decision(action, tuple(reasons), answers)
        names = [rule.name for rule in blocking]
        reasons.append(f"outcome: {noun} was asked for and is blocked by {', '.join(names)}")
        waits &= all(rule.waits for rule in blocking)
    told = any(rule.asks is not Action.NONE and not rule.is_clock for rule in rules) or not waits
    return Decision(Action.NOTIFY if told else Action.NONE, tuple(reasons))


def _where_it_is_an_answer(said: Said, inputs: DecisionInputs) -> Said:
    """Leave out that recalibration is blocked where it is no answer."""
    if inputs.can_recalibrate or said.asks is Action.RECALIBRATE or said.name == "recalibration_days":
        return said
    return replace(said, blocks=said.blocks & TRAINING)


def policy_to_json(policy: Decide) -> str:
    """Write a policy as JSON with sorted keys, durations as text in seconds.

    Args:
        policy: The policy.

    Returns:
        What `policy_from_json` reads.

    >>> policy = Decide(schedule="28 days")
    >>> policy_from_json(policy_to_json(policy)) == policy
    True
    """
    content: dict[str, Any] = {
        "schedule": None if policy.schedule is None else _seconds(policy.schedule),
        "when": policy.when.model_dump(mode="json"),
        "cooldown": _seconds(policy.cooldown),
        "min_closed_days": policy.min_closed_days,
        # Written in full: another default some day changes no decision of today.
        "escalate": policy.escalate.model_dump(mode="json"),
        "back_off": policy.back_off.model_dump(mode="json"),
    }
    if policy.rules:
        content["rules"] = [rule.model_dump(mode="json") for rule in policy.rules]
    if policy.budget is not None:
        content["budget"] = policy.budget.model_dump(mode="json")
    if policy.blackout:
        content["blackout"] = [each.model_dump(mode="json") for each in policy.blackout]
    if policy.flag_life is not None:
        content["flag_life"] = policy.flag_life.model_dump(mode="json")
    return json.dumps(content, sort_keys=True)


def _seconds(duration: timedelta) -> str:
    return f"{duration // timedelta(seconds=1)} seconds"


def policy_from_json(text: str) -> Decide:
    """Read what `policy_to_json` wrote.

    Args:
        text: The JSON.

    Returns:
        The policy.

    >>> policy_from_json(policy_to_json(Decide())).cooldown.days
    7
    """
    return Decide.model_validate(json.loads(text))


def to_row(policy: Decide, inputs: DecisionInputs) -> dict[str, Any]:
    """Decide, and write all of it as the columns of a decisions row.

    Args:
        policy: The model's declared policy.
        inputs: What is known as of the decision.

    Returns:
        `as_of`, `action`, `reasons`, and as JSON `policy` and `inputs`.

    >>> from datetime import UTC, datetime
    >>> inputs = DecisionInputs(datetime(2013, 5, 1, tzinfo=UTC), None, None, None, 0, 0, (), True)
    >>> row = to_row(Decide(), inputs)
    >>> row["action"], recompute(row).action.value
    ('none', 'none')
    """
    decision = decide(policy, inputs)
    return {
        "as_of": inputs.as_of,
        "action": decision.action.value,
        "reasons": list(decision.reasons),
        "policy": policy_to_json(policy),
        "inputs": inputs.to_json(),
    }


def recompute(row: Mapping[str, Any]) -> Decision:
    """Decide again from a recorded row alone.

    Args:
        row: A row of decisions; only the JSON in `policy` and `inputs` is read.

    Returns:
        The decision, equal to the recorded one.

    >>> from datetime import UTC, date, datetime
    >>> inputs = DecisionInputs(datetime(2013, 5, 1, tzinfo=UTC), None, None, date(2013, 4, 29), 119, 0, (), True)
    >>> recompute(to_row(Decide(), inputs)).action.value
    'retrain'
    """
    return decide(policy_from_json(row["policy"]), DecisionInputs.from_json(row["inputs"]))

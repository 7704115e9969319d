"""The policy: from recorded inputs to an action and its reasons, by a pure function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lakeloop.config.decide import Decide
from lakeloop.config.durations import short_name
from lakeloop.errors import UsageError
from lakeloop.statuses import Action, FlagKind

_COST = {Action.NONE: 0, Action.NOTIFY: 1, Action.RETRAIN: 2}
_CLOCK = frozenset({"first_training", "schedule"})
_WAITING = frozenset({"cooldown", "newly_closed_days"})
_INFORMATION = (FlagKind.PREDICTION_DRIFT, FlagKind.TARGET_DRIFT, FlagKind.REGIME_DRIFT)


@dataclass(frozen=True, order=True)
class OpenFlag:
    """What the policy looks at of an open flag.

    Attributes:
        kind: What it is about.
        subject: Column or metric.
        flag_id: Its id.
    """

    kind: FlagKind
    subject: str
    flag_id: str


@dataclass(frozen=True)
class DecisionInputs:
    """Everything a decision is made from.

    Attributes:
        as_of: The logical now; an aware instant.
        champion: Version that serves, or None.
        last_trained_as_of: As of which a challenger was last trained, promoted or not; None when never. An aware
        instant.
        last_closed_day: Last day whose labels are final; None without any.
        closed_days_total: Days whose labels are final.
        closed_days_since_training: Those that closed after the last training.
        flags: Open flags about the champion.
        quality_passed: Whether the quality gate passed on the newest data; None when it was not judged, which is no
        pass.
        closed_days_needed: Days without which a first training cannot be split; 0 when only the policy's count holds.

    Raises:
        UsageError: If an instant has no offset or a count of days is negative.
    """

    as_of: datetime
    champion: str | None
    last_trained_as_of: datetime | None
    last_closed_day: date | None
    closed_days_total: int
    closed_days_since_training: int
    flags: tuple[OpenFlag, ...]
    quality_passed: bool | None
    closed_days_needed: int = 0

    def __post_init__(self) -> None:
        for name in ("as_of", "last_trained_as_of"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise UsageError(name, instant.isoformat(), "an instant with offset", "append +00:00")
        for name in ("closed_days_total", "closed_days_since_training", "closed_days_needed"):
            if getattr(self, name) < 0:
                raise UsageError(name, str(getattr(self, name)), "0 and more", "count the closed days again")

    def to_json(self) -> str:
        """Write the inputs as JSON with sorted keys.

        Returns:
            What `from_json` reads.

        >>> from datetime import UTC
        >>> may, flag = datetime(2013, 5, 1, tzinfo=UTC), OpenFlag(FlagKind.BIAS, "bias", "f1")
        >>> written = json.loads(DecisionInputs(may, "3", None, date(2013, 4, 29), 119, 0, (flag,), True).to_json())
        >>> written["as_of"], written["last_trained_as_of"], written["flags"]
        ('2013-05-01T00:00:00+00:00', None, [['bias', 'bias', 'f1']])
        """
        content = {
            "as_of": self.as_of.isoformat(),
            "champion": self.champion,
            "last_trained_as_of": self.last_trained_as_of.isoformat() if self.last_trained_as_of else None,
            "last_closed_day": self.last_closed_day.isoformat() if self.last_closed_day else None,
            "closed_days_total": self.closed_days_total,
            "closed_days_since_training": self.closed_days_since_training,
            "flags": [[flag.kind.value, flag.subject, flag.flag_id] for flag in self.flags],
            "quality_passed": self.quality_passed,
            "closed_days_needed": self.closed_days_needed,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DecisionInputs:
        """Read what `to_json` wrote.

        Args:
            text: The JSON.

        Returns:
            The inputs.

        >>> from datetime import UTC
        >>> inputs = DecisionInputs(datetime(2013, 5, 1, tzinfo=UTC), "3", None, date(2013, 4, 29), 119, 0, (), True)
        >>> DecisionInputs.from_json(inputs.to_json()) == inputs
        True
        """
        content = json.loads(text)
        trained, closed = content["last_trained_as_of"], content["last_closed_day"]
        return cls(
            as_of=datetime.fromisoformat(content["as_of"]),
            champion=content["champion"],
            last_trained_as_of=datetime.fromisoformat(trained) if trained else None,
            last_closed_day=date.fromisoformat(closed) if closed else None,
            closed_days_total=content["closed_days_total"],
            closed_days_since_training=content["closed_days_since_training"],
            flags=tuple(OpenFlag(FlagKind(kind), subject, flag_id) for kind, subject, flag_id in content["flags"]),
            quality_passed=content["quality_passed"],
            closed_days_needed=content["closed_days_needed"],
        )


@dataclass(frozen=True)
class Decision:
    """The policy's answer.

    Attributes:
        action: What to do.
        reasons: One sentence per rule, fired or not, in the order of the rules.
    """

    action: Action
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Rule:
    """What one rule said: it asks for an action or it blocks retraining, or neither."""

    name: str
    sentence: str
    asks: Action = Action.NONE
    blocks: bool = False

    def reason(self) -> str:
        effects = ([f"asks to {self.asks.value}"] if self.asks is not Action.NONE else []) + (
            ["blocks retraining"] if self.blocks else []
        )
        return f"{self.name}: {' and '.join(effects) or 'not fired'}: {self.sentence}"


def decide(policy: Decide, inputs: DecisionInputs) -> Decision:
    """Decide what to do, and say why.

    Rules ask for an action or block retraining. The answer is the costliest action asked for. A retraining that is
    blocked becomes a notification, except when only the schedule or the first training asked for it and only the
    cooldown or the count of closed days stands against it: then nothing is done, and it is asked for again next turn.

    Args:
        policy: The model's declared policy.
        inputs: What is known as of the decision.

    Returns:
        The decision with one reason per rule.

    >>> from datetime import UTC
    >>> inputs = DecisionInputs(
    ...     as_of=datetime(2013, 5, 1, tzinfo=UTC), champion="1", last_trained_as_of=datetime(2013, 4, 1, tzinfo=UTC),
    ...     last_closed_day=date(2013, 4, 29), closed_days_total=119, closed_days_since_training=30, flags=(),
    ...     quality_passed=True,
    ... )
    >>> decision = decide(Decide(schedule="28 days"), inputs)
    >>> decision.action.value, decision.reasons[1]
    ('retrain', 'schedule: asks to retrain: the last training is 30d old, due after 28d')
    """
    rules = (
        _first_training(policy, inputs),
        _schedule(policy, inputs),
        _evidence(policy.when.bias is not None, FlagKind.BIAS, inputs),
        _evidence(policy.when.skill is not None, FlagKind.SKILL, inputs),
        _quality_gate(inputs),
        _breakage(FlagKind.QUALITY, inputs, ignored=False),
        _breakage(FlagKind.CONTRACT_DRIFT, inputs, ignored=policy.when.contract_drift == "ignore"),
        *(_information(kind, inputs) for kind in _INFORMATION),
        _cooldown(policy, inputs),
        _newly_closed(policy, inputs),
    )
    asked = max((rule.asks for rule in rules), key=_COST.__getitem__)
    blockers = [rule.name for rule in rules if rule.blocks]
    if asked is not Action.RETRAIN or not blockers:
        return Decision(asked, tuple(rule.reason() for rule in rules))
    asked_by_evidence = any(rule.asks is not Action.NONE for rule in rules if rule.name not in _CLOCK)
    action = Action.NOTIFY if asked_by_evidence or not set(blockers) <= _WAITING else Action.NONE
    last = f"outcome: retraining was asked for and is blocked by {', '.join(blockers)}"
    return Decision(action, (*(rule.reason() for rule in rules), last))


def _first_training(policy: Decide, inputs: DecisionInputs) -> _Rule:
    name = "first_training"
    if inputs.champion is not None:
        return _Rule(name, f"version {inputs.champion} serves")
    needed = max(policy.min_closed_days, inputs.closed_days_needed)
    sentence = f"no version serves, {inputs.closed_days_total} days are closed, {needed} are needed"
    return _Rule(name, sentence, Action.RETRAIN if inputs.closed_days_total >= needed else Action.NONE)


def _schedule(policy: Decide, inputs: DecisionInputs) -> _Rule:
    name = "schedule"
    if policy.schedule is None:
        return _Rule(name, "none is declared")
    if inputs.champion is None:
        return _Rule(name, "no version serves, the first training comes first")
    due = short_name(policy.schedule)
    if inputs.last_trained_as_of is None:
        return _Rule(name, f"when the serving version was trained is not known, due after {due}", Action.RETRAIN)
    age = inputs.as_of - inputs.last_trained_as_of
    sentence = f"the last training is {_age(age)} old, due after {due}"
    return _Rule(name, sentence, Action.RETRAIN if age >= policy.schedule else Action.NONE)


def _evidence(declared: bool, kind: FlagKind, inputs: DecisionInputs) -> _Rule:
    subjects = _subjects(kind, inputs)
    if not subjects:
        return _Rule(kind.value, "no open flag")
    if not declared:
        return _Rule(kind.value, f"open flag on {subjects}; the policy declares no limit to retrain on", Action.NOTIFY)
    return _Rule(kind.value, f"open flag on {subjects}", Action.RETRAIN)


def _quality_gate(inputs: DecisionInputs) -> _Rule:
    name = "quality_gate"
    if inputs.quality_passed is None:
        return _Rule(name, "the newest data was not judged, which is no pass", blocks=True)
    if not inputs.quality_passed:
        return _Rule(name, "the newest data failed it", Action.NOTIFY, blocks=True)
    return _Rule(name, "the newest data passed it")


def _breakage(kind: FlagKind, inputs: DecisionInputs, *, ignored: bool) -> _Rule:
    subjects = _subjects(kind, inputs)
    if not subjects:
        return _Rule(kind.value, "no open flag")
    if ignored:
        return _Rule(kind.value, f"open flag on {subjects}; the policy ignores it")
    return _Rule(kind.value, f"open flag on {subjects}: something upstream broke", Action.NOTIFY, blocks=True)


def _information(kind: FlagKind, inputs: DecisionInputs) -> _Rule:
    subjects = _subjects(kind, inputs)
    if not subjects:
        return _Rule(kind.value, "no open flag")
    return _Rule(kind.value, f"open flag on {subjects}; says nothing about harm", Action.NOTIFY)


def _cooldown(policy: Decide, inputs: DecisionInputs) -> _Rule:
    name, least = "cooldown", short_name(policy.cooldown)
    if inputs.last_trained_as_of is None:
        return _Rule(name, "no training yet")
    age = inputs.as_of - inputs.last_trained_as_of
    sentence = f"the last training is {_age(age)} old, at least {least} have to pass"
    return _Rule(name, sentence, blocks=age < policy.cooldown)


def _newly_closed(policy: Decide, inputs: DecisionInputs) -> _Rule:
    name, least = "newly_closed_days", policy.min_closed_days
    if inputs.last_trained_as_of is None:
        sentence = f"no training yet, {inputs.closed_days_total} days are closed in all, {least} are needed"
        return _Rule(name, sentence, blocks=inputs.closed_days_total < least)
    sentence = f"{inputs.closed_days_since_training} days closed since the last training, {least} are needed"
    return _Rule(name, sentence, blocks=inputs.closed_days_since_training < least)


def _subjects(kind: FlagKind, inputs: DecisionInputs) -> str:
    return ", ".join(sorted({flag.subject for flag in inputs.flags if flag.kind is kind}))


def _age(age: timedelta) -> str:
    """An age rounded down to whole days, or to hours below one day."""
    hours = age // timedelta(hours=1)
    return f"{hours // 24}d" if abs(hours) >= 24 else f"{hours}h"


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
    }
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

    >>> from datetime import UTC
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

    >>> from datetime import UTC
    >>> inputs = DecisionInputs(datetime(2013, 5, 1, tzinfo=UTC), None, None, date(2013, 4, 29), 119, 0, (), True)
    >>> recompute(to_row(Decide(), inputs)).action.value
    'retrain'
    """
    return decide(policy_from_json(row["policy"]), DecisionInputs.from_json(row["inputs"]))

"""The policy's rules: each says one sentence, and asks for an action, blocks some, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from lakeloop.config.answers import CLOCK, Condition, Group, Rule
from lakeloop.config.decide import Decide
from lakeloop.config.durations import short_name
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag
from lakeloop.discovery.text import count_of
from lakeloop.statuses import Action, FlagKind

NOTHING: frozenset[Action] = frozenset()
TRAINING = frozenset({Action.RETRAIN})
BOTH = frozenset({Action.RETRAIN, Action.RECALIBRATE})

NOUNS = {Action.RETRAIN: "retraining", Action.RECALIBRATE: "recalibration"}
"""What an action is called where it is blocked; the costlier one first."""

_KIND_OF = {
    Condition.BIAS: FlagKind.BIAS,
    Condition.BIAS_AGAIN: FlagKind.BIAS,
    Condition.SKILL: FlagKind.SKILL,
    Condition.METRIC_DROP: FlagKind.METRIC_DROP,
    Condition.PREDICTION_DRIFT: FlagKind.PREDICTION_DRIFT,
    Condition.TARGET_DRIFT: FlagKind.TARGET_DRIFT,
    Condition.REGIME_DRIFT: FlagKind.REGIME_DRIFT,
    Condition.CONTRACT_DRIFT: FlagKind.CONTRACT_DRIFT,
    Condition.QUALITY: FlagKind.QUALITY,
}


@dataclass(frozen=True)
class Said:
    """What one rule said.

    Attributes:
        name: The rule.
        sentence: What it found.
        asks: The action it asks for; NONE when for none.
        blocks: The actions it blocks.
        is_clock: Whether it asks by the clock, and says nothing about harm.
        waits: Whether what it blocks is only to wait.
        flags: Ids of the flags by which it asks.
    """

    name: str
    sentence: str
    asks: Action = Action.NONE
    blocks: frozenset[Action] = NOTHING
    is_clock: bool = False
    waits: bool = False
    flags: tuple[str, ...] = ()

    def reason(self) -> str:
        """Write it as a decision's reason.

        >>> Said("schedule", "the last training is 30d old, due after 28d", Action.RETRAIN).reason()
        'schedule: asks to retrain: the last training is 30d old, due after 28d'
        """
        effects = [f"asks to {self.asks.value}"] if self.asks is not Action.NONE else []
        blocked = [noun for action, noun in NOUNS.items() if action in self.blocks]
        if blocked:
            effects.append(f"blocks {' and '.join(blocked)}")
        return f"{self.name}: {' and '.join(effects) or 'not fired'}: {self.sentence}"


# --- what asks -------------------------------------------------------------------------------------------------------


def ask(policy: Decide, inputs: DecisionInputs) -> list[Said]:
    """Say what asks for an action, rule by rule.

    Args:
        policy: The model's declared policy.
        inputs: What is known as of the decision.

    Returns:
        First training, schedule, what evidence says kind by kind, then the declared rules.

    >>> from datetime import UTC, datetime
    >>> flag, may = OpenFlag(FlagKind.SKILL, "skill", "f1"), datetime(2013, 5, 1, tzinfo=UTC)
    >>> inputs = DecisionInputs(may, "3", may - timedelta(days=2), None, 119, 2, (flag,), True)
    >>> policy = Decide.model_validate({"when": {"skill": 0.0}})
    >>> [said.reason() for said in ask(policy, inputs) if said.asks is not Action.NONE]
    ['skill: asks to retrain: open flag on skill']
    """
    when = policy.when
    kinds: list[Said] = [
        _first_training(policy, inputs),
        _schedule(policy, inputs),
        *([_new_rows(when.new_rows, inputs)] if when.new_rows is not None else []),
        _bias(policy, inputs),
        _evidence(when.skill is not None, FlagKind.SKILL, inputs),
    ]
    if when.metric_drop or _flags(FlagKind.METRIC_DROP, inputs):
        kinds.append(_evidence(bool(when.metric_drop), FlagKind.METRIC_DROP, inputs))
    kinds += [
        _quality_gate(inputs),
        _breakage(FlagKind.QUALITY, inputs, ignored=False),
        _breakage(FlagKind.CONTRACT_DRIFT, inputs, ignored=when.contract_drift == "ignore"),
        _drift(FlagKind.PREDICTION_DRIFT, when.prediction_drift, inputs),
        _drift(FlagKind.TARGET_DRIFT, when.target_drift, inputs),
        _drift(FlagKind.REGIME_DRIFT, when.regime_drift, inputs),
    ]
    if not policy.rules:
        return kinds
    held = _conditions(policy, inputs)
    return [
        *(_left_to_rules(each) for each in kinds),
        *(_declared(number, rule, held, inputs) for number, rule in enumerate(policy.rules, start=1)),
    ]


def _first_training(policy: Decide, inputs: DecisionInputs) -> Said:
    name = "first_training"
    if inputs.champion is not None:
        return Said(name, f"version {inputs.champion} serves", is_clock=True)
    needed = max(policy.min_closed_days, inputs.closed_days_needed)
    sentence = f"no version serves, {inputs.closed_days_total} days are closed, {needed} are needed"
    asks = Action.RETRAIN if inputs.closed_days_total >= needed else Action.NONE
    return Said(name, sentence, asks, is_clock=True)


def _schedule(policy: Decide, inputs: DecisionInputs) -> Said:
    name = "schedule"
    if policy.schedule is None:
        return Said(name, "none is declared", is_clock=True)
    if inputs.champion is None:
        return Said(name, "no version serves, the first training comes first", is_clock=True)
    due = short_name(policy.schedule)
    if inputs.last_trained_as_of is None:
        return Said(name, f"the last training is of unknown age, due after {due}", Action.RETRAIN, is_clock=True)
    age = inputs.as_of - inputs.last_trained_as_of
    sentence = f"the last training is {describe_age(age)} old, due after {due}"
    return Said(name, sentence, Action.RETRAIN if age >= policy.schedule else Action.NONE, is_clock=True)


def _new_rows(least: int, inputs: DecisionInputs) -> Said:
    name = "new_rows"
    if inputs.champion is None:
        return Said(name, "no version serves, the first training comes first", is_clock=True)
    if inputs.new_rows is None:
        return Said(name, "labelled rows since the last training are not known, which is no number", is_clock=True)
    closed = count_of(inputs.new_rows, "labelled row")
    asks = Action.RETRAIN if inputs.new_rows >= least else Action.NONE
    return Said(name, f"{closed} closed since the last training, asked for after {least}", asks, is_clock=True)


def _bias(policy: Decide, inputs: DecisionInputs) -> Said:
    said = _evidence(policy.when.bias is not None, FlagKind.BIAS, inputs)
    if said.asks is not Action.RETRAIN or not inputs.can_recalibrate or policy.escalate.first == "retrain":
        return said
    since = inputs.windows_since_recalibration
    if _is_again(policy, inputs):
        sentence = f"{said.sentence}, {count_of(since or 0, 'window')} after a recalibration"
        return Said(said.name, sentence, Action.RETRAIN, flags=said.flags)
    return Said(said.name, said.sentence, Action.RECALIBRATE, flags=said.flags)


def _is_again(policy: Decide, inputs: DecisionInputs) -> bool:
    since = inputs.windows_since_recalibration
    return since is not None and since <= policy.escalate.again_within.count


def _evidence(declared: bool, kind: FlagKind, inputs: DecisionInputs) -> Said:
    found = _flags(kind, inputs)
    if not found:
        return Said(kind.value, "no open flag")
    sentence = f"open flag on {_subjects(found)}"
    if not declared:
        return Said(kind.value, f"{sentence}; the policy declares no limit to retrain on", Action.NOTIFY)
    return Said(kind.value, sentence, Action.RETRAIN, flags=_ids(found))


def _quality_gate(inputs: DecisionInputs) -> Said:
    name = "quality_gate"
    if inputs.quality_passed is None:
        return Said(name, "the newest data was not judged, which is no pass", blocks=BOTH)
    if not inputs.quality_passed:
        return Said(name, "the newest data failed it", Action.NOTIFY, BOTH)
    return Said(name, "the newest data passed it")


def _breakage(kind: FlagKind, inputs: DecisionInputs, *, ignored: bool) -> Said:
    found = _flags(kind, inputs)
    if not found:
        return Said(kind.value, "no open flag")
    if ignored:
        return Said(kind.value, f"open flag on {_subjects(found)}; the policy ignores it")
    return Said(kind.value, f"open flag on {_subjects(found)}: something upstream broke", Action.NOTIFY, BOTH)


def _drift(kind: FlagKind, answer: str, inputs: DecisionInputs) -> Said:
    found = _flags(kind, inputs)
    if not found:
        return Said(kind.value, "no open flag")
    if answer == "retrain":
        return Said(kind.value, f"open flag on {_subjects(found)}", Action.RETRAIN, flags=_ids(found))
    return Said(kind.value, f"open flag on {_subjects(found)}; says nothing about harm", Action.NOTIFY)


# --- declared rules --------------------------------------------------------------------------------------------------


def _left_to_rules(said: Said) -> Said:
    """Take away what a kind asks for by itself; a first training has no evidence, and what blocks says so as ever."""
    if said.name == "first_training" or said.blocks or said.asks is Action.NONE:
        return said
    return Said(said.name, said.sentence, is_clock=said.is_clock)


def _conditions(policy: Decide, inputs: DecisionInputs) -> Mapping[Condition, bool]:
    held = {name: bool(_flags(kind, inputs)) for name, kind in _KIND_OF.items()}
    held[Condition.BIAS_AGAIN] = held[Condition.BIAS] and _is_again(policy, inputs)
    held[Condition.QUALITY] |= inputs.quality_passed is False
    held[Condition.SCHEDULE] = _schedule(policy, inputs).asks is Action.RETRAIN
    least = policy.when.new_rows
    held[Condition.NEW_ROWS] = least is not None and _new_rows(least, inputs).asks is Action.RETRAIN
    return held


def _declared(number: int, rule: Rule, held: Mapping[Condition, bool], inputs: DecisionInputs) -> Said:
    name = f"rule {number}"
    true = tuple(dict.fromkeys(each for each in rule.names() if held[each]))
    if not _holds(rule, held):
        found = f"of its conditions {', '.join(true)} alone" if true else "none of its conditions"
        return Said(name, f"{found} holds" if len(true) < 2 else f"{found} hold", is_clock=CLOCK.issuperset(true))
    kinds = {_KIND_OF[each] for each in true if each in _KIND_OF}
    flags = tuple(sorted(flag.flag_id for flag in inputs.flags if flag.kind in kinds))
    sentence = f"{', '.join(true)} {'holds' if len(true) == 1 else 'hold'}"
    return Said(name, sentence, Action(rule.do), is_clock=CLOCK.issuperset(true), flags=flags)


def _holds(rule: Rule | Group, held: Mapping[Condition, bool]) -> bool:
    parts = (_holds(each, held) if isinstance(each, Group) else held[each] for each in (*rule.all, *rule.any))
    return all(parts) if rule.all else any(parts)


# --- what blocks -----------------------------------------------------------------------------------------------------


def block(policy: Decide, inputs: DecisionInputs, asked: Sequence[Said]) -> list[Said]:
    """Say what blocks an action besides broken data, rule by rule.

    Args:
        policy: The model's declared policy.
        inputs: What is known as of the decision.
        asked: What `ask` said.

    Returns:
        Cooldown and newly closed days; then those that are declared, or have something to say.

    >>> from datetime import UTC, datetime
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> inputs = DecisionInputs(may, "3", may - timedelta(days=2), None, 119, 9, (), True)
    >>> [said.reason() for said in block(Decide(), inputs, []) if said.blocks]
    ['cooldown: blocks retraining: the last training is 2d old, at least 7d have to pass']
    """
    said = [_cooldown(policy, inputs), _newly_closed(policy, inputs)]
    if any(each.asks is Action.RECALIBRATE for each in asked):
        said.append(_recalibration_days(inputs))
    said += _budget(policy, inputs)
    if policy.blackout:
        said.append(_blackout(policy, inputs))
    failures = _failures(policy, inputs)
    if failures:
        by_clock = any(each.asks is Action.RETRAIN and each.is_clock for each in asked)
        said.append(_back_off(policy, inputs, failures, by_clock=by_clock))
    claimed = [
        flag
        for flag in inputs.flags
        if flag.claimed_as_of is not None and inputs.as_of - flag.claimed_as_of < policy.cooldown
    ]
    if claimed:
        said.append(_claimed(claimed))
    return said


def _cooldown(policy: Decide, inputs: DecisionInputs) -> Said:
    name, least = "cooldown", short_name(policy.cooldown)
    if inputs.last_trained_as_of is None:
        return Said(name, "no training yet", waits=True)
    age = inputs.as_of - inputs.last_trained_as_of
    sentence = f"the last training is {describe_age(age)} old, at least {least} have to pass"
    return Said(name, sentence, blocks=TRAINING if age < policy.cooldown else NOTHING, waits=True)


def _newly_closed(policy: Decide, inputs: DecisionInputs) -> Said:
    name, least = "newly_closed_days", policy.min_closed_days
    if inputs.last_trained_as_of is None:
        sentence = f"no training yet, {inputs.closed_days_total} days are closed in all, {least} are needed"
        is_short = inputs.closed_days_total < least
    else:
        sentence = f"{inputs.closed_days_since_training} days closed since the last training, {least} are needed"
        is_short = inputs.closed_days_since_training < least
    return Said(name, sentence, blocks=TRAINING if is_short else NOTHING, waits=True)


def _recalibration_days(inputs: DecisionInputs) -> Said:
    days, needed = inputs.recalibration_days, inputs.recalibration_days_needed
    sentence = f"{count_of(days, 'closed day')} scored by version {inputs.champion}, {needed} are needed"
    is_short = days < needed or not inputs.can_recalibrate
    blocks = frozenset({Action.RECALIBRATE}) if is_short else NOTHING
    return Said("recalibration_days", sentence, blocks=blocks, waits=True)


def _budget(policy: Decide, inputs: DecisionInputs) -> list[Said]:
    if policy.budget is None:
        return []
    said = []
    for action, allowed in (
        (Action.RETRAIN, policy.budget.retrain),
        (Action.RECALIBRATE, policy.budget.recalibrate),
    ):
        if allowed is None:
            continue
        done = sum(each.action is action and inputs.as_of - each.as_of < allowed.per for each in inputs.history)
        sentence = f"{done} of {allowed.count} in the last {short_name(allowed.per)}"
        blocks = frozenset({action}) if done >= allowed.count else NOTHING
        said.append(Said(f"budget_{action.value}", sentence, blocks=blocks, waits=True))
    return said


def _blackout(policy: Decide, inputs: DecisionInputs) -> Said:
    name, day = "blackout", inputs.local_date
    if day is None:
        return Said(name, "the local day was not recorded, which is no permission", blocks=BOTH, waits=True)
    held = next((each for each in policy.blackout if each.holds(day)), None)
    if held is None:
        return Said(name, f"{day} lies in none", waits=True)
    return Said(name, f"{day} lies in {held.wording}", blocks=BOTH, waits=True)


def _failures(policy: Decide, inputs: DecisionInputs) -> list[str]:
    """Tell the newest trainings in a row that did not help, newest first; one that waits for a person says nothing."""
    found = []
    for each in reversed(inputs.history):
        if each.action is not Action.RETRAIN or each.outcome == "held":
            continue
        came_back = each.came_back_after
        if each.outcome == "rejected":
            found.append(f"version {each.version} was rejected")
        elif each.came_back and came_back is not None and came_back <= policy.back_off.again_within.count:
            after = count_of(came_back, "window")
            found.append(f"{each.came_back.value} came back {after} after version {each.version}")
        else:
            break
    return found


def _back_off(policy: Decide, inputs: DecisionInputs, failures: Sequence[str], *, by_clock: bool) -> Said:
    name, wait = "back_off", policy.back_off.wait(policy.cooldown, len(failures))
    which = "the last training" if len(failures) == 1 else f"the last {len(failures)} trainings"
    told = "; ".join(failures[:_TOLD]) + (f"; {len(failures) - _TOLD} more" if len(failures) > _TOLD else "")
    sentence = f"{which} did not help ({told}), so evidence alone waits for {short_name(wait)}"
    age = None if inputs.last_trained_as_of is None else inputs.as_of - inputs.last_trained_as_of
    blocks = TRAINING if age is not None and age < wait and not by_clock else NOTHING
    return Said(name, sentence, blocks=blocks, waits=True)


_TOLD = 3


def _claimed(flags: Sequence[OpenFlag]) -> Said:
    turns = sorted({flag.claimed_as_of.isoformat() for flag in flags if flag.claimed_as_of is not None})
    sentence = f"{_subjects(flags)} is answered by the turn of {', '.join(turns)}, which has not ended"
    return Said("claimed", sentence, blocks=BOTH)


# --- words -----------------------------------------------------------------------------------------------------------


def _flags(kind: FlagKind, inputs: DecisionInputs) -> list[OpenFlag]:
    return [flag for flag in inputs.flags if flag.kind is kind]


def _ids(flags: Sequence[OpenFlag]) -> tuple[str, ...]:
    return tuple(sorted({flag.flag_id for flag in flags}))


def _subjects(flags: Sequence[OpenFlag]) -> str:
    return ", ".join(sorted({flag.subject for flag in flags}))


def describe_age(age: timedelta) -> str:
    """Write an age, rounded down to whole days, or to hours below one day.

    >>> describe_age(timedelta(days=30, hours=5)), describe_age(timedelta(hours=5))
    ('30d', '5h')
    """
    hours = age // timedelta(hours=1)
    return f"{hours // 24}d" if abs(hours) >= 24 else f"{hours}h"

"""The policies of a replay by name: each is a declared policy, given to the function that decides every turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from lakeloop.config.answers import Condition, Rule
from lakeloop.config.decide import Decide, When
from lakeloop.config.model import Model
from lakeloop.errors import UsageError

RANDOM, NEVER = "random", "never"
_CONSTANT = {"cooldown", "min_closed_days", "recalibrate"}


@dataclass(frozen=True)
class Policy:
    """A policy with its name.

    Attributes:
        name: Its name.
        decide: What is declared; a model's own section with another one in its place.
        meaning: What it does, in a few words.
    """

    name: str
    decide: Decide
    meaning: str


def find_policies(model: Model, names: Sequence[str]) -> list[Policy]:
    """Find policies by their names.

    Args:
        model: The model's declaration.
        names: Names; `random` is none of these, it is drawn to match the others.

    Returns:
        The policies in the order given, each once; `never` comes first, because every other is compared with it.

    Raises:
        UsageError: If a name is not known, or the model declares nothing that the policy could go by.

    >>> [each.name for each in find_policies(shops.models["late"], ["weekly", "declared", "random", "weekly"])]
    ['never', 'weekly', 'declared']
    >>> find_policies(shops.models["late"], ["daily"])
    Traceback (most recent call last):
    ...
    lakeloop.errors.UsageError: --policy: got 'daily'; allowed: never, schedule, weekly, monthly, drift, performance, \
declared, random; remedy: name one of these
    """
    for name in names:
        if name != RANDOM and name not in _POLICIES:
            raise UsageError("--policy", repr(name), ", ".join((*_POLICIES, RANDOM)), "name one of these")
    wanted = dict.fromkeys((NEVER, *(each for each in names if each != RANDOM)))
    return [_POLICIES[name](model) for name in wanted]


def _bare(model: Model, **declared: object) -> Decide:
    """Make a policy with the model's own limits of how often, and nothing that asks but what is given."""
    own = {name: getattr(model.decide, name) for name in _CONSTANT}
    return Decide.model_validate({**own, **declared})


def _never(model: Model) -> Policy:
    return Policy(NEVER, _bare(model, when=When(contract_drift="ignore")), "the first model serves to the end")


def _schedule(model: Model) -> Policy:
    every = model.decide.schedule
    if every is None:
        got = f"schedule, and model {model.model} declares none"
        raise UsageError("--policy", got, "a model with decide.schedule", "leave it out, or name weekly or monthly")
    return _by_clock(model, "schedule", every)


def _by_clock(model: Model, name: str, every: timedelta) -> Policy:
    days, least = every.days, min(model.decide.min_closed_days, max(every.days, 1))
    decide = _bare(
        model,
        schedule=every,
        cooldown=min(model.decide.cooldown, every),
        min_closed_days=least,
        when=When(contract_drift="ignore"),
    )
    return Policy(name, decide, f"a training every {days} days")


def _drift(model: Model) -> Policy:
    kinds = (Condition.REGIME_DRIFT, Condition.CONTRACT_DRIFT, Condition.PREDICTION_DRIFT, Condition.TARGET_DRIFT)
    # What blocks broken inputs would block what is tried here: it is taken for drift like any other.
    decide = _bare(model, when=When(contract_drift="ignore"), rules=(Rule(do="retrain", any=kinds),))
    return Policy("drift", decide, "a training on any open flag of drift")


def _performance(model: Model) -> Policy:
    when = model.decide.when
    if when.bias is None and when.skill is None and not when.metric_drop:
        got = f"performance, and model {model.model} declares no limit of bias, skill or a metric"
        raise UsageError("--policy", got, "a model with decide.when", "leave it out, or declare when: {bias: ...}")
    only = When(bias=when.bias, skill=when.skill, metric_drop=when.metric_drop, contract_drift=when.contract_drift)
    decide = model.decide
    own = _bare(model, when=only, escalate=decide.escalate, back_off=decide.back_off, flag_life=decide.flag_life)
    return Policy("performance", own, "the declared limits of bias, skill and metrics alone")


def _declared(model: Model) -> Policy:
    return Policy("declared", model.decide, "the model's decide section as it stands")


_POLICIES: dict[str, Callable[[Model], Policy]] = {
    NEVER: _never,
    "schedule": _schedule,
    "weekly": lambda model: _by_clock(model, "weekly", timedelta(days=7)),
    "monthly": lambda model: _by_clock(model, "monthly", timedelta(days=28)),
    "drift": _drift,
    "performance": _performance,
    "declared": _declared,
}


def possible_policies(model: Model) -> tuple[str, ...]:
    """Name the policies that a model declares enough for, and `random`.

    Args:
        model: The model's declaration.

    Returns:
        The names.

    >>> possible_policies(shops.models["late"])
    ('never', 'schedule', 'weekly', 'monthly', 'drift', 'performance', 'declared', 'random')
    """
    when = model.decide.when
    left_out = set() if model.decide.schedule is not None else {"schedule"}
    if when.bias is None and when.skill is None and not when.metric_drop:
        left_out.add("performance")
    return tuple(name for name in (*_POLICIES, RANDOM) if name not in left_out)

"""What holds of every policy and whatever it is given."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.config.answers import Allowance, BackOff, Blackout, Budget, Condition, Escalate, Rule, Weekday, Windows
from lakeloop.config.decide import Decide, When
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag, PastAnswer
from lakeloop.decisions.policy import COST, decide, policy_from_json, policy_to_json, recompute, to_row
from lakeloop.statuses import Action, FlagKind, PromotionOutcome

ALWAYS = ("first_training", "schedule", "bias", "skill", "quality_gate", "quality", "contract_drift")
ALWAYS += ("prediction_drift", "target_drift", "regime_drift", "cooldown", "newly_closed_days")
MADE = (Action.RECALIBRATE, Action.RETRAIN)

durations = st.integers(1, 10_000_000).map(lambda seconds: timedelta(seconds=seconds))
limits = st.none() | st.floats(0.001, 1, allow_nan=False)
windows = st.integers(1, 5).map(lambda count: Windows(count=count))
answers = st.sampled_from(["notify", "retrain"])
whens = st.builds(
    When,
    bias=limits,
    skill=limits,
    contract_drift=st.sampled_from(["any", "ignore"]),
    metric_drop=st.sampled_from([{}, {"roc_auc": 0.02}]),
    prediction_drift=answers,
    target_drift=answers,
    regime_drift=answers,
    new_rows=st.none() | st.integers(1, 50),
)
allowances = st.builds(Allowance, count=st.integers(1, 4), per=durations)
budgets = st.none() | st.builds(Budget, retrain=allowances, recalibrate=st.none() | allowances)
blackouts = st.lists(
    st.sampled_from(
        [Blackout(weekdays=(Weekday.SUN,)), Blackout.model_validate({"from": "2012-12-20", "to": "2013-01-02"})]
    )
).map(tuple)
any_policy = st.builds(
    Decide,
    schedule=st.none() | durations,
    when=whens,
    cooldown=durations,
    min_closed_days=st.integers(1, 60),
    escalate=st.builds(Escalate, first=st.sampled_from(["recalibrate", "retrain"]), again_within=windows),
    budget=budgets,
    blackout=blackouts,
    back_off=st.builds(BackOff, again_within=windows, at_most=st.integers(1, 16)),
    flag_life=st.none() | windows,
)
rules = st.builds(
    Rule,
    do=st.sampled_from(["notify", "recalibrate", "retrain"]),
    any=st.lists(st.sampled_from([each for each in Condition if each not in ("new_rows",)]), min_size=1, max_size=3),
)
ruled = st.builds(
    lambda rules, base: base.model_copy(
        update={
            "schedule": timedelta(days=28),
            "rules": (*rules, Rule(do="retrain", any=("schedule", "skill"))),
            "when": When(bias=0.1, skill=0.0, metric_drop={"roc_auc": 0.02}),
        }
    ),
    st.lists(rules, min_size=1, max_size=3),
    any_policy,
)
policies = any_policy | ruled
instants = st.datetimes(datetime(2012, 1, 1), datetime(2014, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
past = st.builds(
    PastAnswer,
    as_of=instants,
    action=st.sampled_from(MADE),
    version=st.sampled_from(["1", "2", "3"]),
    outcome=st.sampled_from([PromotionOutcome.PROMOTED, PromotionOutcome.REJECTED, PromotionOutcome.HELD]),
    came_back=st.sampled_from([FlagKind.BIAS, FlagKind.SKILL]),
    came_back_after=st.none() | st.integers(0, 5),
)
flags = st.builds(OpenFlag, st.sampled_from(FlagKind), st.text(max_size=5), st.text(max_size=5), st.none() | instants)
inputs_of_any_kind = st.builds(
    DecisionInputs,
    as_of=instants,
    champion=st.none() | st.sampled_from(["1", "2"]),
    last_trained_as_of=st.none() | instants,
    last_closed_day=st.none() | st.dates(),
    closed_days_total=st.integers(0, 400),
    closed_days_since_training=st.integers(0, 60),
    flags=st.lists(flags, max_size=4).map(tuple),
    quality_passed=st.none() | st.booleans(),
    closed_days_needed=st.integers(0, 60),
    can_recalibrate=st.booleans(),
    recalibration_days=st.integers(0, 28),
    recalibration_days_needed=st.integers(2, 10),
    windows_since_recalibration=st.none() | st.integers(0, 6),
    history=st.lists(past, max_size=5).map(tuple),
    new_rows=st.none() | st.integers(0, 100),
    local_date=st.none() | st.dates(date(2012, 1, 1), date(2014, 1, 1)),
)


@settings(deadline=None)  # the first call loads libraries
@given(policies, inputs_of_any_kind)
def test_a_decision_is_recomputed_from_its_row_alone(policy, inputs):
    row = to_row(policy, inputs)
    recorded = json.loads(json.dumps({key: row[key] for key in ("action", "reasons", "policy", "inputs")}))
    again = recompute({"policy": recorded["policy"], "inputs": recorded["inputs"]})
    assert (again.action.value, list(again.reasons)) == (recorded["action"], recorded["reasons"])
    assert again == decide(policy, inputs)
    assert DecisionInputs.from_json(inputs.to_json()) == inputs
    assert policy_from_json(policy_to_json(policy)) == policy


@settings(deadline=None)  # the first call loads libraries
@given(policies, inputs_of_any_kind)
def test_every_rule_speaks_once_and_nothing_blocked_is_done(policy, inputs):
    decision = decide(policy, inputs)
    names = [reason.split(": ")[0] for reason in decision.reasons if not reason.startswith("outcome: ")]
    assert tuple(name for name in names if name in ALWAYS) == ALWAYS
    assert len(names) == len(set(names))
    effects = [reason.split(": ")[1] for reason in decision.reasons]
    for action, asks, noun in (
        (Action.RETRAIN, "asks to retrain", "retraining"),
        (Action.RECALIBRATE, "asks to recalibrate", "recalibration"),
    ):
        blocked = any("blocks" in effect and noun in effect for effect in effects)
        asked = any(asks in effect for effect in effects)
        if decision.action is action:
            assert asked
            assert not blocked
        elif COST[decision.action] < COST[action]:
            assert blocked or not asked
    assert (decision.action in MADE) or decision.answers == ()


def stand_against(policy: Decide, inputs: DecisionInputs):
    """Give what blocks on top of whatever there is: broken data, and a turn that answers the flags already."""
    breakage = OpenFlag(FlagKind.QUALITY, "a column", "broken")
    claimed = OpenFlag(FlagKind.REGIME_DRIFT, "a column", "claimed", inputs.as_of)
    yield policy, replace(inputs, quality_passed=False)
    yield policy, replace(inputs, quality_passed=None)
    yield policy, replace(inputs, flags=(*inputs.flags, breakage))
    yield policy, replace(inputs, flags=(*inputs.flags, claimed))
    if inputs.local_date is not None:
        day = inputs.local_date.isoformat()
        shut = Blackout.model_validate({"from": day, "to": day})
        yield policy.model_copy(update={"blackout": (*policy.blackout, shut)}), inputs


@settings(deadline=None)  # the first call loads libraries
@given(any_policy, inputs_of_any_kind)
def test_what_blocks_never_makes_a_version_and_never_leads_to_a_costlier_action_than_telling(policy, inputs):
    before = decide(policy, inputs).action
    for blocked_policy, blocked in stand_against(policy, inputs):
        after = decide(blocked_policy, blocked).action
        assert after not in MADE
        assert COST[after] <= max(COST[before], COST[Action.NOTIFY])


@settings(deadline=None)  # the first call loads libraries
@given(policies, inputs_of_any_kind)
def test_on_data_that_did_not_pass_nothing_is_made(policy, inputs):
    if decide(policy, inputs).action in MADE:
        assert inputs.quality_passed is True
        assert not any(flag.kind is FlagKind.QUALITY for flag in inputs.flags)


def days_of_flags():
    """Flags that are open day by day, and how each judgement of a day would end."""
    kinds = st.sets(st.sampled_from([FlagKind.BIAS, FlagKind.SKILL, FlagKind.TARGET_DRIFT]))
    ends = st.sampled_from([PromotionOutcome.PROMOTED, PromotionOutcome.REJECTED, PromotionOutcome.HELD])
    return st.lists(st.tuples(kinds, ends), min_size=1, max_size=80)


@settings(deadline=None, max_examples=60)  # the first call loads libraries
@given(any_policy, days_of_flags(), st.integers(1, 3), st.integers(1, 40))
def test_the_budget_is_kept_over_any_history(policy, days, count, span):
    """A loop day by day, in which only the budget and what the policy itself declares hold anything back."""
    allowed = Allowance(count=count, per=timedelta(days=span))
    policy = policy.model_copy(
        update={
            "budget": Budget(retrain=allowed, recalibrate=allowed),
            "cooldown": timedelta(hours=1),
            "min_closed_days": 1,
        }
    )
    history: list[PastAnswer] = []
    start = datetime(2013, 5, 1, tzinfo=UTC)
    for day, (kinds, ending) in enumerate(days):
        now = start + timedelta(days=day)
        trained = [each.as_of for each in history if each.action is Action.RETRAIN]
        inputs = DecisionInputs(
            as_of=now,
            champion="1",
            last_trained_as_of=trained[-1] if trained else start - timedelta(days=30),
            last_closed_day=now.date(),
            closed_days_total=100 + day,
            closed_days_since_training=30,
            flags=tuple(OpenFlag(kind, kind.value, f"{kind} {day}") for kind in sorted(kinds)),
            quality_passed=True,
            can_recalibrate=True,
            recalibration_days=28,
            recalibration_days_needed=4,
            history=tuple(history),
            local_date=now.date(),
        )
        action = decide(policy, inputs).action
        if action in MADE:
            history.append(PastAnswer(now, action, str(day), ending))
        for made in MADE:
            in_span = [each for each in history if each.action is made and now - each.as_of < allowed.per]
            assert len(in_span) <= count

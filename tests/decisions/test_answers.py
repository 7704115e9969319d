"""Escalation, declared rules, budget, blackout, back-off and claims, each by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lakeloop.config.decide import Decide
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag, PastAnswer
from lakeloop.decisions.policy import decide
from lakeloop.errors import ConflictError
from lakeloop.statuses import Action, FlagKind, PromotionOutcome
from tests.decisions.test_policy import MAY_1, said
from tests.decisions.test_policy import make_inputs as make_old_inputs

BIAS, SKILL = FlagKind.BIAS, FlagKind.SKILL
PROMOTED, REJECTED, HELD = PromotionOutcome.PROMOTED, PromotionOutcome.REJECTED, PromotionOutcome.HELD


def make_inputs(*kinds: FlagKind, **options) -> DecisionInputs:
    """Inputs of a quiet turn of a model that can be recalibrated on two weeks of its own scores."""
    able = {"can_recalibrate": True, "recalibration_days": 14, "recalibration_days_needed": 4}
    return make_old_inputs(*kinds, **(able | {"local_date": MAY_1.date()} | options))


def declare(**declared) -> Decide:
    return Decide.model_validate({"when": {"bias": 0.02, "skill": 0.0}, **declared})


def answer(days_ago: int, outcome: PromotionOutcome = PROMOTED, **options) -> PastAnswer:
    defaults = {"action": Action.RETRAIN, "version": "2"}
    return PastAnswer(as_of=MAY_1 - timedelta(days=days_ago), outcome=outcome, **(defaults | options))


# --- escalation ------------------------------------------------------------------------------------------------------


def test_bias_alone_is_recalibrated_and_claims_its_flags():
    decision = decide(declare(), make_inputs(BIAS))
    assert decision.action is Action.RECALIBRATE
    assert decision.answers == ("id_0",)
    assert said(decision, "bias") == "bias: asks to recalibrate: open flag on bias_subject"
    assert said(decision, "recalibration_days") == (
        "recalibration_days: not fired: 14 closed days scored by version 3, 4 are needed"
    )


@pytest.mark.parametrize(
    ("windows", "action"),
    [(None, Action.RECALIBRATE), (0, Action.RETRAIN), (2, Action.RETRAIN), (3, Action.RECALIBRATE)],
)
def test_a_bias_that_is_back_within_two_windows_is_retrained(windows, action):
    decision = decide(declare(), make_inputs(BIAS, windows_since_recalibration=windows))
    assert decision.action is action
    if action is Action.RETRAIN:
        after = f"{windows} window{'' if windows == 1 else 's'} after a recalibration"
        assert said(decision, "bias") == f"bias: asks to retrain: open flag on bias_subject, {after}"


def test_the_stretch_in_which_bias_is_back_is_declared():
    policy = declare(escalate={"again_within": "1 window"})
    assert decide(policy, make_inputs(BIAS, windows_since_recalibration=2)).action is Action.RECALIBRATE
    assert decide(policy, make_inputs(BIAS, windows_since_recalibration=1)).action is Action.RETRAIN


def test_where_recalibration_is_no_answer_bias_retrains():
    assert decide(declare(), make_inputs(BIAS, can_recalibrate=False)).action is Action.RETRAIN
    assert decide(declare(escalate={"first": "retrain"}), make_inputs(BIAS)).action is Action.RETRAIN


@pytest.mark.parametrize(
    "options", [{"kinds": (BIAS, SKILL)}, {"kinds": (BIAS,), "age": timedelta(days=28)}], ids=["skill", "schedule"]
)
def test_loss_of_skill_and_the_schedule_are_retrained_though_bias_asks_for_less(options):
    kinds = options.pop("kinds")
    decision = decide(declare(schedule="28 days"), make_inputs(*kinds, **options))
    assert decision.action is Action.RETRAIN
    assert decision.answers == tuple(f"id_{n}" for n in range(len(kinds)))  # bias is answered by it too


def test_neither_cooldown_nor_closed_days_of_the_last_training_hold_a_recalibration_back():
    inputs = make_inputs(BIAS, age=timedelta(days=1), closed_days_since_training=1)
    assert decide(declare(), inputs).action is Action.RECALIBRATE


def test_what_may_not_be_trained_yet_is_recalibrated_where_bias_asks():
    decision = decide(declare(), make_inputs(BIAS, SKILL, age=timedelta(days=1)))
    assert (decision.action, decision.answers) == (Action.RECALIBRATE, ("id_0",))
    assert decision.reasons[-1] == "outcome: retraining was asked for and is blocked by cooldown"


@pytest.mark.parametrize("kind", [FlagKind.CONTRACT_DRIFT, FlagKind.QUALITY])
def test_broken_data_blocks_both_and_is_told(kind):
    decision = decide(declare(), make_inputs(kind, BIAS, SKILL))
    assert (decision.action, decision.answers) == (Action.NOTIFY, ())
    assert "blocks retraining and recalibration" in said(decision, kind.value)
    assert decision.reasons[-2:] == (
        f"outcome: retraining was asked for and is blocked by {kind.value}",
        f"outcome: recalibration was asked for and is blocked by {kind.value}",
    )


def test_too_few_days_to_recalibrate_on_are_waited_for():
    decision = decide(declare(), make_inputs(BIAS, recalibration_days=3))
    assert decision.action is Action.NOTIFY
    assert said(decision, "recalibration_days") == (
        "recalibration_days: blocks recalibration: 3 closed days scored by version 3, 4 are needed"
    )


# --- evidence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["prediction_drift", "target_drift", "regime_drift"])
def test_drift_retrains_where_it_is_declared(kind):
    inputs = make_inputs(FlagKind(kind))
    assert decide(declare(), inputs).action is Action.NOTIFY
    decision = decide(declare(when={kind: "retrain"}), inputs)
    assert (decision.action, decision.answers) == (Action.RETRAIN, ("id_0",))


def test_a_drop_of_a_metric_retrains_where_a_limit_is_declared():
    inputs = make_inputs(FlagKind.METRIC_DROP)
    assert decide(declare(when={"metric_drop": {"roc_auc": 0.02}}), inputs).action is Action.RETRAIN
    assert decide(declare(), inputs).action is Action.NOTIFY  # a flag from before the limit was taken away


@pytest.mark.parametrize(
    ("rows", "action"),
    [(1000, Action.RETRAIN), (999, Action.NONE), (None, Action.NONE)],  # missing is no number
)
def test_new_rows(rows, action):
    assert decide(declare(when={"new_rows": 1000}), make_inputs(new_rows=rows)).action is action


def test_new_rows_that_wait_are_silent():
    policy = declare(when={"new_rows": 1000})
    assert decide(policy, make_inputs(new_rows=1000, age=timedelta(days=1))).action is Action.NONE


# --- declared rules --------------------------------------------------------------------------------------------------

RULES = declare(
    when={"bias": 0.02, "skill": 0.0, "new_rows": 1000},
    rules=[
        {"do": "retrain", "all": ["new_rows", {"any": ["bias", "skill"]}]},
        {"do": "notify", "any": ["prediction_drift"]},
    ],
)


@pytest.mark.parametrize(
    ("kinds", "rows", "action", "rule_1"),
    [
        ((BIAS,), 1000, Action.RETRAIN, "rule 1: asks to retrain: new_rows, bias hold"),
        ((BIAS,), 999, Action.NONE, "rule 1: not fired: of its conditions bias alone holds"),
        ((), 1000, Action.NONE, "rule 1: not fired: of its conditions new_rows alone holds"),
        ((SKILL, BIAS), 1000, Action.RETRAIN, "rule 1: asks to retrain: new_rows, bias, skill hold"),
        ((FlagKind.PREDICTION_DRIFT,), 0, Action.NOTIFY, "rule 1: not fired: none of its conditions holds"),
        (
            (FlagKind.REGIME_DRIFT,),
            0,
            Action.NONE,
            "rule 1: not fired: none of its conditions holds",
        ),  # no rule names it
    ],
)
def test_declared_rules_say_what_is_done(kinds, rows, action, rule_1):
    decision = decide(RULES, make_inputs(*kinds, new_rows=rows))
    assert decision.action is action
    assert said(decision, "rule 1") == rule_1
    asked = [each for each in decision.reasons if "asks to" in each]
    assert all(each.startswith("rule ") for each in asked)


@pytest.mark.parametrize("kind", [FlagKind.CONTRACT_DRIFT, FlagKind.QUALITY])
def test_what_blocks_holds_beside_declared_rules(kind):
    decision = decide(RULES, make_inputs(BIAS, kind, new_rows=1000))
    assert decision.action is Action.NOTIFY
    assert decision.reasons[-1] == f"outcome: retraining was asked for and is blocked by {kind.value}"


def test_declared_rules_escalate_by_name():
    policy = declare(
        rules=[{"do": "recalibrate", "all": ["bias"]}, {"do": "retrain", "any": ["bias_again", "skill"]}],
    )
    assert decide(policy, make_inputs(BIAS)).action is Action.RECALIBRATE
    assert decide(policy, make_inputs(BIAS, windows_since_recalibration=2)).action is Action.RETRAIN
    assert decide(policy, make_inputs(BIAS, windows_since_recalibration=3)).action is Action.RECALIBRATE


def test_a_first_training_asks_beside_declared_rules():
    assert decide(RULES, make_inputs(champion=None, age=None, can_recalibrate=False)).action is Action.RETRAIN


# --- budget and blackout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ages", "action"),
    [
        ((27, 20, 14), Action.NOTIFY),
        ((28, 20, 14), Action.RETRAIN),  # the oldest has left the stretch
        ((20, 14), Action.RETRAIN),
    ],
)
def test_a_budget_of_trainings(ages, action):
    policy = declare(budget={"retrain": "3 per 28 days"})
    decision = decide(policy, make_inputs(SKILL, history=tuple(answer(age) for age in ages)))
    assert decision.action is action
    counted = sum(age < 28 for age in ages)
    assert said(decision, "budget_retrain").endswith(f": {counted} of 3 in the last 28d")


def test_a_schedule_that_waits_for_its_budget_is_silent():
    policy = declare(schedule="28 days", budget={"retrain": "1 per 60 days"})
    assert decide(policy, make_inputs(age=timedelta(days=30), history=(answer(30),))).action is Action.NONE


def test_trainings_and_recalibrations_have_budgets_of_their_own():
    policy = declare(budget={"recalibrate": "1 per 28 days"})
    done = answer(3, action=Action.RECALIBRATE)
    assert decide(policy, make_inputs(BIAS, history=(done,))).action is Action.NOTIFY
    assert decide(policy, make_inputs(SKILL, history=(done,))).action is Action.RETRAIN


@pytest.mark.parametrize(
    ("day", "action", "sentence"),
    [
        (date(2013, 12, 19), Action.RETRAIN, "not fired: 2013-12-19 lies in none"),
        (date(2013, 12, 20), Action.NOTIFY, "lies in 2013-12-20 to 2014-01-02"),
        (date(2014, 1, 2), Action.NOTIFY, "lies in 2013-12-20 to 2014-01-02"),
        (date(2014, 1, 3), Action.RETRAIN, "not fired: 2014-01-03 lies in none"),
        (date(2014, 1, 4), Action.NOTIFY, "lies in sat, sun"),
        (None, Action.NOTIFY, "the local day was not recorded, which is no permission"),
    ],
)
def test_no_version_is_made_on_a_day_of_blackout(day, action, sentence):
    policy = declare(blackout=[{"from": "2013-12-20", "to": "2014-01-02"}, {"weekdays": ["sat", "sun"]}])
    decision = decide(policy, make_inputs(SKILL, local_date=day))
    assert decision.action is action
    assert sentence in said(decision, "blackout")
    assert decide(policy, make_inputs(BIAS, local_date=day)).action in (action, Action.RECALIBRATE)


# --- back-off --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "age", "action"),
    [
        (0, 7, Action.RETRAIN),
        (1, 13, Action.NOTIFY),
        (1, 14, Action.RETRAIN),
        (2, 27, Action.NOTIFY),
        (2, 28, Action.RETRAIN),
        (9, 55, Action.NOTIFY),
        (9, 56, Action.RETRAIN),  # eight times the cooldown at most
    ],
)
def test_evidence_waits_twice_as_long_for_every_training_that_did_not_help(failures, age, action):
    history = tuple(answer(age + n, REJECTED, version=str(9 - n)) for n in reversed(range(failures)))
    decision = decide(declare(), make_inputs(SKILL, age=timedelta(days=age), history=history))
    assert decision.action is action


def test_what_did_not_help_is_said():
    history = (
        answer(60, version="2"),
        answer(40, version="3", came_back=SKILL, came_back_after=1),
        answer(14, REJECTED, version="4"),
    )
    decision = decide(declare(), make_inputs(SKILL, history=history))
    assert said(decision, "back_off") == (
        "back_off: blocks retraining: the last 2 trainings did not help (version 4 was rejected; skill came back"
        " 1 window after version 3), so evidence alone waits for 28d"
    )
    assert decision.reasons[-1] == "outcome: retraining was asked for and is blocked by back_off"
    quiet = decide(declare(), make_inputs(history=history, age=timedelta(days=30)))  # also when nothing asks
    assert said(quiet, "back_off").startswith("back_off: not fired: the last 2 trainings did not help")


@pytest.mark.parametrize(
    "history",
    [
        (answer(20, REJECTED), answer(14)),  # the newest helped
        (answer(14, came_back=SKILL, came_back_after=3),),  # too late to blame it
        (answer(14, HELD),),  # waits for a person
        (answer(10, REJECTED, action=Action.RECALIBRATE),),  # no training: a bias that is back escalates
    ],
)
def test_what_is_no_failure_does_not_make_evidence_wait(history):
    decision = decide(declare(), make_inputs(SKILL, history=history))
    assert decision.action is Action.RETRAIN
    assert not any(reason.startswith("back_off") for reason in decision.reasons)


def test_a_schedule_does_not_back_off():
    inputs = make_inputs(SKILL, age=timedelta(days=28), history=(answer(30, REJECTED), answer(28, REJECTED)) * 3)
    assert decide(declare(schedule="28 days"), inputs).action is Action.RETRAIN
    assert decide(declare(), inputs).action is Action.NOTIFY


def test_back_off_can_be_declared_away():
    history = (answer(14, REJECTED),)
    assert decide(
        declare(back_off={"at_most": 1}), make_inputs(SKILL, age=timedelta(days=7), history=history)
    ).action is (Action.RETRAIN)


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claimed_ago", "action"),
    [
        (timedelta(hours=1), Action.NOTIFY),
        (timedelta(hours=-1), Action.NOTIFY),  # by a turn that comes after this one
        (timedelta(days=7), Action.RETRAIN),  # left: as long as a training would hold the next one back
    ],
)
def test_what_another_turn_answers_is_left_to_it(claimed_ago, action):
    flag = OpenFlag(SKILL, "skill", "f1", MAY_1 - claimed_ago)
    decision = decide(declare(), make_inputs(flags=(flag,)))
    assert decision.action is action
    if action is Action.NOTIFY:
        at = (MAY_1 - claimed_ago).isoformat()
        assert said(decision, "claimed") == (
            f"claimed: blocks retraining and recalibration: skill is answered by the turn of {at}, which has not ended"
        )
        assert decision.reasons[-1] == "outcome: retraining was asked for and is blocked by claimed"


def test_inputs_of_a_later_lakeloop_are_refused():
    written = make_inputs().to_json().replace('"version": 2', '"version": 3')
    with pytest.raises(ConflictError, match="written in version 3, known up to 2"):
        DecisionInputs.from_json(written)


def test_a_claim_is_recorded_with_its_flag():
    flag = OpenFlag(SKILL, "skill", "f1", datetime(2013, 5, 1, tzinfo=UTC))
    inputs = make_inputs(flags=(flag,), history=(answer(3, REJECTED, came_back=None),), new_rows=7)
    assert DecisionInputs.from_json(inputs.to_json()) == inputs

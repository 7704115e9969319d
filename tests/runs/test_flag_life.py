"""A flag from its alarm to its end: claimed by one turn, answered, expired, or not watched any more."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.decisions.flags import Flag
from lakeloop.decisions.policy import recompute
from lakeloop.errors import ConflictError
from lakeloop.runs import decide, decision_inputs, ledger
from lakeloop.runs.context import Context
from lakeloop.runs.decide import decide_action, preview_action
from lakeloop.runs.decision_inputs import gather_inputs
from lakeloop.runs.flag_life import claim_flags, end_flags, find_life, release_flags
from lakeloop.runs.flags import raise_flags, read_flags
from lakeloop.runs.ledger import run_step
from lakeloop.runs.promotions import REJECTED
from lakeloop.runs.quality import JOB as QUALITY_JOB
from lakeloop.statuses import Action, FlagKind, FlagState, LedgerEvent, Outcome
from lakeloop.tables import Lake, WriteIdentity
from tests.runs.models.conftest import context, registered  # noqa: F401 - fixtures
from tests.runs.models.ledgers import MODEL, day, event, judge

BIAS = Flag(FlagKind.BIAS, MODEL, "1", "bias", day(7), day(10), day(10))
HOUR = timedelta(hours=1)


def alone(config: Any, as_of: Any) -> Context:
    """Surroundings of another process: what it has read of the tables it has read itself."""
    made = Context(config, as_of)
    made.__dict__["lake"] = Lake(lambda: pytest.fail("no Spark"), config.workspace, retention=timedelta(days=400))
    return made


def pass_gate(at: Context) -> None:
    for source in at.config.sources:
        identity = WriteIdentity(QUALITY_JOB, f"{source} {at.turn}")
        at.lake.append_own(schemas.QUALITY, [], identity, notes={"passed": True})


@pytest.fixture
def biased(context, monkeypatch):  # noqa: F811 - the fixture
    """A champion since the first day, with a flag of bias; this policy retrains on it, in this hour and the next."""
    declared = context.config.root / "conf" / "base" / "models" / "late.yml"
    text = declared.read_text(encoding="utf-8").replace("when: {bias: 0.2}}", "when: {bias: 0.2}, cooldown: 3 days, F}")
    declared.write_text(
        text.replace("cooldown: 1 day, ", "")
        .replace("schedule: 7 days, ", "")
        .replace("F}", "escalate: {first: retrain}}")
    )
    config = load_config(context.config.root)
    judge(context.at(day(1)), "1")
    made = replace_config(context, config)
    for at in (made, made.at(day(10) + HOUR)):
        pass_gate(at)
    raise_flags(made, MODEL, [BIAS])
    monkeypatch.setattr(decision_inputs, "_first_day", lambda *_: date(2024, 1, 1))  # no row was landed
    return made


def replace_config(context: Context, config: Any) -> Context:  # noqa: F811 - no fixture
    made = context.at(context.as_of)
    made.config = config
    return made


def states(at: Context) -> list[FlagState]:
    return [each.state for each in read_flags(at, MODEL)]


def test_what_a_turn_answers_it_claims_and_its_judgement_resolves_with_the_outcome(biased):
    decided = decide_action(biased, MODEL)
    assert (decided.action, decided.outcome) == (Action.RETRAIN, Outcome.WRITTEN)
    assert states(biased) == [FlagState.CLAIMED]
    assert decide_action(biased, MODEL) == replace(decided, outcome=Outcome.SKIPPED)
    judge(biased, "2", REJECTED)
    (record,) = read_flags(biased, MODEL)
    assert record.state is FlagState.RESOLVED
    ending = {key: record.ending[key] for key in ("outcome", "judged_version", "answer")}
    assert ending == {"outcome": "rejected", "judged_version": "2", "answer": "gate"}
    events = [row["event"] for row in biased.lake.own_rows(schemas.FLAGS, None)]
    assert sorted(events) == ["claimed", "raised", "resolved"]


def test_the_next_decision_says_that_the_training_did_not_help_and_waits_twice_as_long(biased):
    decide_action(biased, MODEL)
    judge(biased, "2", REJECTED)
    later = biased.at(day(14))
    pass_gate(later)
    raise_flags(later, MODEL, [replace(BIAS, window_end=day(13), as_of=later.as_of)])
    decided = decide_action(later, MODEL)
    assert decided.action is Action.NOTIFY
    assert (
        "back_off: blocks retraining: the last training did not help (version 2 was rejected),"
        " so evidence alone waits for 6d"
    ) in decided.reasons
    at_last = biased.at(day(16))
    pass_gate(at_last)
    assert decide_action(at_last, MODEL).action is Action.RETRAIN
    for row in biased.lake.own_rows(schemas.DECISIONS, None):
        again = recompute(row)
        assert (again.action.value, list(again.reasons)) == (row["action"], list(row["reasons"]))


def test_a_turn_that_died_after_its_claim_takes_it_up_again(biased):
    assert claim_flags(biased, MODEL, {BIAS.flag_id: None}) == ()
    assert decide_action(alone(biased.config, biased.as_of), MODEL).action is Action.RETRAIN
    assert sorted(row["event"] for row in biased.lake.own_rows(schemas.FLAGS, None)) == ["claimed", "raised"]


def test_a_claim_of_a_turn_that_never_ended_holds_for_the_cooldown(biased):
    claim_flags(biased, MODEL, {BIAS.flag_id: None})
    soon, late = biased.at(day(10) + HOUR), biased.at(day(13))
    decided = decide_action(soon, MODEL)
    assert decided.action is Action.NOTIFY
    assert decided.reasons[-1] == "outcome: retraining was asked for and is blocked by claimed"
    pass_gate(late)
    assert decide_action(late, MODEL).action is Action.RETRAIN
    assert [each.claimed_as_of for each in read_flags(late, MODEL)] == [late.as_of]


@pytest.mark.parametrize("is_locked", [True, False], ids=["locked", "shared storage"])
def test_of_two_deciders_at_once_exactly_one_retrains(biased, monkeypatch, is_locked):
    """Both have decided to retrain before either claims; without the lock as on a storage that machines share."""
    meeting = threading.Barrier(2)
    met = threading.local()

    def claim_together(*arguments: Any) -> Any:
        if not is_locked and not getattr(met, "once", False):
            met.once = True
            meeting.wait(60)
        return claim_flags(*arguments)

    monkeypatch.setattr(decide, "claim_flags", claim_together)
    if not is_locked:
        monkeypatch.setattr(Lake, "writing", lambda *_, **__: nullcontext())
    deciders = [alone(biased.config, as_of) for as_of in (biased.as_of, biased.as_of + HOUR)]
    with ThreadPoolExecutor(2) as pool:
        decided = list(pool.map(lambda each: decide_action(each, MODEL), deciders))
    assert sorted(each.action for each in decided) == [Action.NOTIFY, Action.RETRAIN]
    loser = next(each for each in decided if each.action is Action.NOTIFY)
    assert loser.reasons[-1] == "outcome: retraining was asked for and is blocked by claimed"
    claims = [row for row in biased.lake.own_rows(schemas.FLAGS, None) if row["event"] == "claimed"]
    winner = deciders[decided.index(next(each for each in decided if each.action is Action.RETRAIN))]
    assert [row["as_of"] for row in claims] == [winner.as_of]


def test_a_claim_made_after_the_decision_was_thought_out_wins(biased, monkeypatch):
    """The other turn begins, claims and ends between this turn's last look and its claim."""
    later = alone(biased.config, biased.as_of + HOUR)

    def claim_late(*arguments: Any) -> Any:
        monkeypatch.setattr(decide, "claim_flags", claim_flags)
        assert decide_action(biased, MODEL).action is Action.RETRAIN
        return claim_flags(*arguments)

    monkeypatch.setattr(decide, "claim_flags", claim_late)
    decided = decide_action(later, MODEL)
    assert decided.action is Action.NOTIFY
    assert decided.reasons[-1] == "outcome: retraining was asked for and is blocked by claimed"
    claims = [row["as_of"] for row in biased.lake.own_rows(schemas.FLAGS, None) if row["event"] == "claimed"]
    assert claims == [biased.as_of]


@pytest.mark.parametrize("first", [0, 1], ids=["the earlier trains first", "the later trains first"])
def test_of_two_that_the_clock_alone_asks_to_retrain_one_may(biased, monkeypatch, first):
    """No flag is there to be claimed: the order of turns lets only the later decider train."""
    claim_flags(biased, MODEL, {BIAS.flag_id: None})
    release_flags(biased, MODEL, ["too few rows"])
    monkeypatch.setattr(ledger, "assert_expressions", lambda _: None)
    declared = biased.config.root / "conf" / "base" / "models" / "late.yml"
    text = declared.read_text(encoding="utf-8").replace("cooldown: 3 days", "cooldown: 1 day, schedule: 2 days")
    declared.write_text(text, encoding="utf-8")
    config = load_config(biased.config.root)
    turns = [alone(config, as_of) for as_of in (biased.as_of, biased.as_of + HOUR)]
    assert [run_step(each, "decide", decide_action, MODEL).action for each in turns] == [Action.RETRAIN] * 2
    trained = []
    for place in (first, 1 - first):
        with suppress(ConflictError):
            run_step(turns[place], "train", lambda *_, at=place: trained.append(at), MODEL)
    assert trained == [1]


def test_what_could_not_be_answered_is_released(biased):
    claim_flags(biased, MODEL, {BIAS.flag_id: None})
    assert release_flags(biased, MODEL, ["all 9 outcomes are True"]) == 1
    (record,) = read_flags(biased, MODEL)
    assert (record.state, record.ending["outcome"]) == (FlagState.RESOLVED, "not ready")
    assert (record.ending["reasons"], release_flags(biased, MODEL, [])) == (["all 9 outcomes are True"], 0)


# --- what nobody answered --------------------------------------------------------------------------------------------


def test_a_flag_that_is_not_seen_again_expires_at_a_decision_and_says_why(biased):
    life = find_life(biased.config.models[MODEL])
    assert life == timedelta(days=12)  # four windows of three days
    last, beyond = biased.at(day(10) + life), biased.at(day(10) + life + HOUR)
    assert end_flags(last, biased.config.models[MODEL], "1") == 0
    assert BIAS.flag_id in {flag.flag_id for flag in gather_inputs(last, biased.config.models[MODEL]).flags}
    assert preview_action(beyond, MODEL).action is Action.NONE  # by a look that records nothing
    assert states(beyond) == [FlagState.OPEN]
    assert gather_inputs(beyond, biased.config.models[MODEL]).flags == ()
    decide_action(beyond, MODEL)
    (record,) = read_flags(beyond, MODEL)
    assert record.state is FlagState.EXPIRED
    assert record.ending["reason"] == (
        "the alarm was last seen in the window to 2024-01-11T00:00:00+00:00, and a flag stands for 12 days"
    )


def test_a_flag_whose_alarm_is_seen_again_lives_on(biased):
    drift = Flag(FlagKind.REGIME_DRIFT, MODEL, "1", "hour_of_day", day(7), day(10), day(10))
    raise_flags(biased, MODEL, [drift])
    row = {
        "model": MODEL,
        "model_version": "1",
        "granularity": "3 days",
        "column_name": "hour_of_day",
        "kind": "feature",
        "role": "regime",
        "status": "OK",
        "verdict": "DRIFT",
        "drift_type": "BASELINE",
        "test": "psi",
        "evidence": "{}",
        "count": 72,
    }
    write = {"window": (day(16), day(19)), "as_of": day(19)}
    biased.lake.append_own(schemas.DRIFT_METRICS, [row | write], WriteIdentity("monitor", f"{MODEL} later", "1"))
    later = biased.at(day(23))
    end_flags(later, later.config.models[MODEL], "1")
    assert {each.flag.subject: each.state for each in read_flags(later, MODEL)} == {
        "bias": FlagState.EXPIRED,
        "hour_of_day": FlagState.OPEN,
    }


def test_what_blocks_never_expires(biased):
    broken = [
        Flag(kind, MODEL, "1", "items", day(7), day(10), day(10))
        for kind in (FlagKind.CONTRACT_DRIFT, FlagKind.QUALITY)
    ]
    raise_flags(biased, MODEL, broken)
    later = biased.at(day(300))
    end_flags(later, later.config.models[MODEL], "1")
    assert {each.flag.kind for each in read_flags(later, MODEL) if each.is_open} == {
        FlagKind.CONTRACT_DRIFT,
        FlagKind.QUALITY,
    }


def test_a_column_that_is_no_contract_any_more_blocks_no_longer(biased):
    drift = Flag(FlagKind.CONTRACT_DRIFT, MODEL, "1", "items", day(7), day(10), day(10))
    raise_flags(biased, MODEL, [drift])
    declared = biased.config.root / "conf" / "base" / "models" / "late.yml"
    declared.write_text(declared.read_text().replace("contract: [shop, items]", "contract: [shop]"))
    now = replace_config(biased, load_config(biased.config.root))
    assert decide_action(now, MODEL).action is Action.RETRAIN  # bias alone is left
    (record,) = [each for each in read_flags(now, MODEL) if each.flag.kind is FlagKind.CONTRACT_DRIFT]
    assert (record.state, record.ending["alarm"]) == (FlagState.RESOLVED, "no longer watched")


# --- what is looked up -----------------------------------------------------------------------------------------------


def test_an_alarm_that_came_back_after_its_training_is_remembered(biased):
    decide_action(biased, MODEL)
    judge(biased, "2")  # promoted on the tenth day; windows of three days from then on
    (record,) = read_flags(biased, MODEL)
    assert (record.state, record.ending["judged_version"]) == (FlagState.SUPERSEDED, "2")
    later = biased.at(day(17))
    raise_flags(
        later, MODEL, [replace(BIAS, model_version="2", window_start=day(13), window_end=day(16), as_of=day(17))]
    )
    inputs = gather_inputs(later, later.config.models[MODEL])
    told = [(each.version, each.outcome.value, each.came_back, each.came_back_after) for each in inputs.history]
    assert told == [("1", "promoted", None, None), ("2", "promoted", FlagKind.BIAS, 2)]
    assert inputs.can_recalibrate
    assert inputs.windows_since_recalibration is None
    assert (inputs.recalibration_days, inputs.recalibration_days_needed) == (6, 4)  # to the sixteenth: the last is open


def test_windows_are_counted_from_the_last_recalibration_to_the_newest_flag(biased):
    ledger = [event("1", at=1, seq=1), event("2", at=4, seq=2)]
    ledger[1] = replace(ledger[1], actor="recalibrate", outcome=REJECTED)
    model, champion = biased.config.models[MODEL], ledger[0]
    records = read_flags(biased, MODEL)  # windows of three days since the first: the flag's ends on the tenth
    assert decision_inputs._windows_since_recalibration(model, ledger, champion, records) == 2
    trained = replace(event("3", at=9, seq=3), actor="gate")
    assert decision_inputs._windows_since_recalibration(model, [*ledger, trained], champion, records) is None
    assert decision_inputs._windows_since_recalibration(model, ledger, champion, []) is None


def test_days_are_counted_that_a_version_served(biased):
    ledger = [event("1", at=1), event("2", at=5), event("1", LedgerEvent.ROLLBACK, at=8)]
    model = biased.config.models[MODEL]
    served = [decision_inputs._served_days(model, ledger, version, date(2024, 1, 10)) for version in ("1", "2", "3")]
    assert served == [7, 4, 0]  # days of a change count for both

"""Promote, approve, roll back, archive: rows of the ledger, aliases that follow, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest

from lakeloop import schemas
from lakeloop.decisions.flags import Flag
from lakeloop.errors import ConflictError, NotReadyError, UsageError
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context
from lakeloop.runs.flags import raise_flags, read_open_flags
from lakeloop.runs.ledger import StepRecord, record_run
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import approve_version, archive_version, promote_version, roll_back
from lakeloop.runs.models.show import show_model
from lakeloop.runs.models.states import latest_instant, list_models, read_history
from lakeloop.runs.process_use import ProcessUse
from lakeloop.runs.promotions import HELD, REJECTED, champion_before, read_promotions, read_whole_ledger
from lakeloop.statuses import FlagKind, Outcome, PromotionOutcome
from lakeloop.tables import WriteIdentity
from tests.runs.models.ledgers import MODEL, aliases, day, judge, model_folder

ADA = Asked("ada", "bias in New York")

TAKEN = ProcessUse(0.5, 100, None)


def promoted(context: Context, *versions: str) -> Context:
    for number, version in enumerate(versions, 1):
        judge(context.at(day(number)), version)
    return context.at(day(len(versions)))


def failure(error: pytest.ExceptionInfo[ConflictError]) -> str:
    return str(error.value.failures[0])


def test_a_rollback_is_a_row_and_moves_the_aliases(context: Context) -> None:
    now = promoted(context, "1", "2", "3")
    assert aliases(now) == ("3", "2", None)
    done = roll_back(now, MODEL, ADA)
    assert (done.version, done.champion, done.before, done.previous, done.outcome) == (
        "2",
        "2",
        "3",
        "1",
        Outcome.WRITTEN,
    )
    assert aliases(now) == ("2", "1", None)
    row = read_whole_ledger(now, MODEL)[-1]
    assert (row.seq, row.event, row.outcome, row.actor, row.reason) == (
        4,
        "rollback",
        "promoted",
        "ada",
        "bias in New York",
    )
    assert (row.previous_version, row.training_set_id, row.run_key) == ("3", "set-2", "key-2")
    assert row.trained_through == day(2)
    ledger = read_promotions(now.at(day(9)), MODEL)
    champions = [champion_before(ledger, day(at)) for at in (2, 3, 4)]
    assert [each and each.version for each in champions] == ["1", "2", "2"]
    assert champions[2] == row  # by the rollback, not by its first reign


def test_a_replay_of_an_earlier_instant_does_not_see_it(context: Context) -> None:
    now = promoted(context, "1", "2")
    roll_back(now.at(day(5)), MODEL, ADA)
    assert [each.event.value for each in read_promotions(now.at(day(4)), MODEL)] == ["gate", "gate"]


def test_rolled_back_twice_goes_further_back_and_then_no_further(context: Context) -> None:
    now = promoted(context, "1", "2", "3")
    assert [roll_back(now, MODEL, ADA).champion for _ in range(2)] == ["2", "1"]
    assert aliases(now) == ("1", None, None)
    with pytest.raises(NotReadyError, match="no version was champion before"):
        roll_back(now, MODEL, ADA)


def test_a_rollback_to_a_version_repeated_changes_nothing(context: Context) -> None:
    now = promoted(context, "1", "2", "3")
    outcomes = [roll_back(now, MODEL, ADA, "1").outcome for _ in range(2)]
    assert outcomes == [Outcome.WRITTEN, Outcome.SKIPPED]
    assert len(read_whole_ledger(now, MODEL)) == 4


def test_expect_makes_a_rollback_repeatable(context: Context) -> None:
    now, asked = promoted(context, "1", "2", "3"), Asked("ada", "bias", expect="3")
    assert [roll_back(now, MODEL, asked).champion for _ in range(2)] == ["2", "2"]
    with pytest.raises(ConflictError) as error:
        roll_back(now, MODEL, Asked("ada", "bias", expect="1"))
    assert failure(error) == (
        "champion: version 1 was expected, it is version 2: "
        "version 2 was rolled back to by ada as of 2024-01-04T00:00:00Z"
    )


def test_nobody_to_roll_back_to(context: Context) -> None:
    with pytest.raises(NotReadyError, match="nobody is champion"):
        roll_back(context, MODEL, ADA)
    with pytest.raises(UsageError, match="did you mean 'late'"):
        roll_back(context, "lat", ADA)


def test_flags_of_the_version_rolled_back_from_are_superseded(context: Context) -> None:
    now = promoted(context, "1", "2")
    raise_flags(now, MODEL, [Flag(FlagKind.BIAS, MODEL, "2", "bias", *[now.as_of] * 3)])
    raise_flags(now, MODEL, [Flag(FlagKind.SKILL, MODEL, "1", "skill", *[now.as_of] * 3)])
    raise_flags(now, MODEL, [Flag(FlagKind.QUALITY, MODEL, "", "orders", *[now.as_of] * 3)])
    roll_back(now, MODEL, ADA)
    assert {flag.subject for flag in read_open_flags(now, MODEL)} == {"skill", "orders"}  # no training was done
    reconcile_aliases(now.at(day(8)), MODEL)  # the next job repeats nothing
    assert len(now.lake.own_rows(schemas.FLAGS, None)) == 4


def test_a_version_the_gate_rejected_needs_despite_gate(context: Context) -> None:
    judge(context.at(day(1)), "1")
    judge(context.at(day(2)), "2", REJECTED, reasons=["beats_champion FAIL: it is worse"])
    now = context.at(day(2))
    assert aliases(now) == ("1", None, "2")
    with pytest.raises(ConflictError) as error:
        promote_version(now, MODEL, "2", ADA)
    assert failure(error) == "gate: it never passed the gate"
    done = promote_version(now, MODEL, "2", ADA, despite_gate=True)
    assert (done.champion, done.previous, aliases(now)) == ("2", "1", ("2", "1", None))
    evidence = json.loads(read_whole_ledger(now, MODEL)[-1].evidence)
    assert evidence == {"despite_gate": True, "gate": "late-2-2024-01-03T00:00:00Z", "gate_outcome": "rejected"}
    again = promote_version(now, MODEL, "2", ADA)
    assert (again.outcome, len(read_whole_ledger(now, MODEL))) == (Outcome.SKIPPED, 3)
    promote_version(now, MODEL, "1", ADA)  # passed by itself
    with pytest.raises(ConflictError, match="it never passed the gate"):  # to be promoted once is no pass
        promote_version(now, MODEL, "2", ADA)


def test_a_version_that_was_never_judged_is_known_by_its_tags(context: Context) -> None:
    judge(context.at(day(1)), "1")
    now = context.at(day(1))
    with pytest.raises(ConflictError, match="it never passed the gate"):
        promote_version(now, MODEL, "3", ADA)
    promote_version(now, MODEL, "3", ADA, despite_gate=True)
    row = read_whole_ledger(now, MODEL)[-1]
    assert (row.version, row.training_set_id, row.run_key, row.trained_through) == ("3", "set-3", "key-3", day(3))
    with pytest.raises(UsageError, match=r"--version: got '9'; allowed: 1, 2, 3"):
        promote_version(now, MODEL, "9", ADA)


def test_an_archived_version_is_not_promoted_nor_rolled_back_to(context: Context) -> None:
    now = promoted(context, "1", "2", "3")
    outcomes = [archive_version(now, MODEL, "2", ADA).outcome for _ in range(2)]
    assert outcomes == [Outcome.WRITTEN, Outcome.SKIPPED]
    assert read_whole_ledger(now, MODEL)[-1].outcome == PromotionOutcome.ARCHIVED
    assert aliases(now) == ("3", "1", None)
    with pytest.raises(ConflictError, match="it was archived"):
        promote_version(now, MODEL, "2", ADA, despite_gate=True)
    with pytest.raises(UsageError, match="allowed: 1; "):
        roll_back(now, MODEL, ADA, "2")
    with pytest.raises(ConflictError, match="it is champion"):
        archive_version(now, MODEL, "3", ADA)
    assert roll_back(now, MODEL, ADA).champion == "1"


def test_a_version_whose_files_were_changed_is_not_promoted(context: Context) -> None:
    now = promoted(context, "1", "2")
    (model_folder(now, "1") / "requirements.txt").write_text("mlflow")
    with pytest.raises(ConflictError, match="checksum: its files are not those that were registered"):
        roll_back(now, MODEL, ADA)
    shutil.rmtree(model_folder(now, "1"))
    with pytest.raises(ConflictError, match="its files are gone"):
        promote_version(now, MODEL, "1", ADA)
    assert (aliases(now), len(read_whole_ledger(now, MODEL))) == (("2", "1", None), 2)


def test_a_version_that_waits_is_approved_with_its_warnings(context: Context) -> None:
    judge(context.at(day(1)), "1")
    now = context.at(day(2))
    judge(now, "2", HELD, unacknowledged=["slices", "latency"], reasons=["slices WARN: look at it"])
    assert aliases(now) == ("1", None, "2")
    with pytest.raises(ConflictError, match="it waits for an approval") as error:
        promote_version(now, MODEL, "2", ADA)
    assert "`lakeloop models approve`" in str(error.value)
    with pytest.raises(ConflictError) as unread:
        approve_version(now, MODEL, "2", ADA, ["slices"])
    assert failure(unread) == "warnings: not acknowledged: latency"
    with pytest.raises(UsageError, match="--acknowledge: got 'bias'; allowed: slices, latency"):
        approve_version(now, MODEL, "2", ADA, ["bias"])
    done = approve_version(now, MODEL, "2", ADA, ["slices", "latency"])
    assert (done.champion, done.previous, aliases(now)) == ("2", "1", ("2", "1", None))
    assert json.loads(read_whole_ledger(now, MODEL)[-1].evidence)["acknowledged"] == ["latency", "slices"]
    assert approve_version(now, MODEL, "2", ADA).outcome is Outcome.SKIPPED


def test_a_held_version_that_is_no_longer_the_newest_is_not_approved(context: Context) -> None:
    judge(context.at(day(1)), "1", HELD)
    judge(context.at(day(2)), "2", REJECTED)
    with pytest.raises(ConflictError) as error:
        approve_version(context.at(day(2)), MODEL, "1", ADA)
    assert failure(error) == "state: a newer version was judged since it was held"
    with pytest.raises(ConflictError, match="it is REJECTED, not held"):
        approve_version(context.at(day(2)), MODEL, "2", ADA)


def test_a_held_version_that_was_compared_with_another_champion_is_not_approved(context: Context) -> None:
    promoted(context, "1", "2")
    now = context.at(day(3))
    judge(now, "3", HELD)
    roll_back(now, MODEL, ADA)
    with pytest.raises(ConflictError) as error:
        approve_version(now, MODEL, "3", ADA)
    assert failure(error) == "champion: it was compared with version 2, champion is version 1"


def test_the_first_version_may_wait_too(context: Context) -> None:
    now = context.at(day(1))
    judge(now, "1", HELD)
    assert aliases(now) == (None, None, "1")
    (state,) = list_models(now)
    assert (state.champion, state.challenger, state.waits) == (None, "1", True)
    assert approve_version(now, MODEL, "1", ADA).champion == "1"


@pytest.mark.parametrize(("actor", "reason"), [("ada", ""), ("ada", "  "), ("", "bias")])
def test_nothing_is_done_by_nobody_or_for_no_reason(actor: str, reason: str) -> None:
    with pytest.raises(UsageError, match="the ledger keeps it"):
        Asked(actor, reason)


def test_no_event_is_written_in_the_past_of_another(context: Context) -> None:
    now = promoted(context, "1", "2")
    with pytest.raises(ConflictError) as error:
        roll_back(now.at(day(1)), MODEL, ADA)
    assert failure(error) == "ledger: version 2 was promoted by gate as of 2024-01-03T00:00:00Z"


def test_no_event_is_written_in_the_past_of_what_was_scored(context: Context) -> None:
    now = promoted(context, "1", "2")
    notes = {"steps": [["score", MODEL]]}
    now.lake.append_own(schemas.RUNS, [], WriteIdentity("ledger", f"score {MODEL} {now.at(day(5)).turn}"), notes=notes)
    with pytest.raises(ConflictError, match="`score` was done as of 2024-01-06T00:00:00Z"):
        roll_back(now.at(day(4)), MODEL, ADA)
    assert roll_back(now.at(day(5)), MODEL, ADA).champion == "1"


def test_aliases_follow_the_ledger_and_go_where_it_says_nobody(context: Context) -> None:
    for alias in ("champion", "previous", "challenger"):
        context.registry.set_alias(MODEL, alias, "3")
    reconcile_aliases(context, MODEL)
    assert aliases(context) == (None, None, None)
    now = promoted(context, "1", "2")
    for alias in ("champion", "previous", "challenger"):
        context.registry.set_alias(MODEL, alias, "3")
    reconcile_aliases(now, MODEL)
    assert aliases(now) == ("2", "1", None)


def test_a_rollback_from_a_champion_that_the_registry_lost(context: Context) -> None:
    now = promoted(context, "1", "2")
    now.registry._client.delete_model_version(MODEL, "2")
    with pytest.raises(ConflictError, match="the registry does not have it"):
        reconcile_aliases(now, MODEL)
    assert roll_back(now, MODEL, ADA).champion == "1"
    assert aliases(now) == ("1", None, None)


def test_the_readers_tell_the_ledger(context: Context) -> None:
    now = promoted(context, "1", "2")
    roll_back(now, MODEL, ADA)
    (state,) = list_models(now)
    assert (state.champion, state.previous, state.challenger, state.versions) == ("1", None, None, 2)
    assert state.last_event == "version 1 was rolled back to by ada as of 2024-01-03T00:00:00Z"
    shown = show_model(now, MODEL)
    assert (shown.version, shown.state, shown.aliases, shown.outcome) == ("1", "CHAMPION", ("champion",), "promoted")
    assert (shown.training_set_id, shown.trained_through) == ("set-1", "2024-01-02T00:00:00Z")
    assert [(each.name, each.status) for each in shown.checks] == [("beats_baseline", "PASS")]
    assert shown.metrics == {"challenger": {"brier": 0.2}}
    assert dict(shown.versions) == {"1": "CHAMPION", "2": "RETIRED", "3": "UNJUDGED"}
    assert show_model(now, MODEL, "3").outcome is None
    with pytest.raises(UsageError, match="allowed: 1, 2, 3"):
        show_model(now, MODEL, "4")
    events = read_history(now, MODEL).events
    assert [(each.event, each.version, each.actor, each.reason) for each in events][2] == (
        "rollback",
        "1",
        "ada",
        "bias in New York",
    )
    assert [each.version for each in read_history(now.at(day(1)), MODEL).events] == ["1"]


def test_an_event_without_an_instant_is_of_the_newest_turn(context: Context) -> None:
    assert latest_instant(context) == day(10)
    promoted(context, "1", "2")
    assert latest_instant(context) == day(2)
    for number, job in enumerate(("ingest", "replay", "features", "backfill", "report"), 6):  # these make no turn
        record_run(context.at(day(number)), job, None, [StepRecord(job, None, {}, day(number), 1.0, 0.5, TAKEN, {})])
    assert latest_instant(context) == day(2)
    for number, job in ((3, "score"), (4, "run"), (5, "train")):
        record_run(context.at(day(number)), job, MODEL, [StepRecord(job, MODEL, {}, day(number), 1.0, 0.5, TAKEN, {})])
        assert latest_instant(context) == day(number)
    assert roll_back(context.at(latest_instant(context)), MODEL, ADA).as_of == "2024-01-06T00:00:00Z"
    assert latest_instant(context.at(day(30))) == day(5)

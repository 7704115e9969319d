"""A version that warnings hold: acknowledged at its own instant or not at all, and told by its newest judgement."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lakeloop import schemas
from lakeloop.config.metric import Metric
from lakeloop.errors import ConflictError
from lakeloop.runs.compare import compare_runs
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import approve_version, archive_version, promote_version, roll_back
from lakeloop.runs.models.facts import read_facts
from lakeloop.runs.models.show import show_model
from lakeloop.runs.promote import WAITS, GateResult, Origin, judge_and_record
from lakeloop.runs.promotions import REJECTED, Promotion, read_whole_ledger
from lakeloop.statuses import GateStatus
from lakeloop.tables import WriteIdentity
from lakeloop.training.gate import GateReport
from lakeloop.training.gate.check import Check
from tests.runs.models.ledgers import MODEL, aliases, day, judge

ADA = Asked("ada", "bias in New York")
ORIGIN = Origin("set-2", day(2))
TWO = ("latency", "too_good_roc_auc")


def measure(_: Promotion | None) -> GateReport:
    """A gate that finds nothing wrong but two warnings."""
    checks = (
        Check("beats_baseline", GateStatus.PASS, 0.1, 0.0, "0.1 better"),
        *(Check(name, GateStatus.WARN, 80.0, 50.0, "80, above 50", blocking=True) for name in TWO),
    )
    return GateReport(checks, Metric.BRIER, 60, 30, 60, 30, {Metric.BRIER: 0.2}, {}, {}, {}, ())


def judged(context: Context, *acknowledged: str, again: bool = True, approval: str = "none") -> GateResult:
    """Let the gate judge version 2 at the logical now, or let warnings of its judgement pass."""
    model = context.config.models[MODEL]
    model = model.model_copy(update={"gate": model.gate.model_copy(update={"approval": approval})})
    version = context.registry.get_version(MODEL, "2", "key-2")
    found = judge_and_record(context, model, version, ORIGIN, None if again else measure, acknowledged)
    assert found is not None
    return found


@pytest.fixture
def held(context: Context) -> Context:
    """Version 1 is champion since the first day; version 2 is held on the second."""
    judge(context.at(day(1)), "1")
    now = context.at(day(2))
    assert judged(now, again=False).outcome == "held"
    return now


def test_every_reader_tells_the_newest_judgement(held: Context) -> None:
    assert (show_model(held, MODEL, "2").outcome, show_model(held, MODEL, "2").state) == ("held", "HELD")
    assert [each.outcome for each in compare_runs(held, MODEL).runs if each.version == "2"] == ["held"]
    assert judged(held, *TWO).outcome == "promoted"
    shown = show_model(held, MODEL)
    assert (shown.version, shown.outcome, shown.judged) == ("2", "promoted", "2024-01-03T00:00:00Z")
    assert shown.reasons == (
        "beats_baseline PASS: 0.1 better",
        "latency WARN (acknowledged): 80, above 50",
        "too_good_roc_auc WARN (acknowledged): 80, above 50",
    )
    facts = read_facts(held, MODEL, "2", read_whole_ledger(held, MODEL))
    newest = "late-2-2024-01-03T00:00:00Z-latency-too_good_roc_auc"
    assert (facts.judgement, facts.gate_outcome, facts.has_passed) == (newest, "promoted", True)
    roll_back(held, MODEL, ADA)
    promote_version(held, MODEL, "2", ADA)  # it has passed: nothing more is asked for
    stood_on = {"gate": newest, "gate_outcome": "promoted", "despite_gate": False}
    assert json.loads(read_whole_ledger(held, MODEL)[-1].evidence) == stood_on


def test_runs_are_compared_by_what_the_gate_said_whatever_a_person_did_after_it(held: Context) -> None:
    approve_version(held, MODEL, "2", ADA, TWO)
    judge(held.at(day(3)), "3", REJECTED)
    promote_version(held.at(day(3)), MODEL, "3", ADA, despite_gate=True)
    archive_version(held.at(day(3)), MODEL, "1", ADA)
    told = {each.version: each.outcome for each in compare_runs(held, MODEL).runs}
    assert told == {"1": "promoted", "2": "held", "3": "rejected"}
    states = {version: state.value for version, state in show_model(held.at(day(3)), MODEL).versions.items()}
    assert states == {"1": "ARCHIVED", "2": "PREVIOUS", "3": "CHAMPION"}


def test_what_is_acknowledged_with_the_training_still_waits_for_the_approval_that_is_required(context: Context) -> None:
    judge(context.at(day(1)), "1")
    now = context.at(day(2))
    judged(now, again=False, approval="required")
    with pytest.raises(ConflictError, match="not acknowledged: latency, too_good_roc_auc"):
        approve_version(now, MODEL, "2", ADA)
    judged(now, "latency", approval="required")
    with pytest.raises(ConflictError, match="not acknowledged: too_good_roc_auc"):
        approve_version(now, MODEL, "2", ADA)
    waits = judged(now, *TWO, approval="required")
    assert (waits.outcome, waits.unacknowledged, waits.reasons[0]) == ("held", (), WAITS)
    assert aliases(now) == ("1", None, "2")
    approve_version(now, MODEL, "2", ADA)
    assert aliases(now) == ("2", "1", None)


def score_later(context: Context) -> None:
    notes = {"steps": [["score", MODEL]]}
    identity = WriteIdentity("ledger", f"score {MODEL} {context.at(day(5)).turn}")
    context.lake.append_own(schemas.RUNS, [], identity, notes=notes)


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (
            lambda held: archive_version(held, MODEL, "2", ADA),
            "version 2 was archived by ada as of 2024-01-03T00:00:00Z",
        ),
        (
            lambda held: archive_version(held.at(day(4)), MODEL, "2", ADA),
            "version 2 was archived by ada as of 2024-01-05T00:00:00Z",
        ),
        (
            lambda held: approve_version(held, MODEL, "2", ADA, TWO),
            "version 2 was approved by ada as of 2024-01-03T00:00:00Z",
        ),
        (lambda held: judge(held.at(day(4)), "3"), "version 3 was judged as of 2024-01-05T00:00:00Z"),
        (score_later, "`score` was done as of 2024-01-06T00:00:00Z"),
    ],
)
def test_a_warning_is_not_acknowledged_once_something_followed(
    held: Context, since: Callable[[Context], object], said: str
) -> None:
    since(held)
    before, named = read_whole_ledger(held, MODEL), aliases(held)
    with pytest.raises(ConflictError) as refused:
        judged(held, "latency")
    assert said in str(refused.value.failures[0])
    assert (read_whole_ledger(held, MODEL), aliases(held)) == (before, named)
    if said.startswith("version 2"):
        assert judged(held).outcome == "held"  # to ask for nothing is to be told the judgement, as ever

"""What windows raise and close, in one turn and over several: turns must not change what is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.config.decide import Decide, When
from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.decisions.flags import Flag
from lakeloop.drift.counts import COUNTS_SCHEMA, lay_out_daily
from lakeloop.drift.reference import SCORE_COLUMN, Reference
from lakeloop.runs.alarms import find_alarms, find_flag_changes
from lakeloop.runs.context import Context
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flags import clear_flags, raise_flags, read_open_flags
from lakeloop.runs.performance_rows import performance_rows
from lakeloop.runs.verdict_rows import drift_row, target_row
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import FlagKind, Role
from lakeloop.tables import WriteIdentity
from tests.laws.situations import BEGIN, WEEK, judge_label, judge_seats, measure, outcomes
from tests.laws.small_loop import write_project

GONE, MOVED, CALM = [[0, 0, 100]] * 7, [[0, 100, 0]] * 7, WEEK
FAR_OFF, NOT_MATURED = measure(outcomes(7)), measure([])
CLOSE = measure(
    [{**cell, "label": 0.0, "sum_score": 0.01, "sum_loss": 0.1, "sum_squared_error": 0.01} for cell in outcomes(7)]
)
REFERENCE = Reference("late", Task.CLASSIFICATION, BEGIN, (), (), {}, {})
ALARMS: dict[tuple[str, str], tuple[Any, Any, Any]] = {
    ("quality", "seats"): ({"seats": GONE}, {"seats": CALM}, {}),
    ("contract_drift", "seats"): ({"seats": MOVED}, {"seats": CALM}, {"seats": GONE}),
    ("bias", "bias"): (FAR_OFF, CLOSE, NOT_MATURED),
    ("skill", "skill"): (FAR_OFF, CLOSE, NOT_MATURED),
}
"""Kind and subject of a flag -> what alarms, what does not, and what can't be judged."""


def week(number: int) -> MonitorWindow:
    first, start = date(2013, 4, 1) + timedelta(days=7 * number), BEGIN + timedelta(days=7 * number)
    return MonitorWindow(first, first + timedelta(days=6), start, start + timedelta(days=7))


def find(number: int, said: Any) -> WindowFinding:
    """What was found in a week, of which one thing matters: a column's counts, or a performance."""
    seats = judge_seats(said if isinstance(said, dict) else {"seats": CALM}, role=Role.CONTRACT)
    performance = NOT_MATURED if isinstance(said, dict) else said
    laid = lay_out_daily(COUNTS_SCHEMA.empty_table(), [])
    return WindowFinding(week(number), (seats,), judge_label(28, 0), performance, (), 0, laid)


def judge(context: Context, model: Any, findings: Sequence[WindowFinding]) -> list[Flag]:
    """Do with the windows of a turn what the monitor does: write what they say, raise and close flags."""
    rows: dict[schemas.TableSchema, list[dict[str, Any]]] = {schemas.DRIFT_METRICS: [], schemas.PERFORMANCE: []}
    for finding in findings:
        same = {
            "model": "late",
            "model_version": "1",
            "window": (finding.window.start, finding.window.end),
            "as_of": context.as_of,
        }
        said = [drift_row(each, is_prediction=each.column == SCORE_COLUMN) for each in finding.columns]
        rows[schemas.DRIFT_METRICS] += [
            {**same, "granularity": "7 days", **row} for row in (*said, target_row(finding.target))
        ]
        rows[schemas.PERFORMANCE] += [{**same, **row} for row in performance_rows(finding.performance, 0, REFERENCE)]
    changes = find_flag_changes(context, model, "1", findings)
    raise_flags(context, "late", changes.raised)
    clear_flags(context, "late", changes.cleared)
    for table, written in rows.items():
        context.lake.append_own(table, written, WriteIdentity("monitor", f"late {context.turn}"))
    return list(changes.raised)


@pytest.fixture
def surroundings(spark, tmp_path):
    """A project without a turn, and its model with a rule of two in three windows."""
    config = write_project(tmp_path)
    model = config.models["late"].model_copy(
        update={
            "monitor": Monitor.model_validate({"persistence": "2 of 3"}),
            "decide": Decide(when=When(bias=0.02, skill=0.0)),
        }
    )
    context = Context(config, week(0).end)
    for table in (schemas.DRIFT_METRICS, schemas.PERFORMANCE, schemas.FLAGS):
        context.lake.create_own(table)
    return context, model


def flagged(flags: Sequence[Flag], subject: tuple[str, str]) -> list[Any]:
    return [flag.window_end for flag in flags if (flag.kind.value, flag.subject) == subject]


def test_missing_values_that_jump_break_a_contract_in_one_turn_and_over_several(surroundings):
    context, model = surroundings
    gaps = {"seats": [[47, 47, 6]] * 7}
    findings = [find(number, gaps if said == "A" else {"seats": CALM}) for number, said in enumerate("A-AA")]
    at_once = find_flag_changes(context.at(week(4).end), model, "1", findings).raised
    one_by_one = [flag for finding in findings for flag in judge(context.at(finding.window.end), model, [finding])]
    for raised in (at_once, one_by_one):
        (flag,) = [each for each in raised if each.kind.value == "quality"]
        assert (flag.subject, flag.window_end, flag.evidence["status"]) == ("seats", week(2).end, "OK")
        assert flag.evidence["missing"]["difference_points"] == pytest.approx(6.0)


@pytest.mark.parametrize("subject", ALARMS, ids="-".join)
@pytest.mark.parametrize(
    "weeks",
    ["AA", "A-A", "-AA", "A--A", "A-?A", "?AA", "AAAA"],
)
def test_one_window_a_turn_raises_what_one_turn_of_all_windows_raises(surroundings, subject, weeks):
    context, model = surroundings
    alarming, calm, unjudged = ALARMS[subject]
    said = {"A": alarming, "-": calm, "?": unjudged}
    findings = [find(number, said[each]) for number, each in enumerate(weeks)]
    at_once = flagged(find_flag_changes(context.at(week(len(weeks)).end), model, "1", findings).raised, subject)
    one_by_one = [flag for finding in findings for flag in judge(context.at(finding.window.end), model, [finding])]
    assert flagged(one_by_one, subject) == at_once
    hits = [number for number in range(len(weeks)) if weeks[max(0, number - 2) : number + 1].count("A") >= 2]
    assert at_once == [week(number).end for number in hits[:1]]


@pytest.mark.parametrize("subject", ALARMS, ids="-".join)
def test_a_flag_is_closed_when_its_alarm_is_over_and_not_by_what_could_not_be_judged(surroundings, subject):
    context, model = surroundings
    alarming, calm, unjudged = ALARMS[subject]
    weeks = [alarming, alarming, calm, calm, unjudged, calm, calm, calm]
    open_after = []
    for number, said in enumerate(weeks):
        at = context.at(week(number).end)
        judge(at, model, [find(number, said)])
        open_after.append(bool(flagged(read_open_flags(at, "late"), subject)))
    assert open_after == [False, True, True, True, True, True, True, False]


def test_an_alarm_that_comes_back_is_flagged_again(surroundings):
    context, model = surroundings
    subject = ("contract_drift", "seats")
    weeks = [MOVED, MOVED, CALM, CALM, CALM, MOVED, MOVED]
    raised = [
        flag
        for number, said in enumerate(weeks)
        for flag in judge(context.at(week(number).end), model, [find(number, {"seats": said})])
    ]
    assert flagged(raised, subject) == [week(1).end, week(6).end]


def test_what_a_turn_raises_it_does_not_close(surroundings):
    context, model = surroundings
    findings = [find(number, {"seats": said}) for number, said in enumerate([MOVED, MOVED, CALM, CALM, CALM])]
    now = context.at(week(4).end)
    judge(now, model, findings)
    assert flagged(read_open_flags(now, "late"), ("contract_drift", "seats")) == [week(1).end]


def test_a_monitoring_that_is_done_again_finds_the_same_changes(surroundings):
    context, model = surroundings
    for number in (0, 1):
        judge(context.at(week(number).end), model, [find(number, {"seats": MOVED})])
    later = context.at(week(6).end)
    findings = [find(number, {"seats": each}) for number, each in enumerate([CALM] * 3 + [MOVED] * 2, start=2)]
    first = find_flag_changes(later, model, "1", findings)
    raise_flags(later, "late", first.raised)
    clear_flags(later, "late", first.cleared)
    assert (len(first.raised), len(first.cleared)) == (1, 1)
    assert find_flag_changes(later, model, "1", findings) == first


@pytest.mark.parametrize(
    ("accepted", "metric", "limit", "alarmed"),
    [
        ({"log_loss": 0.5}, "log_loss", 0.39, True),  # 0.9 a row: 0.4 more
        ({"log_loss": 0.5}, "log_loss", 0.41, False),
        ({"log_loss": 1.5}, "log_loss", 0.1, False),  # better than it was accepted
        ({}, "log_loss", 0.1, None),  # never judged by the gate
        ({"roc_auc": 0.8}, "roc_auc", 0.02, None),  # one outcome alone: no window has it
    ],
)
def test_a_metric_is_compared_with_the_holdout_it_was_accepted_on(tmp_path, accepted, metric, limit, alarmed):
    when = When.model_validate({"metric_drop": {metric: limit}})
    model = write_project(tmp_path).models["late"].model_copy(update={"decide": Decide(when=when)})
    found = {(kind.value, subject): said for kind, subject, said, _ in find_alarms(model, find(0, FAR_OFF), accepted)}
    assert found["metric_drop", metric] is alarmed


def test_a_rank_that_is_lost_alarms_and_what_is_not_matured_does_not(tmp_path):
    when = When.model_validate({"metric_drop": {"roc_auc": 0.02}})
    model = write_project(tmp_path).models["late"].model_copy(update={"decide": Decide(when=when)})
    both = measure(
        [{**cell, "label": label, "score_bin": place} for cell in outcomes(7) for label, place in ((0.0, 2), (1.0, 1))]
    )
    assert both.metrics["roc_auc"] == 0.0
    for accepted, said, alarmed in ((0.8, both, True), (0.01, both, False), (0.8, NOT_MATURED, None)):
        found = find_alarms(model, find(0, said), {"roc_auc": accepted})
        assert [each[2] for each in found if each[0] is FlagKind.METRIC_DROP] == [alarmed]

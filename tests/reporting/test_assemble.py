from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lakeloop.reporting.assemble import assemble_model, assemble_sources, assemble_times, find_failures
from lakeloop.reporting.captions import say_comparisons
from lakeloop.reporting.content import StepTimes
from lakeloop.reporting.recorded import MAX_EVENTS, MAX_TURNS, Recorded
from tests.reporting.recordings import (
    ABOUT,
    APRIL,
    JUNE,
    MAY,
    batch,
    decision,
    flag,
    metric,
    promotion,
    run,
    scored,
    three_turns,
    verdict,
)


def test_turns_tell_what_happened_newest_first() -> None:
    june, may, april = assemble_model(ABOUT, three_turns()).turns
    assert [(turn.as_of, turn.champion, turn.action, turn.outcome) for turn in (june, may, april)] == [
        (JUNE, "1", "retrain", "v3 promoted"),
        (MAY, "1", "retrain", "v2 rejected"),
        (APRIL, None, "retrain", "v1 promoted"),
    ]
    assert (june.rows_scored, june.rows_backtest, june.flags) == (28796, 12, ("1 bias",))
    assert (may.rows_scored, may.rows_backtest, may.flags) == (28330, 0, ())
    assert [(turn.realised.judged, turn.realised.rows) for turn in (june, may, april)] == [
        (4, 4000),
        (4, 4000),
        (0, 0),
    ]
    assert [turn.seconds for turn in (june, may, april)] == [72.0, 72.0, 54.0]


def test_champion_is_the_last_one_promoted() -> None:
    champion = assemble_model(ABOUT, three_turns()).champion
    assert champion is not None
    assert (champion.version, champion.since, champion.previous) == ("3", JUNE, "1")
    assert champion.trained_through == JUNE - timedelta(hours=18)


def test_a_rollback_makes_the_champion_and_is_no_judgement() -> None:
    back = promotion(MAY, "9", event="rollback", ledger_seq=3, evidence="{}")
    judged = [promotion(APRIL, "9", ledger_seq=1), promotion(MAY, "10", ledger_seq=2)]
    part = assemble_model(ABOUT, Recorded(promotions=[back, *judged]))
    assert part.champion is not None
    assert (part.champion.version, part.champion.since) == ("9", MAY)
    assert [each.version for each in part.promotions] == ["10", "9"]


def test_of_two_promotions_at_one_instant_the_higher_version_is_champion() -> None:
    champion = assemble_model(ABOUT, Recorded(promotions=[promotion(MAY, "10"), promotion(MAY, "9")])).champion
    assert champion is not None
    assert champion.version == "10"


def test_nothing_but_rejections_is_no_champion() -> None:
    part = assemble_model(ABOUT, Recorded(promotions=[promotion(MAY, outcome="rejected")]))
    assert part.champion is None
    assert part.turns[0].outcome == "v1 rejected"


@pytest.mark.parametrize("order", [1, -1])
def test_a_version_that_was_held_and_let_pass_is_champion_and_newest_first(order: int) -> None:
    recorded = [promotion(MAY, "1", "held"), promotion(MAY, "1")][::order]
    part = assemble_model(ABOUT, Recorded(promotions=recorded))
    assert part.champion is not None
    assert [each.outcome for each in part.promotions] == ["promoted", "held"]
    assert say_comparisons(part.promotions).startswith("Of 1 version judged, 1 became champion.")


def test_a_held_version_is_no_champion() -> None:
    assert assemble_model(ABOUT, Recorded(promotions=[promotion(MAY, outcome="held")])).champion is None


def test_other_models_stay_out() -> None:
    other: dict[str, Any] = {"model": "arrival_delay"}
    recorded = Recorded(
        decisions=[decision(MAY, "notify", **other)],
        performance=[metric(MAY, **other)],
        promotions=[promotion(MAY, **other)],
        open_flags=[flag(MAY, **other)],
        predictions=[{**scored(MAY, 5), **other}],
    )
    assert assemble_model(ABOUT, recorded) == assemble_model(ABOUT, Recorded())


def test_an_unreadable_evidence_leaves_the_judgement_without_checks() -> None:
    (judged,) = assemble_model(ABOUT, Recorded(promotions=[promotion(MAY, evidence="oops")])).promotions
    assert (judged.outcome, judged.checks, judged.metrics, judged.rows) == ("promoted", (), (), None)


def test_reasons_are_parted_by_whether_they_fired() -> None:
    reasons = [
        "schedule: asks to retrain: due",
        "cooldown: blocks retraining: too soon",
        "skill: not fired: no open flag",
        "outcome: retraining was asked for and is blocked by cooldown",
    ]
    (found,) = assemble_model(ABOUT, Recorded(decisions=[decision(MAY, "none", reasons)])).decisions
    assert found.fired == (reasons[0], reasons[1], reasons[3])
    assert found.silent == ("skill: no open flag",)


def test_long_histories_are_bounded() -> None:
    days = [MAY + timedelta(days=day) for day in range(100)]
    recorded = Recorded(
        decisions=[decision(day) for day in days],
        promotions=[promotion(day, str(number)) for number, day in enumerate(days)],
        runs=[run(day, "ingest") for day in days],
    )
    part = assemble_model(ABOUT, recorded)
    assert (len(part.turns), len(part.decisions), len(part.promotions)) == (MAX_TURNS, MAX_EVENTS, MAX_EVENTS)
    assert part.turns[0].as_of == part.decisions[0].as_of == days[-1]
    assert len(assemble_times(recorded).turns) == MAX_TURNS


def test_a_turn_before_the_rows_read_is_not_shown() -> None:
    part = assemble_model(ABOUT, replace(three_turns(), since=MAY))
    assert [turn.as_of for turn in part.turns] == [JUNE, MAY]


def test_sources_sum_up_and_put_trouble_first() -> None:
    weather, planes, schedules = assemble_sources(["planes", "schedules", "weather"], three_turns())
    assert [each.source for each in (weather, planes, schedules)] == ["weather", "planes", "schedules"]
    assert (weather.gate_passed, weather.failed_checks) == (False, ("range_wind_speed_mph (fail) failed: 3 rows",))
    assert (weather.read, weather.accepted, weather.quarantined, weather.last_quarantined) == (6300, 6297, 3, 1)
    assert (weather.files_refused, weather.refusals) == (1, ("weather_2013-05.csv: a column is missing: origin",))
    assert (planes.gate_status, planes.gate_passed, planes.last_as_of, planes.read) == (None, None, None, 0)
    assert (schedules.gate_passed, schedules.last_read, schedules.last_as_of) == (True, 28002, JUNE)


def test_an_ingest_that_brought_nothing_is_no_arrival() -> None:
    (source,) = assemble_sources(["weather"], Recorded(batches=[batch("weather", MAY), batch("weather", JUNE, 0)]))
    assert (source.last_as_of, source.last_read) == (MAY, 100)


def test_only_the_last_judgement_of_the_gate_counts() -> None:
    quality = [verdict("weather", MAY, passed=False), verdict("weather", JUNE, passed=None, status="EMPTY_WINDOW")]
    (source,) = assemble_sources(["weather"], Recorded(quality=quality))
    assert (source.gate_as_of, source.gate_status, source.gate_passed) == (JUNE, "EMPTY_WINDOW", None)


def test_times_are_steps_by_turn_with_the_whole_last() -> None:
    runs = [
        run(APRIL, "ingest", 2.0),
        run(APRIL, "train", 3.0, subject="late_arrival", started_ts=APRIL + timedelta(seconds=2)),
        run(MAY, "ingest", 4.0),
        run(MAY, "report", 0.5, job="report", started_ts=MAY + timedelta(seconds=9)),
    ]
    times = assemble_times(Recorded(runs=runs))
    assert times.turns == (MAY, APRIL)
    assert [(step.step, step.subject, step.seconds, step.is_whole) for step in times.steps] == [
        ("ingest", None, (4.0, 2.0), False),
        ("report", None, (0.5, None), False),
        ("train", "late_arrival", (None, 3.0), False),
        ("all", None, (4.5, 5.0), True),
    ]
    assert assemble_times(Recorded()) == StepTimes()


def test_a_row_of_the_whole_job_is_its_time() -> None:
    runs = [run(MAY, "ingest", 2.0), run(MAY, "run", 3.0)]
    assert assemble_times(Recorded(runs=runs)).steps[-1].seconds == (3.0,)


def test_a_failed_step_is_shown_until_it_was_done() -> None:
    broke = run(MAY, "train", outcome="failed", result='{"error": {"type": "BudgetError", "message": "too big"}}')
    whole = run(MAY, "run", outcome="failed")
    (found,) = find_failures(Recorded(runs=[broke, whole]))
    assert (found.step, found.message) == ("train", "too big")
    mended = run(MAY, "train", started_ts=MAY + timedelta(hours=1))
    assert find_failures(Recorded(runs=[broke, mended])) == ()

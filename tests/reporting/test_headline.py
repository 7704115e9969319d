from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.content import Headline, SourceHealth, State
from lakeloop.reporting.headline import summarise_data
from lakeloop.reporting.recorded import Recorded
from tests.reporting.recordings import ABOUT, APRIL, JUNE, MAY, decision, drift, flag, metric, promotion, three_turns


def headline(**rows: Any) -> Headline:
    return assemble_model(ABOUT, Recorded(**rows)).headline


def test_headline_answers_the_three_questions() -> None:
    found = assemble_model(ABOUT, three_turns()).headline
    assert found.state is State.WATCH
    assert found.why == ("open flag bias on bias",)
    assert found.drifted == (
        "1 of 4 features drifted in the last 4 windows: regime origin_delays.mean_is_late_3h (2 of 4). "
        "1 could not be judged. Target: drift in 1 of 4 windows. Prediction: stable."
    )
    assert found.hurt == (
        "Perhaps: realised log loss 0.4550 over 4,000 labelled rows, against 0.5000 of a constant: 9.0% better. "
        "Bias +0.0550; the declared limit is 0.05. Bias beyond the declared limit in 2 of 4 windows, and no accident "
        "(its interval excludes 0). The judged turn before it was 17.0% better."
    )
    assert found.done == "Retrain: bias: asks to retrain: open flag on bias. Version 3 was promoted."


def test_nothing_recorded_is_unknown_not_ok() -> None:
    assert headline() == Headline(
        State.UNKNOWN,
        ("no champion yet",),
        "Nothing has been compared with a reference yet.",
        "Not known: no champion yet.",
        "Nothing was decided yet.",
    )


def test_a_champion_without_a_judged_window_is_unknown() -> None:
    found = headline(promotions=[promotion(APRIL)], performance=[metric(MAY, status="NOT_MATURED")])
    assert (found.state, found.hurt) == (State.UNKNOWN, "Not known: no closed window was judged yet.")


def test_a_window_without_a_baseline_is_unknown() -> None:
    found = headline(promotions=[promotion(APRIL)], performance=[metric(MAY, baseline=None)])
    assert found.state is State.UNKNOWN
    assert found.hurt.startswith("Not known: realised log loss 0.3750 over 1,000 labelled rows, without a baseline")


def test_a_model_that_beats_the_constant_without_flags_is_ok() -> None:
    found = headline(promotions=[promotion(APRIL)], performance=[metric(MAY), metric(MAY, "bias", 0.01)])
    assert found.state is State.OK
    assert found.why == ("no open flag, and version 1 beat the constant in the last judged window",)
    assert found.hurt == (
        "No: realised log loss 0.3750 over 1,000 labelled rows, against 0.5000 of a constant: 25.0% better. "
        "Bias +0.0100; the declared limit is 0.05."
    )


def test_a_model_no_better_than_a_constant_asks_for_a_person() -> None:
    found = headline(promotions=[promotion(APRIL)], performance=[metric(MAY, value=0.625)])
    assert (found.state, found.why) == (State.ACT, ("the model is no better than a constant",))
    assert found.hurt.startswith("Yes: ")
    assert "25.0% worse" in found.hurt


@pytest.mark.parametrize(
    ("lower", "upper", "state", "hurt"),
    [
        (0.01, 0.13, State.WATCH, "Perhaps"),
        (-0.01, 0.15, State.OK, "No"),
        (None, None, State.OK, "No"),
    ],
)
def test_a_bias_counts_when_its_interval_excludes_0(
    lower: float | None, upper: float | None, state: State, hurt: str
) -> None:
    rows = [metric(MAY), metric(MAY, "bias", 0.07, lower=lower, upper=upper)]
    found = headline(promotions=[promotion(APRIL)], performance=rows)
    assert found.state is state
    assert found.hurt.startswith(f"{hurt}: ")


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("quality", State.ACT),
        ("contract_drift", State.ACT),
        ("bias", State.WATCH),
        ("regime_drift", State.WATCH),
        ("target_drift", State.WATCH),
    ],
)
def test_what_broke_upstream_comes_before_what_only_moved(kind: str, state: State) -> None:
    assert headline(open_flags=[flag(MAY, kind, "distance")]).state is state


def test_many_columns_are_counted_not_listed() -> None:
    found = headline(drift=[drift(f"column_{number}", MAY, "DRIFT") for number in range(8)])
    assert found.drifted == (
        "8 of 8 features drifted in the last window: regime column_0 (1 of 1), column_1 (1 of 1), column_2 (1 of 1) "
        "and 5 more."
    )


def test_no_drift_and_unjudged_outputs_are_said() -> None:
    rows = [drift("distance", MAY), drift("label", MAY, "UNKNOWN", kind="target", status="NOT_MATURED")]
    assert headline(drift=rows).drifted == (
        "None of 1 features drifted in the last window. Target: not judged (NOT_MATURED)."
    )


def test_that_nothing_drifted_is_said_of_judged_features_alone() -> None:
    null = drift("seats", MAY, "UNKNOWN", status="ALL_NULL", statistic=None)
    assert headline(drift=[drift("distance", MAY), null]).drifted == (
        "None of 1 features drifted in the last window. 1 could not be judged."
    )
    assert headline(drift=[null]).drifted == (
        "Not known: no feature was judged in the last window. 1 could not be judged."
    )


def test_a_rejected_version_is_named_with_its_first_reason() -> None:
    found = headline(
        decisions=[decision(MAY, "retrain", ["schedule: asks to retrain: due"])],
        promotions=[promotion(MAY, "2", "rejected", reasons=["beats_baseline FAIL: it does not", "other"])],
    )
    assert found.done == (
        "Retrain: schedule: asks to retrain: due. Version 2 was rejected: beats_baseline FAIL: it does not."
    )


def test_a_training_that_was_not_judged_is_said() -> None:
    found = headline(decisions=[decision(JUNE, "retrain", ["schedule: asks to retrain: due"])])
    assert found.done.endswith("No judgement of a new version is recorded since.")


def test_without_a_declared_limit_the_bias_is_only_told() -> None:
    about = replace(ABOUT, bias_limit=None)
    rows = [metric(MAY), metric(MAY, "bias", 0.25)]
    found = assemble_model(about, Recorded(promotions=[promotion(APRIL)], performance=rows)).headline
    assert found.hurt.startswith("No: ")
    assert found.hurt.endswith("Bias +0.2500; no limit is declared.")


@pytest.mark.parametrize(
    ("source", "state"),
    [
        (SourceHealth("weather"), State.UNKNOWN),
        (SourceHealth("weather", gate_status="OK", gate_passed=True), State.OK),
        (SourceHealth("weather", gate_status="OK", gate_passed=True, files_refused=1), State.WATCH),
        (SourceHealth("weather", gate_status="OK", gate_passed=False), State.ACT),
    ],
)
def test_data_is_ok_only_when_it_was_judged(source: SourceHealth, state: State) -> None:
    assert summarise_data([source])[0] is state


def test_only_the_last_ingest_counts_as_news() -> None:
    judged: dict[str, Any] = {"gate_status": "OK", "gate_passed": True, "last_quarantined": 1}
    old, new = SourceHealth("airports", last_as_of=APRIL, **judged), SourceHealth("weather", last_as_of=MAY, **judged)
    state, line = summarise_data([old, new])
    assert state is State.WATCH
    assert line.endswith("Rows the last ingest put into quarantine: 1.")


def test_no_source_is_unknown() -> None:
    assert summarise_data([])[0] is State.UNKNOWN


def test_a_long_reason_is_cut_in_the_headline() -> None:
    names = ", ".join(f"carrier_delays__mean_is_late_{number}h" for number in range(40))
    found = headline(decisions=[decision(MAY, "notify", [f"regime_drift: asks to notify: open flag on {names}"])])
    assert found.done.startswith("Notify: regime_drift: asks to notify: open flag on carrier_delays__mean_is_late_0h,")
    assert len(found.done) < 200
    assert found.done.endswith(" and more.")


def test_a_source_that_could_not_be_judged_is_never_ok() -> None:
    fine = SourceHealth("schedules", gate_status="OK", gate_passed=True)
    nothing_new = SourceHealth("planes", gate_status="EMPTY_WINDOW")
    assert summarise_data([fine, nothing_new])[0] is State.OK
    for unclear in (SourceHealth("weather"), SourceHealth("weather", gate_status="ALL_NULL")):
        assert summarise_data([fine, unclear])[0] is State.UNKNOWN

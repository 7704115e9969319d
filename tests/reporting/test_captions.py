from __future__ import annotations

from lakeloop.reporting import captions
from lakeloop.reporting.assemble import assemble_model, assemble_times
from lakeloop.reporting.calibration import Calibration, ScoreStretch
from lakeloop.reporting.content import StepTimes
from lakeloop.reporting.judgements import DriftTable
from lakeloop.reporting.quality import QualityHistory, assemble_quality
from lakeloop.reporting.realised import read_windows
from tests.reporting.recordings import ABOUT, JUNE, MAY, metric, three_turns


def test_turns_are_summed_up() -> None:
    part = assemble_model(ABOUT, three_turns())
    assert captions.say_turns(part.turns) == (
        "3 turns: 57,126 answers given, 3 trainings, 2 new champions, 1 turn that raised flags."
    )


def test_a_loss_is_held_against_the_constant_and_missing_windows_are_counted() -> None:
    rows = [metric(MAY, value=0.25), metric(JUNE, value=0.625), metric(JUNE, value=None, status="NOT_MATURED")]
    rows[2]["window"] = {"start": MAY, "end": MAY}
    assert captions.say_losses(read_windows(rows, "log_loss"), "log loss") == (
        "In the newest judged window (to 2013-06-01) the log loss was 0.625, 25.0% worse than always giving the same "
        "answer (0.5). The model was better in 1 of 2 judged windows. 1 window could not be judged."
    )


def test_a_bias_has_a_side_and_a_limit() -> None:
    rows = [metric(MAY, "bias", -0.0625, lower=-0.08, upper=-0.04)]
    windows = read_windows(rows, "log_loss")
    said = "In the newest judged window (to 2013-05-01) answers were 0.0625 too low on average."
    assert captions.say_bias(windows, None) == f"{said} No limit is declared."
    assert captions.say_bias(windows, 0.05) == f"{said} The declared limit is 0.05; 1 window of 1 lay beyond it."


def test_the_stretch_that_is_furthest_off_is_named_when_it_holds_enough_rows() -> None:
    usual, off, few = (
        ScoreStretch("0.1 to 0.2", 900, 0.15, 0.14),
        ScoreStretch("0.5 to 0.6", 100, 0.55, 0.4),
        ScoreStretch("0.9 to 0.95", 3, 0.92, 0.0),
    )
    assert captions.say_calibration(Calibration("2", stretches=(usual, off, few))) == (
        "Of the answers of version 2 around 15.0% (900 of them), 14.0% came true. Furthest off, among stretches of 100 "
        "answers or more: it said 55.0% and 40.0% came true (100 answers)."
    )


def test_what_was_not_judged_is_counted_apart_from_stable() -> None:
    part = assemble_model(ABOUT, three_turns())
    assert captions.say_drift(part.features) == (
        "4 columns in the newest window: 1 drifted, 1 stable, 1 not judged, 1 recorded without judgement (seasonal)."
    )


def test_quality_and_times_are_summed_up() -> None:
    history = assemble_quality(["schedules", "weather", "planes"], three_turns())
    assert captions.say_quality(history) == (
        "Over 3 turns: 3 of 90,303 records went into quarantine, 1 file refused; the gate passed 1 time, "
        "failed 1 time, could not judge 0 times."
    )
    assert captions.say_times(assemble_times(three_turns())) == (
        "The newest turn took 72 s; the longest step was train (12 s)."
    )


def test_nothing_recorded_says_nothing() -> None:
    assert captions.say_turns([]) == captions.say_losses([], "log loss") == captions.say_bias([], 0.05) == ""
    assert captions.say_means([]) == captions.say_comparisons([]) == captions.say_calibration(Calibration()) == ""
    assert captions.say_drift(DriftTable()) == captions.say_quality(QualityHistory()) == ""
    assert captions.say_times(StepTimes()) == ""

"""The demo's summary, worked by hand from ledger rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeloop.demo.results import (
    WIDTH,
    DemoResult,
    LedgerStep,
    Loss,
    RealisedLoss,
    StepTime,
    TurnSummary,
    describe_demo,
    mean_loss,
    summarise_turns,
    time_steps,
    time_turns,
)

APRIL, MAY, JUNE = (datetime(2013, month, 1, 4, tzinfo=UTC) for month in (4, 5, 6))
LOSSES = {"late_arrival": "log_loss"}


def step(
    as_of: datetime, name: str, subject: str | None = "late_arrival", seconds: float = 1.0, **result: Any
) -> LedgerStep:
    return LedgerStep(as_of, "run", name, subject, result, seconds)


def trained(as_of: datetime, version: str, outcome: str, log_loss: float | None = 0.49) -> LedgerStep:
    metrics = {"challenger": {"log_loss": log_loss}, "baseline": {"log_loss": 0.55}, "champion": {}}
    return step(as_of, "train", seconds=20.0, model_version=version, gate={"outcome": outcome, "metrics": metrics})


def window(as_of: datetime = MAY, value: float | None = 0.5, rows: int = 100, **changes: Any) -> RealisedLoss:
    given: dict[str, Any] = {"model": "late_arrival", "metric": "log_loss", "baseline": 0.6, "version": "1", **changes}
    return RealisedLoss(as_of=as_of, value=value, rows=rows, **given)


FIRST = (
    step(APRIL, "ingest", None, 10.0),
    step(APRIL, "decide", action="retrain"),
    trained(APRIL, "1", "promoted"),
)
SECOND = (
    step(MAY, "ingest", None, 5.0),
    step(MAY, "score", rows=28330, seconds=8.0),
    step(MAY, "monitor", model_version="1", drifted=["distance"], flags=2, seconds=6.0),
    step(MAY, "decide", action="none"),
)


def test_a_first_turn_only_trains() -> None:
    assert summarise_turns(FIRST, [], LOSSES) == (
        TurnSummary(
            as_of=APRIL,
            model="late_arrival",
            metric="log_loss",
            champion="1",
            rows_scored=None,
            holdout=Loss(0.49, 0.55),
            realised=None,
            drifted=(),
            flags=None,
            decision="retrain",
            outcome="promoted 1",
            seconds=21.0,
        ),
    )


def test_a_turn_without_training_keeps_the_champion_and_shows_what_was_realised() -> None:
    windows = [window(rows=300, value=0.4, baseline=0.5), window(rows=100, value=0.8, baseline=0.9)]
    assert summarise_turns([*FIRST, *SECOND], windows, LOSSES)[1] == TurnSummary(
        as_of=MAY,
        model="late_arrival",
        metric="log_loss",
        champion="1",
        rows_scored=28330,
        holdout=None,
        realised=Loss(0.5, 0.6),
        drifted=("distance",),
        flags=2,
        decision="none",
        outcome=None,
        seconds=15.0,
    )


def test_a_rejected_challenger_does_not_become_champion() -> None:
    turns = summarise_turns([*FIRST, trained(MAY, "2", "rejected"), trained(JUNE, "3", "promoted")], [], LOSSES)
    assert [(turn.champion, turn.outcome) for turn in turns] == [
        ("1", "promoted 1"),
        ("1", "rejected 2"),
        ("3", "promoted 3"),
    ]


def test_a_first_challenger_that_is_rejected_leaves_no_champion() -> None:
    assert summarise_turns([trained(APRIL, "1", "rejected")], [], LOSSES)[0].champion is None


def test_a_metric_the_gate_could_not_compute_is_no_number() -> None:
    assert summarise_turns([trained(APRIL, "1", "rejected", None)], [], LOSSES)[0].holdout is None


def test_windows_of_another_model_metric_or_turn_do_not_count() -> None:
    others = [window(model="second"), window(metric="roc_auc"), window(JUNE)]
    assert summarise_turns([*FIRST, *SECOND], others, LOSSES)[1].realised is None


def test_models_are_listed_one_after_the_other_and_only_where_they_took_part() -> None:
    steps = [*FIRST, *SECOND, step(MAY, "decide", "second", action="retrain")]
    turns = summarise_turns(steps, [], {**LOSSES, "second": "mean_absolute_error"})
    assert [(turn.model, turn.as_of) for turn in turns] == [
        ("late_arrival", APRIL),
        ("late_arrival", MAY),
        ("second", MAY),
    ]
    assert summarise_turns([], [], LOSSES) == ()


@pytest.mark.parametrize(
    ("windows", "mean"),
    [
        ([], None),
        ([window(value=None)], None),
        ([window(rows=0)], None),
        ([window(rows=300, value=0.4), window(value=None, rows=500)], Loss(0.4, 0.6)),
        ([window(baseline=None)], Loss(0.5, None)),
        # A baseline over some of the rows is not that of all rows.
        ([window(rows=50), window(rows=50, baseline=None)], Loss(0.5, None)),
    ],
)
def test_mean_loss_over_what_could_be_judged(windows: list[RealisedLoss], mean: Loss | None) -> None:
    found = mean_loss(windows)
    if mean is None or found is None:
        assert found == mean
    else:
        assert found.model == pytest.approx(mean.model)
        assert found.baseline == (None if mean.baseline is None else pytest.approx(mean.baseline))


def test_time_is_added_up_per_step_and_per_turn() -> None:
    steps = [*FIRST, *SECOND]
    assert time_steps(steps) == (
        StepTime("ingest", 2, 15.0),
        StepTime("decide", 2, 2.0),
        StepTime("train", 1, 20.0),
        StepTime("score", 1, 8.0),
        StepTime("monitor", 1, 6.0),
    )
    assert time_turns(reversed(steps)) == {"2013-04-01": 31.0, "2013-05-01": 20.0}
    assert (time_steps([]), time_turns([])) == ((), {})


def demo_of(*steps: LedgerStep, windows: tuple[RealisedLoss, ...] = (), folder: str = "/data") -> DemoResult:
    return DemoResult(
        as_of=MAY,
        turns=summarise_turns(steps, windows, LOSSES),
        turn_seconds=time_turns(steps),
        steps=time_steps(steps),
        seconds=60.25,
        report=Path(folder) / "report.html",
        tables=Path(folder),
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
    )


def test_the_table_shows_model_and_baseline_turn_by_turn() -> None:
    lines = describe_demo(demo_of(*FIRST, *SECOND, windows=(window(),))).splitlines()
    assert lines[0] == "late_arrival: log_loss of the model/of the constant baseline"
    cells = [line.split() for line in lines if line.startswith("2013-")]
    assert cells == [
        ["2013-04-01", "1", "-", "0.4900/0.5500", "-", "-", "-", "retrain", "promoted", "1", "31"],
        ["2013-05-01", "1", "28,330", "-", "0.5000/0.6000", "1", "2", "none", "-", "20"],
    ]


def test_a_turn_in_which_no_column_was_judged_shows_no_count_of_drift() -> None:
    unjudged = step(MAY, "monitor", model_version="1", drifted=[], flags=0, judged=0, unjudged={"ALL_NULL": ["a"]})
    last = [
        line.split() for line in describe_demo(demo_of(*FIRST, unjudged)).splitlines() if line.startswith("2013-05")
    ]
    assert [cells[5:7] for cells in last] == [["-", "0"]]


def test_the_times_are_those_of_the_ledger_and_the_places_come_last() -> None:
    lines = describe_demo(demo_of(*FIRST, *SECOND)).splitlines()
    assert ["ingest", "2", "15.0"] in [line.split() for line in lines]
    assert ["all", "steps", "7", "51.0"] in [line.split() for line in lines]
    assert ["this", "call,", "start", "to", "end", "60.2"] in [line.split() for line in lines]
    assert lines[-3:] == [
        "report  /data/report.html",
        "tables  /data",
        "MLflow  sqlite:////data/mlflow.db",
    ]


def test_tables_stay_within_the_width_and_paths_are_never_wrapped() -> None:
    folder = "/" + "a-long-name/" * 12 + "workspace"
    steps = [
        *FIRST,
        step(MAY, "score", rows=1_234_567),
        step(MAY, "monitor", model_version="1", drifted=["a"] * 99, flags=99),
        step(MAY, "decide", action="retrain"),
        trained(MAY, "12", "promoted"),
    ]
    lines = describe_demo(demo_of(*steps, windows=(window(),), folder=folder)).splitlines()
    assert all(len(line) <= WIDTH for line in lines[:-3])
    assert all(folder in line for line in lines[-3:])
    assert "1,234,567" in "\n".join(lines)
    assert "…" not in "\n".join(lines)

"""On which rows of its holdout a challenger is compared with who serves, and by which fit it is judged. No Spark."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lakeloop.config import Config
from lakeloop.model_versions import ModelVersion
from lakeloop.runs import holdout_judgement
from lakeloop.runs.context import Context
from lakeloop.runs.holdout_judgement import judge_on_holdout
from lakeloop.runs.promotions import PROMOTED, Promotion
from lakeloop.runs.training_data import TrainingData
from lakeloop.statuses import GateStatus
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import Check, GateFacts, GateReport
from lakeloop.training.metrics import evaluate
from lakeloop.training.split import HOLDOUT
from tests.factories import instant
from tests.laws.small_loop import TURNS
from tests.runs.searches import A_DAY, RUN_KEY, declare, fit_and_register, make_data

DAY_SECONDS = 86_400.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, TrainingData, ModelVersion]:
    """A version of the rows up to 2024-01-23, with a row at every hour before noon; its holdout begins on the 19th."""
    config = declare(tmp_path_factory.mktemp("judged"), search={"C": [1.0]})
    data = make_data(config)
    return config, data, fit_and_register(config, data)[0]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pipelines whose facts were looked at, without a lake to look at them in."""
    found: list[Any] = []

    def look(*asked: Any) -> GateFacts:
        found.append(asked[-2])
        return GateFacts()

    monkeypatch.setattr(holdout_judgement, "find_facts", look)
    return found


def serving(version: ModelVersion, trained_through: datetime) -> Promotion:
    return Promotion("late", version.version, PROMOTED, TURNS[0], trained_through, "set", version.run_key)


def judge(config: Config, version: ModelVersion, data: TrainingData, champion: Promotion | None) -> GateReport:
    return judge_on_holdout(Context(config, TURNS[0]), config.models["late"], version, data, champion)


def compared(report: GateReport) -> Check:
    (found,) = (each for each in report.checks if each.name == "no_worse_than_champion")
    return found


@pytest.mark.parametrize(
    ("trained_through", "rows", "days", "judged"),
    [
        ("2024-01-18 23:59:59", 60, 5, True),  # before the holdout: all of it
        ("2024-01-19 00:00:00", 59, 5, True),  # the first row was predicted at that very instant: it may be learned
        ("2024-01-21 05:30:00", 30, 3, True),  # of that day the hours 6 to 11
        ("2024-01-22 00:00:00", 23, 2, False),  # three days are needed
        ("2024-01-23 11:00:00", 0, 0, False),  # the last row
    ],
)
def test_the_champion_is_compared_on_what_came_after_its_training_alone(
    trained, shown, trained_through: str, rows: int, days: int, judged: bool
) -> None:
    config, data, version = trained
    report = judge(config, version, data, serving(version, instant(trained_through)))
    assert (report.rows, report.days) == (5 * A_DAY, 5)  # the challenger is judged on every row
    assert (report.comparable_rows, report.comparable_days) == (rows, days)
    # The same version on both sides: on the same rows they have the same metrics, and nothing lies between them.
    assert report.champion == pytest.approx(dict(report.challenger_on_comparable), nan_ok=True)
    check = compared(report)
    if judged:
        assert (check.status, check.value, check.lower, check.upper) == (GateStatus.PASS, 0.0, 0.0, 0.0)
        assert f"{days} days, {rows} rows" in check.detail
    else:
        assert check.status is GateStatus.INSUFFICIENT
        assert check.detail == f"{days} comparable days, 3 needed"
        assert not report.passed
    task, first = config.models["late"].task, 5 * A_DAY - rows
    scores = predict_scores(task, shown[0], data.frame[data.part(HOLDOUT)])[first:]
    expected = evaluate(task, data.label[data.part(HOLDOUT)][first:], scores)
    assert report.champion == pytest.approx(expected, nan_ok=True)


def test_without_a_champion_nothing_is_compared(trained, shown) -> None:
    config, data, version = trained
    report = judge(config, version, data, None)
    assert (report.comparable_rows, report.comparable_days, report.champion) == (0, 0, {})
    assert compared(report).status is GateStatus.NOT_APPLICABLE
    assert len(shown) == 1


def test_what_was_fitted_through_the_holdout_is_judged_by_what_was_not_and_the_next_has_little_to_compare_on(
    tmp_path: Path, shown
) -> None:
    plain = declare(tmp_path, search={"C": [1.0]})
    late = plain.models["late"]
    config = replace(
        plain, models={"late": late.model_copy(update={"split": late.split.model_copy(update={"refit": True})})}
    )
    data = make_data(config)
    version, _ = fit_and_register(config, data)
    registry = Context(config, TURNS[0]).registry
    holdout = data.part(HOLDOUT)
    frame, label = data.frame[holdout], data.label[holdout]
    without, through = (
        evaluate(late.task, label, predict_scores(late.task, pipeline, frame))
        for pipeline in (registry.load_judged(version), registry.load_pipeline(version))
    )
    report = judge(config, version, data, None)
    assert report.challenger == without != through
    of_serving = predict_scores(late.task, registry.load_pipeline(version), frame)
    assert np.array_equal(predict_scores(late.task, shown[0], frame), of_serving)  # the facts are of what will serve

    # Two days later the holdout is the 21st to the 25th, of which the champion learned up to the 24th, 06:00.
    shifted = data.days + np.timedelta64(2, "D")
    later = replace(data, days=shifted, prediction_seconds=data.prediction_seconds + 2 * DAY_SECONDS)
    challenger, _ = fit_and_register(config, later, f"{RUN_KEY}-later")
    champion = serving(version, datetime.fromisoformat(version.tags["trained_through"]))
    following = judge(config, challenger, later, champion)
    assert (following.comparable_rows, following.comparable_days) == (5 + A_DAY, 2)
    check = compared(following)
    assert (check.status, check.detail) == (GateStatus.INSUFFICIENT, "2 comparable days, 3 needed")
    assert not following.passed
    # A champion is compared by the fit that serves, a challenger is judged by the one that has not seen the holdout.
    rows = later.prediction_seconds[holdout] > champion.trained_through.timestamp()
    scores = predict_scores(late.task, registry.load_pipeline(version), frame[rows])
    assert following.champion == pytest.approx(evaluate(late.task, label[rows], scores))

"""A recalibration of a small project's champion, from its recorded scores to the promotions ledger."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from lakeloop.config import load_config
from lakeloop.config.decide import RecalibrationMethod
from lakeloop.config.metric import Metric, Task
from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import roll_back
from lakeloop.runs.promotions import read_promotions, read_whole_ledger
from lakeloop.runs.recalibrate import RecalibrateResult, recalibrate
from lakeloop.runs.recalibration_rows import read_example, read_scored_rows
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.statuses import LedgerEvent, Outcome
from lakeloop.training.fitting import predict_scores
from lakeloop.training.metrics import evaluate
from lakeloop.training.recalibration import Correction, cross_fit, fit_correction
from tests.shared import finished_project

BACK = datetime(2024, 2, 5, tzinfo=UTC)
NOW = datetime(2024, 2, 6, tzinfo=UTC)

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def recalibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, RecalibrateResult]:
    """The first version serves again, and is recalibrated a day later."""
    root = Path(shutil.copytree(finished_project().root, tmp_path_factory.mktemp("shops") / "project"))
    declared = root / "conf" / "base" / "models" / "late.yml"
    declared.write_text(declared.read_text(encoding="utf-8").replace("fresh_process: false", "fresh_process: true"))
    config = load_config(root)
    roll_back(Context(config, BACK), "late", Asked("ada", "the second answers too late"))
    context = Context(config, NOW)
    return context, recalibrate(context, "late")


def test_it_is_a_version_of_its_own_that_shares_its_parents_steps(recalibrated) -> None:
    context, result = recalibrated
    assert (result.parent_version, result.model_version, result.outcome) == ("1", "3", Outcome.WRITTEN)
    ledger, model = read_promotions(context, "late"), context.config.models["late"]
    newest = ledger[-1]
    parent, made = (context.registry.get_version("late", each.version, each.run_key) for each in (ledger[0], newest))
    assert made.tags["parent_version"] == "1"
    first, second = context.registry.load_pipeline(parent), context.registry.load_pipeline(made)
    example = read_example(context, model)
    assert np.array_equal(first[:-1].transform(example), second[:-1].transform(example))
    assert np.array_equal(second[-1].estimator.coef_, first[-1].coef_)
    rows = read_scored_rows(context, model, ledger[0])
    fitted = fit_correction(model.decide.recalibrate.by, Task.CLASSIFICATION, rows.scores, rows.label)
    assert second[-1].intercept == pytest.approx(fitted.intercept)
    moved = Correction(second[-1].intercept).apply(Task.CLASSIFICATION, predict_scores(model.task, first, example))
    assert predict_scores(model.task, second, example) == pytest.approx(moved)


def test_the_ledger_says_who_judged_and_what_touched_it(recalibrated) -> None:
    context, result = recalibrated
    ledger = read_promotions(context, "late")
    newest = ledger[-1]
    assert (newest.version, newest.event, newest.actor) == ("3", LedgerEvent.GATE, "recalibrate")
    assert not newest.is_training
    assert newest.outcome == result.gate.outcome
    assert newest.training_set_id == ledger[0].training_set_id
    rows = read_scored_rows(context, context.config.models["late"], ledger[0])
    assert ledger[0].trained_through < newest.trained_through == rows.content.data_through
    checks = {check["name"]: check["status"] for check in json.loads(newest.evidence)["checks"]}
    assert checks["loads_in_fresh_process"] == "PASS"
    assert checks["inputs_exist"] == "PASS"
    assert checks["no_worse_than_champion"] in ("PASS", "FAIL")


def test_features_keep_their_reference_and_scores_get_their_own(recalibrated) -> None:
    context, _ = recalibrated
    first, *_, newest = read_promotions(context, "late")
    parent, made = (context.registry.get_version("late", each.version, each.run_key) for each in (first, newest))
    ours, theirs = (context.registry.read_document(each, REFERENCE_FILE) for each in (made, parent))
    assert ours == theirs
    ours, theirs = (context.registry.read_document(each, PREDICTION_REFERENCE_FILE) for each in (made, parent))
    assert ours != theirs


def test_the_same_call_again_changes_nothing(recalibrated) -> None:
    context, result = recalibrated
    before = read_whole_ledger(context, "late")
    again = recalibrate(context, "late")
    assert again == replace(result, rows=0, days=0, outcome=Outcome.SKIPPED)
    assert read_whole_ledger(context, "late") == before


def test_one_version_is_judged_at_an_instant(recalibrated) -> None:
    context, _ = recalibrated
    with pytest.raises(ConflictError, match="version 3 was judged as of 2024-02-06"):
        recalibrate(context.at(BACK), "late")


@pytest.mark.slow
def test_a_slope_is_fitted_too_where_it_is_declared(tmp_path: Path) -> None:
    root = Path(shutil.copytree(finished_project().root, tmp_path / "project"))
    declared = root / "conf" / "base" / "models" / "late.yml"
    text = declared.read_text(encoding="utf-8")
    assert text.count("when: {bias: 0.2}}") == 1
    text = text.replace("when: {bias: 0.2}}", "when: {bias: 0.2}, recalibrate: {by: platt, folds: 3}}")
    declared.write_text(text, encoding="utf-8")
    config = load_config(root)
    roll_back(Context(config, BACK), "late", Asked("ada", "the second answers too late"))
    context, model = Context(config, NOW), config.models["late"]
    result = recalibrate(context, "late")
    ledger = read_promotions(context, "late")
    first, newest = ledger[0], ledger[-1]
    assert (newest.version, newest.event, newest.actor) == (result.model_version, LedgerEvent.GATE, "recalibrate")
    assert (newest.outcome, result.outcome) == (result.gate.outcome, Outcome.WRITTEN)

    rows, task, platt = read_scored_rows(context, model, first), Task.CLASSIFICATION, RecalibrationMethod.PLATT
    assert (result.rows, result.days) == (len(rows.label), len(np.unique(rows.days)))
    fitted = fit_correction(platt, task, rows.scores, rows.label)
    assert fitted.slope != pytest.approx(1.0, abs=0.01)
    parent, made = (context.registry.get_version("late", each.version, each.run_key) for each in (first, newest))
    pipeline, served = context.registry.load_pipeline(made), context.registry.load_pipeline(parent)
    assert (pipeline[-1].intercept, pipeline[-1].slope) == pytest.approx((fitted.intercept, fitted.slope))
    assert np.array_equal(pipeline[-1].estimator.coef_, served[-1].coef_)
    example = read_example(context, model)
    expected = fitted.apply(task, predict_scores(task, served, example))
    assert predict_scores(task, pipeline, example) == pytest.approx(expected)
    assert made.tags["recalibrated_by"] == "platt"
    recorded = context.registry.training_of(made).params
    assert (float(recorded["intercept"]), float(recorded["slope"])) == pytest.approx((fitted.intercept, fitted.slope))

    # The gate was shown scores that no outcome of their own stretch of days has touched.
    judged = evaluate(task, rows.label, cross_fit(platt, task, rows.scores, rows.label, rows.days, 3))
    evidence = json.loads(newest.evidence)
    assert evidence["challenger"]["log_loss"] == pytest.approx(judged[Metric.LOG_LOSS])
    assert evidence["champion"]["log_loss"] == pytest.approx(evaluate(task, rows.label, rows.scores)[Metric.LOG_LOSS])


def test_without_scored_rows_of_closed_days_it_is_not_ready(tmp_path: Path) -> None:
    root = Path(shutil.copytree(finished_project().root, tmp_path / "project"))
    with pytest.raises(NotReadyError, match="none of version 2 on closed days with a label"):
        recalibrate(Context(load_config(root), BACK), "late")  # the second version has scored nothing yet

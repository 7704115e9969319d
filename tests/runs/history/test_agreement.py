"""A replay of the declared policy against the real jobs over one history: the same decisions, versions and figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.history.kept import Kept
from lakeloop.runs.history.policies import find_policies
from lakeloop.runs.history.shared import Shared
from lakeloop.runs.history.simulation import PolicyRun, simulate
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.turn import run_turn
from lakeloop.statuses import Action
from tests.laws.small_loop import land, write_project

TURNS = tuple(datetime(2024, *day, tzinfo=UTC) for day in ((1, 25), (1, 31), (2, 6), (2, 11), (2, 14)))
CLOSE = 1e-9

pytestmark = [pytest.mark.loop, pytest.mark.slow]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, PolicyRun]:
    """Turns of the loop, in which a bias is recalibrated and a challenger refused, and their replay."""
    root = tmp_path_factory.mktemp("history")
    write_project(root)
    declared = root / "conf" / "base" / "models" / "late.yml"
    text = declared.read_text(encoding="utf-8")
    for old, new in (
        ("schedule: 7 days", "schedule: 11 days"),
        ("when: {bias: 0.2}", "when: {bias: 0.05}"),
        ("non_inferior_by: 0.05", "superior_by: 0.02"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    declared.write_text(text, encoding="utf-8")
    config = load_config(root)
    before = datetime(2000, 1, 1, tzinfo=UTC)
    for turn in TURNS:
        land(config, turn, after=before)
        run_turn(Context(config, turn), ["late"])
        before = turn
    context = Context(config, TURNS[-1])
    model = config.models["late"]
    kept = Kept(Path(tmp_path_factory.mktemp("kept")))
    _, policy = find_policies(model, ["declared"])
    return context, simulate(Shared(context, model, TURNS, kept), policy, TURNS)


def test_the_history_holds_what_it_is_to_show(history):
    context, _ = history
    ledger = read_promotions(context, "late")
    assert "rejected" in {each.outcome for each in ledger}
    assert "recalibrate" in {each.actor for each in ledger}


def test_decisions_and_their_reasons_are_those_of_the_turns(history):
    context, run = history
    real = sorted(context.lake.own_rows(schemas.DECISIONS, None), key=lambda row: row["as_of"])
    assert [(each.as_of, each.action.value, each.reasons) for each in run.turns] == [
        (row["as_of"], row["action"], tuple(row["reasons"])) for row in real
    ]
    assert {each.action for each in run.turns} >= {Action.RETRAIN, Action.RECALIBRATE}


def test_versions_are_those_of_the_ledger_with_its_outcomes_and_figures(history):
    context, run = history
    ledger = read_promotions(context, "late")
    answers = [each.answer for each in run.turns if each.answer is not None]
    assert [(each.version, each.run_key, each.outcome) for each in answers] == [
        (each.version, each.run_key, each.outcome) for each in ledger
    ]
    for answer, event in zip(answers, ledger, strict=True):
        evidence = json.loads(event.evidence)
        for side in ("challenger", "baseline", "champion"):
            real = evidence.get(side, {})
            assert answer.metrics[side].keys() == real.keys()
            for metric, value in real.items():
                assert answer.metrics[side][metric] == pytest.approx(value, rel=CLOSE, abs=CLOSE, nan_ok=True)


def test_scores_are_those_that_were_recorded(history):
    context, run = history
    address = context.lake.address("predictions", "late")
    recorded = context.lake.read_uncut(address).toPandas().sort_values(["as_of", "prediction_id"])
    assert len(recorded) == len(run.scores)
    np.testing.assert_allclose(run.scores, recorded["score"].to_numpy(), rtol=CLOSE, atol=CLOSE)
    assert (run.is_production == (recorded["purpose"] == "production").to_numpy()).all()


def test_flags_are_those_that_were_raised(history):
    context, run = history
    raised = [row for row in context.lake.own_rows(schemas.FLAGS, None) if row["event"] == "raised"]
    assert [each.raised for each in run.turns] == [sum(row["as_of"] == turn for row in raised) for turn in TURNS]

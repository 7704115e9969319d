"""A turn that answers a bias by a recalibration: decided, claimed, made, judged, and the flag closed by it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.config.decide import When
from lakeloop.decisions.policy import recompute
from lakeloop.runs.context import Context
from lakeloop.runs.decision_inputs import gather_inputs
from lakeloop.runs.flags import read_flags
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.turn import TurnResult, run_turn
from lakeloop.runs.turn_text import describe_turn
from lakeloop.statuses import Action, FlagKind, FlagState, Outcome
from tests.laws.compare import rows
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

NOW = datetime(2024, 2, 14, tzinfo=UTC)

pytestmark = pytest.mark.loop


def delay_more(landed: Path, minutes: float = 8.0) -> None:
    header, *rows = landed.read_text(encoding="utf-8").splitlines()
    parts = [row.rpartition(",") for row in rows]
    late = [f"{before},{float(delay) + minutes:.3f}" for before, _, delay in parts]
    landed.write_text("\n".join([header, *late]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, TurnResult]:
    """A third turn, ten days after the last training, in which everything was later than the champion has learned."""
    root = Path(shutil.copytree(finished_project().root, tmp_path_factory.mktemp("shops") / "project"))
    declared = root / "conf" / "base" / "models" / "late.yml"
    text = declared.read_text(encoding="utf-8")
    assert text.count("schedule: 7 days") == text.count("when: {bias: 0.2}") == 1
    text = text.replace("schedule: 7 days", "schedule: 60 days").replace("when: {bias: 0.2}", "when: {bias: 0.05}")
    declared.write_text(text, encoding="utf-8")
    config = load_config(root)
    land(config, NOW, after=TURNS[-1])
    delay_more(config.workspace / "landing" / "deliveries" / f"until_{NOW:%Y%m%d}.csv")
    context = Context(config, NOW)
    return context, run_turn(context, ["late"])


def test_a_bias_is_answered_by_a_recalibration_that_the_gate_judges(turned):
    context, result = turned
    (turn,) = result.models
    assert turn.decision.action is Action.RECALIBRATE
    assert "bias: asks to recalibrate: open flag on bias" in turn.decision.reasons
    assert (turn.training_set, turn.train) == (None, None)
    assert (turn.recalibrate.parent_version, turn.recalibrate.model_version) == ("2", "3")
    newest = read_promotions(context, "late")[-1]
    assert (newest.version, newest.actor, newest.as_of) == ("3", "recalibrate", NOW)
    assert newest.outcome == turn.recalibrate.gate.outcome
    text = describe_turn(result)
    assert "  decide        recalibrate\n" in text
    assert f"version 3 (from 2) {newest.outcome}" in " ".join(text.split())


def test_its_flag_is_claimed_and_closed_with_the_outcome(turned):
    context, _ = turned
    newest = read_promotions(context, "late")[-1]
    (record,) = [each for each in read_flags(context, "late") if each.flag.kind is FlagKind.BIAS]
    closed = FlagState.SUPERSEDED if newest.outcome == "promoted" else FlagState.RESOLVED
    assert (record.state, record.claimed_as_of) == (closed, NOW)
    ending = {key: record.ending[key] for key in ("outcome", "judged_version", "answer")}
    assert ending == {"outcome": newest.outcome, "judged_version": "3", "answer": "recalibrate"}


def test_the_decision_is_made_again_from_its_row(turned):
    context, _ = turned
    rows = context.lake.own_rows(schemas.DECISIONS, None)
    assert [row["action"] for row in sorted(rows, key=lambda row: row["as_of"])] == [
        "retrain",
        "retrain",
        "recalibrate",
    ]
    for row in rows:
        again = recompute(row)
        assert (again.action.value, list(again.reasons)) == (row["action"], list(row["reasons"]))
    inputs = json.loads(max(rows, key=lambda row: row["as_of"])["inputs"])
    assert (inputs["version"], inputs["can_recalibrate"], inputs["windows_since_recalibration"]) == (2, True, None)
    assert inputs["recalibration_days"] >= inputs["recalibration_days_needed"] == 4
    assert [(each["version"], each["action"]) for each in inputs["history"]] == [("1", "retrain"), ("2", "retrain")]


def test_the_turn_again_changes_nothing(turned):
    context, result = turned
    before = {table.name: len(context.lake.own_rows(table, None)) for table in (schemas.FLAGS, schemas.PROMOTIONS)}
    again = run_turn(Context(context.config, NOW), ["late"]).models[0]
    assert (again.decision.outcome, again.recalibrate.outcome) == (Outcome.SKIPPED, Outcome.SKIPPED)
    assert again.recalibrate.gate == result.models[0].recalibrate.gate
    assert before == {
        table.name: len(context.lake.own_rows(table, None)) for table in (schemas.FLAGS, schemas.PROMOTIONS)
    }


def test_labelled_rows_since_the_last_training_are_counted(turned):
    context, _ = turned
    model = context.config.models["late"]
    asking = model.model_copy(update={"decide": model.decide.model_copy(update={"when": When(new_rows=1)})})
    counted = gather_inputs(context, asking).new_rows
    days = (date(2024, 2, 3), date(2024, 2, 12))  # the third had not closed yet when it was trained on the fourth
    orders = [row for row in rows(context.config, "bronze/orders") if days[0] <= row["due_ts"].date() <= days[1]]
    delivered = {row["order"] for row in rows(context.config, "bronze/deliveries") if row["delivered_ts"] is not None}
    assert counted == sum(row["order"] in delivered for row in orders) > 100
    assert gather_inputs(context, model).new_rows is None

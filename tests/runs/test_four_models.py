"""Four models through the turns of one project: three learners, and one whose versions wait for an approval."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakeloop.cli import main
from lakeloop.config import Config, load_config
from lakeloop.config.columns import input_columns
from lakeloop.errors import NotReadyError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.promote import WAITS
from lakeloop.runs.promotions import read_whole_ledger
from lakeloop.runs.score import score
from lakeloop.runs.turn import TurnResult, run_turn
from lakeloop.training.early_stopping import iterations_of
from tests.laws.small_loop import TURNS, land, write_project
from tests.runs.models.ledgers import aliases

pytestmark = [pytest.mark.loop, pytest.mark.slow]

LATER = datetime(2024, 2, 11, tzinfo=UTC), datetime(2024, 2, 13, tzinfo=UTC)
"""Turns of the model that waits: a training is due in the first of them, and not in the second."""

LEARNERS = {
    "lightgbm": """
estimator:
  class: lightgbm.LGBMClassifier
  params: {n_estimators: 60, num_leaves: 4, min_child_samples: 10, n_jobs: 1}
  early_stopping: {rounds: 5}
split: {validation: 3 days, holdout: 5 days, gap: 1 day}
""",
    "xgboost": """
estimator:
  class: xgboost.XGBClassifier
  params: {n_estimators: 60, max_depth: 2, learning_rate: 0.1, min_child_weight: 5, n_jobs: 1}
  early_stopping: {rounds: 5}
split: {validation: 3 days, holdout: 5 days, gap: 1 day}
""",
    "calibrated": """
estimator: {class: sklearn.linear_model.LogisticRegression, calibrate: sigmoid}
split: {validation: 2 days, calibration: 4 days, holdout: 5 days, gap: 1 day}
""",
}
CLASSES = {"lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier", "calibrated": "CalibratedClassifierCV"}
SINGLE_PRECISION = ("xgboost",)
"""Learners whose scores are sums of 32-bit floats."""


@dataclass(frozen=True)
class Loop:
    """Two turns of every model; between them a person approved the first version of `late`.

    Attributes:
        config: The project.
        turns: What the turns did.
        waiting: The ledger and the aliases of `late` as the first turn left them.
        unscored: What a scoring said as long as nobody was champion.
    """

    config: Config
    turns: tuple[TurnResult, TurnResult]
    waiting: tuple[list[Any], Any]
    unscored: str


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    code = stop.value.code
    assert isinstance(code, int)
    return code


def declare(root: Any) -> Config:
    """Write the small project with three more models, and have the first wait for an approval."""
    write_project(root)
    folder = root / "conf" / "base" / "models"
    late = (folder / "late.yml").read_text(encoding="utf-8")
    start, end = late.index("split:"), late.index("gate:")
    preprocess = late[late.index("preprocess:") : late.index("estimator:")]
    decide = "decide: {schedule: 60 days, cooldown: 1 day, min_closed_days: 1}\n"
    for name, learner in LEARNERS.items():
        own = late[:start].replace("model: late", f"model: {name}") + learner.lstrip() + preprocess + late[end:]
        (folder / f"{name}.yml").write_text(own[: own.index("decide:")] + decide, encoding="utf-8")
    waiting = late.replace("  fresh_process: false\n", "  fresh_process: false\n  approval: required\n")
    (folder / "late.yml").write_text(waiting, encoding="utf-8")
    return load_config(root)


@pytest.fixture(scope="module")
def loop(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    config = declare(tmp_path_factory.mktemp("four"))
    land(config, TURNS[0])
    first = Context(config, TURNS[0])
    begun = run_turn(first, list(config.models))
    waiting = read_whole_ledger(first, "late"), aliases(first)
    with pytest.raises(NotReadyError) as unscored:
        score(first.at(TURNS[0] + timedelta(days=1)), "late")
    reason = ("--reason", "looked at its card", "--by", "ada")
    assert call("models", "approve", "late", "--version", "1", *reason, "--project", str(config.root)) == 0
    land(config, TURNS[1], after=TURNS[0])
    second = run_turn(Context(config, TURNS[1]), list(config.models))
    return Loop(config, (begun, second), waiting, str(unscored.value))


def of(turn: TurnResult, name: str) -> Any:
    return next(each for each in turn.models if each.model == name)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_trained_gated_promoted_and_scores_as_the_version_that_was_registered(
    loop: Loop, name: str
) -> None:
    first, second = (of(turn, name) for turn in loop.turns)
    assert first.train.gate.outcome == "promoted", first.train.gate.reasons
    assert (first.score, second.train) == (None, None)
    assert (second.score.model_version, aliases_of(loop.config, name)) == ("1", ("1", None, None))
    context = Context(loop.config, TURNS[1])
    version = context.registry.list_versions(name)[0]
    pipeline = context.registry.load_pipeline(version)
    assert type(pipeline[-1]).__name__ == CLASSES[name]
    rounds = context.registry.training_of(version).params.get("iterations")
    assert rounds == (None if name == "calibrated" else str(iterations_of(pipeline[-1])))
    scored = DeltaTable(str(loop.config.workspace / "predictions" / name)).to_pyarrow_table()
    assert scored.num_rows == second.score.rows > 200
    inputs = input_columns(loop.config, loop.config.models[name])
    frame = pa.table({each: as_model_input(scored[each]) for each in inputs}).to_pandas()
    expected = pipeline.predict_proba(frame)[:, 1]
    assert len(np.unique(expected)) > 10
    tolerance = 1e-6 if name in SINGLE_PRECISION else 1e-9
    np.testing.assert_allclose(scored["score"].to_numpy(), expected, rtol=0, atol=tolerance)


def aliases_of(config: Config, name: str) -> tuple[str | None, ...]:
    registry = Context(config, TURNS[1]).registry
    return tuple(registry.alias(name, each) for each in ("champion", "previous", "challenger"))


def test_the_first_version_waits_and_nobody_scores_until_it_is_approved(loop: Loop) -> None:
    turn = of(loop.turns[0], "late")
    assert (turn.score, turn.train.gate.outcome, turn.train.gate.reasons[0]) == (None, "held", WAITS)
    (judged,), named = loop.waiting
    assert (judged.event.value, judged.outcome, judged.version) == ("gate", "held", "1")
    assert named == (None, None, "1")
    assert "nobody was promoted before 2024-01-26T00:00:00Z" in loop.unscored
    approved = read_whole_ledger(Context(loop.config, TURNS[1]), "late")[1]
    assert (approved.event.value, approved.outcome, approved.version) == ("approve", "promoted", "1")
    assert (approved.actor, approved.reason, approved.as_of) == ("ada", "looked at its card", TURNS[0])
    assert json.loads(approved.evidence) == {
        "acknowledged": [],
        "gate": "late-1-2024-01-25T00:00:00Z",
        "gate_outcome": "held",
    }
    assert of(loop.turns[1], "late").score.model_version == "1"


def test_the_champion_answers_until_a_challenger_that_passed_is_approved(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    config, approve = loop.config, ("models", "approve", "late", "--reason", "better", "--by", "bob", "--json")
    rest = ("--project", str(loop.config.root))
    challenged = of(loop.turns[1], "late").train
    assert challenged.gate.reasons[0] == WAITS, challenged.gate.reasons
    assert (challenged.model_version, challenged.gate.outcome, challenged.gate.previous_version) == ("2", "held", "1")
    assert aliases_of(config, "late") == ("1", None, "2")
    land(config, LATER[0], after=TURNS[1])
    third = of(run_turn(Context(config, LATER[0]), ["late"]), "late")
    assert third.score.model_version == "1"  # the second passed and nobody approved it
    judged = third.train.gate
    assert (third.train.model_version, judged.outcome, judged.previous_version) == ("3", "held", "1"), judged.reasons
    assert aliases_of(config, "late") == ("1", None, "3")
    before = read_whole_ledger(Context(config, LATER[0]), "late")
    capsys.readouterr()
    assert call(*approve, "--version", "2", *rest) == 6
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "state: a newer version was judged since it was held" in said
    assert read_whole_ledger(Context(config, LATER[0]), "late") == before

    done = []
    for _ in range(2):
        assert call(*approve, "--version", "3", *rest) == 0
        done.append(json.loads(capsys.readouterr().out)["result"])
    assert [(each["outcome"], each["champion"], each["as_of"]) for each in done] == [
        ("WRITTEN", "3", "2024-02-11T00:00:00Z"),
        ("SKIPPED", "3", "2024-02-11T00:00:00Z"),
    ]
    ledger = read_whole_ledger(Context(config, LATER[0]), "late")
    assert ledger[:-1] == before
    assert [(each.seq, each.event.value, each.version, each.outcome, each.previous_version) for each in ledger] == [
        (1, "gate", "1", "held", None),
        (2, "approve", "1", "promoted", None),
        (3, "gate", "2", "held", "1"),
        (4, "gate", "3", "held", "1"),
        (5, "approve", "3", "promoted", "1"),
    ]
    assert aliases_of(config, "late") == ("3", "1", None)
    land(config, LATER[1], after=LATER[0])
    fourth = of(run_turn(Context(config, LATER[1]), ["late"]), "late")
    assert (fourth.score.model_version, fourth.train) == ("3", None)
    predictions = DeltaTable(str(config.workspace / "predictions" / "late")).to_pyarrow_table(
        columns=["as_of", "model_version"]
    )
    assert {(each["as_of"], each["model_version"]) for each in predictions.to_pylist()} == {
        (TURNS[1], "1"),
        (LATER[0], "1"),
        (LATER[1], "3"),
    }

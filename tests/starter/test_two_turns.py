"""The new project through two turns: trained and promoted, then scored, monitored and decided."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.config.as_of import parse_as_of
from lakeloop.runs.context import Context
from lakeloop.runs.progress import StepDone
from lakeloop.runs.turn import TurnResult, run_turn
from lakeloop.starter.write import write_project
from lakeloop.statuses import Action, Outcome


@pytest.mark.slow
@pytest.mark.loop
def test_a_new_project_is_trained_then_scored_and_monitored(spark: object, tmp_path: Path) -> None:
    new = write_project(tmp_path / "parcels")
    config = load_config(new.folder)
    done: list[StepDone] = []

    def turn(date: str) -> TurnResult:
        as_of: datetime = parse_as_of(date, config.project.zone)
        return run_turn(Context(config, as_of, finished=done.append), tuple(config.models))

    first, second = turn(new.turns[0]), turn(new.turns[1])
    assert [(each.rows_accepted, each.rows_quarantined) for each in first.ingest.sources] == [(829, 0), (839, 1)]
    trained = first.models[0].train
    assert trained is not None
    assert (trained.model_version, trained.gate.outcome) == ("1", "promoted")
    scored, monitored = second.models[0].score, second.models[0].monitor
    assert scored is not None
    assert (scored.rows, scored.model_version) == (160, "1")
    assert monitored is not None
    assert (monitored.windows, monitored.outcome) == (1, Outcome.WRITTEN)
    assert second.models[0].decision.action is Action.NONE
    assert [each.step for each in done] == [
        *("ingest", "quality", "features", "decide", "training_set", "train"),
        *("ingest", "quality", "features", "score", "monitor", "decide"),
    ]

"""The order of a turn: answers for every model before any is trained."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from lakeloop.runs import turn
from lakeloop.runs.context import Context
from lakeloop.statuses import Action
from lakeloop.tables.uses import TableUses


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Steps that say their name and do nothing; `late` asks for retraining, `delay` does not."""
    calls: list[str] = []

    def stand_in(name: str, answer: Any = None) -> None:
        def step(_: Context, model: str = "") -> Any:
            calls.append(f"{name} {model}".strip())
            return answer(model) if callable(answer) else answer

        monkeypatch.setattr(turn, name, step)

    for name in ("ingest", "build_features", "score", "monitor", "make_training_set", "train"):
        stand_in(name)
    stand_in("check_quality", SimpleNamespace(passed=True))
    stand_in(
        "decide_action",
        lambda model: SimpleNamespace(action=Action.RETRAIN if model == "late" else Action.NONE),
    )
    checks = ("assert_expressions", "assert_intact", "refuse_earlier", "reconcile_aliases")
    for name in (*checks, "close_gate_flags", "read_promotions", "record_run"):
        monkeypatch.setattr(turn, name, lambda *_: None)
    monkeypatch.setattr(turn, "champion_before", lambda *_: "somebody")
    return calls


def test_every_model_answers_before_any_is_trained(called: list[str]) -> None:
    told: list[str] = []
    finished: list[tuple[str, str | None]] = []
    context: Any = SimpleNamespace(
        config=SimpleNamespace(models=["late", "delay"]),
        lake=SimpleNamespace(writing=nullcontext, uses=TableUses()),
        lineage=None,
        label_jobs=lambda: None,
        registry=None,
        as_of=None,
        turn="2013-05-01T04:00:00Z",
        run_id="7d",
        progress=told.append,
        finished=lambda done: finished.append((done.step, done.subject)),
    )
    result = turn.run_turn(context, ["late", "delay"])
    assert called == [
        "ingest",
        "check_quality",
        "build_features",
        *("score late", "monitor late", "decide_action late"),
        *("score delay", "monitor delay", "decide_action delay"),
        *("make_training_set late", "train late"),
    ]
    assert [each.model for each in result.models] == ["late", "delay"]
    assert finished == [
        ("ingest", None),
        ("quality", None),
        ("features", None),
        *(("score", "late"), ("monitor", "late"), ("decide", "late")),
        *(("score", "delay"), ("monitor", "delay"), ("decide", "delay")),
        *(("training_set", "late"), ("train", "late")),
    ]
    assert told[:4] == ["ingest", "quality", "features", "score late"]
    assert told[-2:] == ["training set late", "train late"]

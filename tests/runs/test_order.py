"""Which steps may be done in the past of which others."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from lakeloop.errors import ConflictError
from lakeloop.runs.context import instant_text
from lakeloop.runs.order import refuse_earlier

MAY = datetime(2013, 5, 1, tzinfo=UTC)
JUNE = datetime(2013, 6, 1, tzinfo=UTC)


TURN = [["ingest", None], ["features", None], *([step, "late"] for step in ("score", "monitor", "decide"))]
TRAINING = [["training_set", "late"], ["train", "late"]]


def context_of(as_of: datetime, *done: str, steps: Any = (), scores: Any = ()) -> Any:
    """A run ledger that holds these jobs: job, subject and logical now; what the jobs did; scores of `late`."""
    scored = [SimpleNamespace(job="score", unit=each) for each in scores]
    notes = {"steps": list(steps)} if steps else {}
    ledger = [SimpleNamespace(unit=each, notes=notes) for each in done]
    lake = SimpleNamespace(
        own=lambda table: table,
        address=lambda layer, name: (layer, name),
        commits=lambda table: {("predictions", "late"): scored, ("predictions", "early"): []}.get(table, ledger),
    )
    return SimpleNamespace(lake=lake, as_of=as_of, turn=instant_text(as_of))


@pytest.mark.parametrize(
    ("step", "model", "done"),
    [
        ("run", None, "run * 2013-06-01T00:00:00Z"),
        ("run", None, "score late 2013-06-01T00:00:00Z"),
        ("run", None, "ingest * 2013-06-01T00:00:00Z"),
        ("ingest", None, "features * 2013-06-01T00:00:00Z"),
        ("features", None, "score late 2013-06-01T00:00:00Z"),
        ("score", "late", "monitor late 2013-06-01T00:00:00Z"),
        ("score", "late", "score late 2013-06-01T00:00:00Z"),
        ("decide", "late", "train late 2013-06-01T00:00:00Z"),
        ("train", "late", "score late 2013-06-01T00:00:00Z"),  # it would have scored with another champion
    ],
)
def test_a_step_is_refused_when_a_later_one_was_built_on_it(step: str, model: str | None, done: str) -> None:
    with pytest.raises(ConflictError, match=r"order: `[a-z-]+` was done as of 2013-06-01T00:00:00Z"):
        refuse_earlier(context_of(MAY, done), step, model)


@pytest.mark.parametrize(
    ("step", "model", "done"),
    [
        ("features", None, "ingest * 2013-06-01T00:00:00Z"),  # what had landed by then does not change
        ("monitor", "late", "score late 2013-06-01T00:00:00Z"),
        ("score", "late", "score early 2013-06-01T00:00:00Z"),
        ("score", "late", "score late 2013-05-01T00:00:00Z"),
        ("report", None, "run * 2013-06-01T00:00:00Z"),
        ("score", "late", "report * 2013-06-01T00:00:00Z"),
        ("score", "late", "heads 0123 2013-06-01T00:00:00Z"),
    ],
)
def test_a_step_is_let_through_when_nothing_was_built_on_it(step: str, model: str | None, done: str) -> None:
    refuse_earlier(context_of(MAY, done), step, model)


def test_what_was_done_at_the_instant_may_be_repeated_but_not_a_whole_turn_nor_an_ingest() -> None:
    turns = "run * 2013-05-01T00:00:00Z", "run * 2013-06-01T00:00:00Z"
    context = context_of(MAY, *turns, steps=[*TURN, *TRAINING])
    for step in ("features", "score", "monitor", "decide", "training_set", "train"):
        refuse_earlier(context, step, None if step == "features" else "late")
    for step in ("run", "ingest"):
        with pytest.raises(ConflictError):
            refuse_earlier(context, step)


@pytest.mark.parametrize("step", ["training_set", "train"])
def test_a_turn_that_did_not_train_is_not_trained_at_once_later_turns_were_done(step: str) -> None:
    turns = "run * 2013-05-01T00:00:00Z", "run * 2013-06-01T00:00:00Z"
    with pytest.raises(ConflictError, match="order: `run` was done as of 2013-06-01T00:00:00Z"):
        refuse_earlier(context_of(MAY, *turns, steps=TURN), step, "late")
    refuse_earlier(context_of(JUNE, *turns, steps=TURN), step, "late")


def test_what_a_turn_did_for_one_model_it_did_not_do_for_another() -> None:
    turns = "run late 2013-05-01T00:00:00Z", "run * 2013-06-01T00:00:00Z"
    context = context_of(MAY, *turns, steps=[*TURN, *TRAINING])
    refuse_earlier(context, "train", "late")
    with pytest.raises(ConflictError):
        refuse_earlier(context, "train", "early")


def test_the_last_turn_may_be_repeated() -> None:
    refuse_earlier(context_of(JUNE, "run * 2013-05-01T00:00:00Z", "run * 2013-06-01T00:00:00Z"), "run")


@pytest.mark.parametrize("step", ["train", "recalibrate", "models"])
def test_a_turn_that_broke_off_has_scored_all_the_same(step: str) -> None:
    turn = "run * 2013-05-01T00:00:00Z"
    with pytest.raises(ConflictError, match="order: `score` was done as of 2013-06-01T00:00:00Z"):
        refuse_earlier(context_of(MAY, turn, scores=["late 2013-06-01T00:00:00Z"]), step, "late")
    refuse_earlier(context_of(JUNE, turn, scores=["late 2013-06-01T00:00:00Z"]), step, "late")
    refuse_earlier(context_of(MAY, turn, scores=["late 2013-06-01T00:00:00Z"]), step, "early")

"""A turn's result for a person: a line per step, and per model what was decided and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lakeloop.runs.turn import ModelTurn, TurnResult
from lakeloop.statuses import Action

_NOT_FIRED = "not fired"


def describe_turn(turn: TurnResult, *, width: int = 80) -> str:
    """Write a turn's result.

    Args:
        turn: The result.
        width: Columns to stay within.

    Returns:
        Lines of plain text; everything else is in the JSON line and in the tables.

    >>> from lakeloop.runs.decide import DecideResult
    >>> from lakeloop.runs.features import FeaturesResult
    >>> from lakeloop.runs.ingest import IngestResult
    >>> from lakeloop.runs.quality import QualityResult
    >>> from lakeloop.statuses import Outcome
    >>> quiet = ModelTurn("late", None, None, DecideResult("late", Action.NONE, (), Outcome.WRITTEN))
    >>> nothing = IngestResult(()), QualityResult(()), FeaturesResult(())
    >>> print(describe_turn(TurnResult("2024-02-04T00:00:00Z", *nothing, (quiet,), {})))
    turn 2024-02-04T00:00:00Z
      ingest        0 rows read
      quality       0 rows judged, passed
      features      0 tables already built
    model late
      score         nothing: no version was promoted before this turn
      decide        none
    """
    lines = [f"turn {turn.as_of}"]
    for name, text in (
        ("ingest", turn.ingest.summary),
        ("quality", turn.quality.summary),
        ("features", turn.features.summary),
    ):
        lines += _entry(name, text, width)
    for model in turn.models:
        lines.append(f"model {model.model}")
        for name, text in _of_model(model):
            lines += _entry(name, text, width)
    return "\n".join(lines)


def _of_model(turn: ModelTurn) -> Iterator[tuple[str, str]]:
    if turn.score is None:
        yield "score", "nothing: no version was promoted before this turn"
    else:
        yield "score", turn.score.summary
    if turn.monitor is not None:
        yield "monitor", turn.monitor.summary
    yield "decide", turn.decision.summary
    for reason in turn.decision.reasons:
        if turn.decision.action is not Action.NONE and _NOT_FIRED not in reason:
            yield "", reason
    if turn.training_set is not None:
        yield "training set", turn.training_set.summary
    if turn.train is not None:
        yield "train", turn.train.summary
        for reason in turn.train.gate.reasons:
            yield "", reason
    if turn.recalibrate is not None:
        yield "recalibrate", turn.recalibrate.summary
        for reason in turn.recalibrate.reasons:
            yield "", reason


def _entry(name: str, text: str, width: int) -> list[str]:
    head = f"  {name:<12}  "
    return textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * (len(head) + 2 * (not name)))

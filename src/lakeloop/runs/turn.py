"""One turn of the loop: what `lakeloop run` does, in the order of the flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context
from lakeloop.runs.decide import DecideResult, decide_action
from lakeloop.runs.expressions import assert_expressions
from lakeloop.runs.features import FeaturesResult, build_features
from lakeloop.runs.flags import close_gate_flags, raise_quality_flag
from lakeloop.runs.ingest import IngestResult, ingest
from lakeloop.runs.integrity import assert_intact
from lakeloop.runs.ledger import StepRecord, record_run, timed, working
from lakeloop.runs.monitor import MonitorResult, monitor
from lakeloop.runs.order import RUN, refuse_earlier
from lakeloop.runs.promotions import champion_before, read_promotions
from lakeloop.runs.quality import QualityResult, assert_gate_passed, check_quality
from lakeloop.runs.recalibrate import NotRecalibrated, RecalibrateResult, recalibrate_or_say_why
from lakeloop.runs.score import ScoreResult, score
from lakeloop.runs.train import TrainResult, train
from lakeloop.runs.training_set import TrainingSet, make_training_set
from lakeloop.statuses import Action

JOB = RUN


@dataclass(frozen=True)
class ModelTurn:
    """What a turn did for one model.

    Attributes:
        model: The model.
        score: None when there was no champion before the turn.
        monitor: None when there was no champion before the turn.
        decision: What was decided.
        training_set: None when the decision was not to retrain.
        train: None when the decision was not to retrain.
        recalibrate: None when the decision was not to recalibrate.
    """

    model: str
    score: ScoreResult | None
    monitor: MonitorResult | None
    decision: DecideResult
    training_set: TrainingSet | None = None
    train: TrainResult | None = None
    recalibrate: RecalibrateResult | NotRecalibrated | None = None


@dataclass(frozen=True)
class TurnResult:
    """What a turn did.

    Attributes:
        as_of: Its logical now, ISO, UTC.
        ingest: What was ingested.
        quality: What the gate said.
        features: What was built.
        models: What was done per model.
        seconds: Step, and model where there is one -> wall-clock seconds.
    """

    as_of: str
    ingest: IngestResult
    quality: QualityResult
    features: FeaturesResult
    models: tuple[ModelTurn, ...]
    seconds: dict[str, float]


def run_turn(context: Context, models: Sequence[str]) -> TurnResult:
    """Do one turn.

    Args:
        context: Project, lake and logical now.
        models: Models to score, monitor, decide about and train.

    Returns:
        What every step did. A turn that was done already changes nothing.

    Raises:
        ConflictError: If a later turn was done already, or a table was changed by something else, or the
            registry does not hold the champion.
        EnvironmentProblemError: If the tracking store does not answer.
        QualityGateError: If the quality gate failed; the turn stops, after the failure was flagged and decided about.

    >>> turn = run_turn(context, [])  # done already; with models they are scored, monitored, decided about and trained
    >>> turn.ingest.summary, turn.quality.summary, turn.features.summary
    ('0 rows read', '469 rows judged, passed', '2 tables already built')
    """
    with working(context, JOB):
        assert_expressions(context)
        assert_intact(context)
        refuse_earlier(context, JOB)
        _ = context.registry  # a wrong tracking address, or a lost champion, is told before the work
        for model in models:
            reconcile_aliases(context, model)
        records: list[StepRecord] = []

        def step(name: str, call: Callable[[], Any], model: str | None = None) -> Any:
            return timed(context, name, model, call, records)

        ingested = step("ingest", lambda: ingest(context))
        quality = step("quality", lambda: check_quality(context))
        if not quality.passed:
            _stop_at_gate(context, models, quality)
        built = step("features", lambda: build_features(context))
        turns = _turns_of(context, models, step)
        is_whole = not models or set(models) == set(context.config.models)
        record_run(context, JOB, None if is_whole else "+".join(sorted(models)), records)
        seconds = {f"{each.step} {each.subject}" if each.subject else each.step: each.seconds for each in records}
        return TurnResult(context.turn, ingested, quality, built, turns, seconds)


def _turns_of(context: Context, models: Sequence[str], step: Callable[..., Any]) -> tuple[ModelTurn, ...]:
    """Answer for every model before any is trained: predictions are due, training is not."""
    decided = [_score_and_decide(context, model, step) for model in models]
    return tuple(_answer(context, each, step) for each in decided)


def _score_and_decide(context: Context, model: str, step: Callable[..., Any]) -> ModelTurn:
    scored = monitored = None
    close_gate_flags(context, model)
    if champion_before(read_promotions(context, model), context.as_of) is not None:
        scored = step("score", lambda: score(context, model), model)
        monitored = step("monitor", lambda: monitor(context, model), model)
    return ModelTurn(model, scored, monitored, step("decide", lambda: decide_action(context, model), model))


def _answer(context: Context, turn: ModelTurn, step: Callable[..., Any]) -> ModelTurn:
    if turn.decision.action is Action.RECALIBRATE:
        corrected = step("recalibrate", lambda: recalibrate_or_say_why(context, turn.model), turn.model)
        return replace(turn, recalibrate=corrected)
    if turn.decision.action is not Action.RETRAIN:
        return turn
    pinned = step("training_set", lambda: make_training_set(context, turn.model), turn.model)
    trained = step("train", lambda: train(context, turn.model), turn.model)
    return replace(turn, training_set=pinned, train=trained)


def _stop_at_gate(context: Context, models: Sequence[str], quality: QualityResult) -> None:
    failed = [each.source for each in quality.sources if each.passed is False]
    for model in models:
        raise_quality_flag(context, model, failed)
        decide_action(context, model)
    assert_gate_passed(quality.sources)

"""What is logged with a training: evidence from the holdout, the environment, and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.columns import model_columns
from lakeloop.config.model import Model
from lakeloop.discovery import private_columns
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.search import Chosen
from lakeloop.runs.training_data import TrainingData
from lakeloop.training.classes import class_shares
from lakeloop.training.environment import Environment
from lakeloop.training.evidence import HoldoutRows, measure_evidence
from lakeloop.training.fitting import predict_scores
from lakeloop.training.model_card import CARD_FILE, ModelCard, PartOfData, TrainedOn, render_card
from lakeloop.training.split import CALIBRATION, GAP, HOLDOUT, TRAIN, VALIDATION

ENVIRONMENT_FILE = "environment.json"


@dataclass(frozen=True)
class LoggedEvidence:
    """What a training logs beside its model.

    Attributes:
        metrics: Ends of the intervals of the holdout's metrics.
        documents: File name -> JSON-safe content, or text.
    """

    metrics: Mapping[str, float]
    documents: Mapping[str, Any]


def gather_evidence(
    context: Context,
    model: Model,
    data: TrainingData,
    chosen: Chosen,
    scores: NDArray[np.float64],
    environment: Environment,
    seed: int,
) -> LoggedEvidence:
    """Measure what a fitted pipeline shows on the holdout, and describe it.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        data: The training set.
        chosen: What the search chose.
        scores: Its scores of the holdout rows, in their order.
        environment: What it was fitted with.
        seed: Seed of everything random.

    Returns:
        Metrics and documents.

    >>> from sklearn.dummy import DummyClassifier
    >>> from lakeloop.runs.environment import read_environment
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> from lakeloop.training.trials import Trial
    >>> model = context.config.models["late"]
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> always = DummyClassifier(strategy="prior").fit(data.frame, data.label)
    >>> chosen = Chosen(Trial(0, {}), always, {}, 1, {}, 1, 0, iterations=12)
    >>> scores = predict_scores(model.task, always, data.frame[data.part(HOLDOUT)])
    >>> here = read_environment(context.config.root, context.config.workspace)
    >>> found = gather_evidence(context, model, data, chosen, scores, here, seed=7)
    >>> sorted(found.documents)[:4]
    ['calibration.json', 'environment.json', 'importance.json', 'metric_intervals.json']
    >>> [line for line in found.documents["model_card.md"].splitlines() if "Rounds" in line]
    ['- Rounds: `12`, stopped when the loss on the validation part no longer fell']
    """
    context.progress(f"train {model.model}: measuring what it shows on the holdout")
    config, holdout = context.config, data.part(HOLDOUT)
    columns, private = model_columns(config, model), private_columns(config, model)
    evidence = measure_evidence(
        model,
        columns,
        HoldoutRows(
            frame=data.frame[holdout],
            y=data.label[holdout],
            score=scores,
            days=data.days[holdout],
            slices={
                name: np.asarray((data.frame if name in data.frame else data.logged)[name][holdout])
                for name in model.gate.slices
            },
        ),
        data.label[data.part(TRAIN)],
        lambda rows: predict_scores(model.task, chosen.pipeline, rows, len(model.label.classes)),
        hidden=private,
        seed=seed,
    )
    card = ModelCard(
        model=model,
        as_of=instant_text(context.as_of),
        params=chosen.trial.params,
        columns=columns,
        private=tuple(name for name in dict.fromkeys((*columns, *model.gate.slices)) if name in private),
        trained_on=_trained_on(model.label.classes, data),
        spec_hash=config.spec_hash("model", model.model),
        seed=seed,
        environment=environment,
        evidence=evidence,
        iterations=chosen.iterations,
    )
    return LoggedEvidence(
        evidence.bounds,
        {**evidence.documents, ENVIRONMENT_FILE: environment.to_dict(), CARD_FILE: render_card(card)},
    )


def _trained_on(classes: Sequence[str], data: TrainingData) -> TrainedOn:
    training_set = data.training_set
    parts = []
    for name in (TRAIN, GAP, VALIDATION, CALIBRATION, HOLDOUT):
        rows = data.part(name)
        if rows.any():
            days, label = data.days[rows], data.label[rows]
            first, last = (day.astype("datetime64[D]").item() for day in (days.min(), days.max()))
            told = class_shares(label, len(classes)).tolist() if classes else []
            shares = dict(zip(classes, told, strict=True))
            parts.append(PartOfData(name, first, last, len(np.unique(days)), len(label), float(label.mean()), shares))
    return TrainedOn(
        training_set_id=training_set.training_set_id,
        table=f"training_sets.{training_set.model}",
        delta_version=training_set.delta_version,
        content_hash=training_set.content_hash,
        data_through=instant_text(training_set.data_through),
        parts=tuple(parts),
    )

"""A candidate: what a training at one instant of history would have made, whichever policy asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sklearn.pipeline import Pipeline

from lakeloop.drift.reference import Reference
from lakeloop.runs.holdout_judgement import HoldoutRows
from lakeloop.runs.training_set import TrainingSet


@dataclass(frozen=True)
class Fit:
    """What was fitted at a cut, with what the gate and the monitor need of it.

    Attributes:
        serves: The pipeline that would serve.
        judged: The pipeline that the gate is shown; the same one without `split.refit`.
        holdout: The rows on which it is judged.
        reference: JSON of the reference of its features.
        prediction_reference: JSON of the reference of its scores.
        metrics: Metrics by part and name, as a training logs them.
        params: Parameters that the search chose.
        seconds: Wall-clock seconds that rows, search and references took when they were made.
        was_kept: Whether an earlier replay had fitted it.
    """

    serves: Pipeline
    judged: Pipeline
    holdout: HoldoutRows
    reference: str
    prediction_reference: str
    metrics: Mapping[str, float]
    params: Mapping[str, Any]
    seconds: float
    was_kept: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept as JSON."""
        return {
            "reference": self.reference,
            "prediction_reference": self.prediction_reference,
            "metrics": dict(self.metrics),
            "params": dict(self.params),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Candidate:
    """What a training as of an instant makes.

    Attributes:
        as_of: The instant of the cut, aware, UTC.
        training_set: The set that would be pinned then: id, content hash and `data_through` are those of the real one.
        run_key: Key of the version that a training on it makes.
        fit: What was fitted.
        features: Reference of its features.
        predictions: Reference of its scores.
    """

    as_of: datetime
    training_set: TrainingSet
    run_key: str
    fit: Fit
    features: Reference
    predictions: Reference

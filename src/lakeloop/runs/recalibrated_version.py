"""A corrected version in the registry: its parent's pipeline with the correction, and what describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop import __version__
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.plugin_uses import function_plugins, releases
from lakeloop.drift.reference import SCORE_COLUMN, Reference
from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import PACKAGES_TAG, SERVING_TAG
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.recalibration_rows import ScoredRows, read_example
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE, freeze_reference
from lakeloop.training.estimators import estimator_packages
from lakeloop.training.evidence import METRICS_FILE
from lakeloop.training.metric_intervals import measure_intervals
from lakeloop.training.metrics import evaluate
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.recalibration import Correction, corrected, fit_correction

PARENT_TAG = "parent_version"
"""Tag of a version that shares another's fitted steps: the other's number."""

_INHERITED = ("training_set_id", "content_hash", "spec_hash", "seed", PACKAGES_TAG, SERVING_TAG)


@dataclass(frozen=True)
class CorrectedScores:
    """Scored rows with the scores that the gate is shown.

    Attributes:
        rows: The rows as they were served.
        judged: Scores that were corrected by what was fitted on other stretches of days, shape [n_rows].
    """

    rows: ScoredRows
    judged: NDArray[np.float64]


def register_corrected(
    context: Context, model: Model, parent: ModelVersion, champion: Promotion, scores: CorrectedScores, run_key: str
) -> ModelVersion:
    """Fit the correction on all rows, log the parent's pipeline with it, and register the result.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        parent: The version that serves.
        champion: What the ledger says of it.
        scores: The rows.
        run_key: Hash of what the version is made from.

    Returns:
        The new version.

    Raises:
        NotReadyError: If the outcomes of a classification are all equal; nothing is registered.

    >>> from dataclasses import replace
    >>> from lakeloop.errors import NotReadyError
    >>> from lakeloop.runs.promotions import read_promotions
    >>> from lakeloop.runs.recalibration_rows import read_scored_rows
    >>> model, first = context.config.models["late"], read_promotions(context, "late")[0]
    >>> rows = read_scored_rows(context, model, first)
    >>> late = CorrectedScores(replace(rows, label=np.ones(rows.scores.size)), rows.scores)
    >>> parent = context.registry.get_version("late", first.version, first.run_key)
    >>> try:
    ...     register_corrected(context, model, parent, first, late, "a-run-key")
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    label: all 209 outcomes are True
    """
    name, by, rows = model.model, model.decide.recalibrate.by, scores.rows
    correction = fit_correction(by, model.task, rows.scores, rows.label)
    pipeline = corrected(context.registry.load_pipeline(parent), model.task, correction)
    through = max(champion.trained_through, rows.content.data_through)
    tags = {
        **{tag: parent.tags[tag] for tag in _INHERITED if tag in parent.tags},
        "as_of": instant_text(context.as_of),
        "lakeloop_version": __version__,
        "trained_through": through.isoformat(),
        PARENT_TAG: parent.version,
        "recalibrated_by": by.value,
    }
    address = context.lake.address("predictions", name)
    where = address.sql if address.in_catalog else address.path
    dataset = DatasetInput(f"predictions.{name}", where, rows.delta_version, rows.content.digest, address.in_catalog)
    frozen = corrected_reference(model, scores, through)
    documents = {
        REFERENCE_FILE: context.registry.read_document(parent, REFERENCE_FILE),
        PREDICTION_REFERENCE_FILE: frozen.to_json(),
        METRICS_FILE: _intervals(model, scores, context.config.project.seed),
    }
    # By its training set a run is known as a training; this is none.
    of_run = {tag: value for tag, value in tags.items() if tag != "training_set_id"}
    with context.registry.training(name, run_key, dataset, of_run) as training:
        params = {**_params(correction, rows, by.value), "parent_version": parent.version}
        training.log_summary(params, _metrics(model.task, scores), documents)
        example = read_example(context, model)
        is_classification = model.task is Task.CLASSIFICATION
        return training.log_model(
            pipeline,
            example,
            pipeline.predict_proba(example) if is_classification else pipeline.predict(example),
            probabilities=is_classification,
            trusted_types=TRUSTED_TYPES,
            packages=(*estimator_packages(model.estimator), *releases(function_plugins(model))),
            tags=tags,
        )


def corrected_reference(model: Model, scores: CorrectedScores, through: datetime) -> Reference:
    """Freeze what the scores of a corrected version will be compared with.

    Args:
        model: The model's declaration.
        scores: The rows it is fitted on.
        through: Greatest `available_ts` that touches it.

    Returns:
        Bins and counts per day of the scores that the gate is shown.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> from lakeloop.runs.recalibration_rows import read_scored_rows
    >>> model, first = context.config.models["late"], read_promotions(context, "late")[0]
    >>> rows = read_scored_rows(context, model, first)
    >>> corrected_reference(model, CorrectedScores(rows, rows.scores), context.as_of).bins[0].name
    'score'
    """
    rows = scores.rows
    table = pa.table({"day": pa.array(rows.days), SCORE_COLUMN: scores.judged})
    return freeze_reference(model, table, rows.label, through)


def _intervals(model: Model, scores: CorrectedScores, seed: int) -> dict[str, Any]:
    """How it did on days that its correction was not fitted on, as a training says it of its holdout."""
    rows, confidence, least = scores.rows, model.gate.confidence, model.gate.min_blocks
    found = measure_intervals(
        model.task, rows.label, scores.judged, rows.days, confidence=confidence, min_blocks=least, seed=seed
    )
    return {"confidence": confidence, "min_blocks": least, "metrics": [each.to_dict() for each in found]}


def _params(correction: Correction, rows: ScoredRows, by: str) -> dict[str, Any]:
    return {
        "recalibrated_by": by,
        "intercept": correction.intercept,
        "slope": correction.slope,
        "rows": rows.content.rows,
        "first_day": str(rows.days.min()),
        "last_day": str(rows.days.max()),
    }


def _metrics(task: Task, scores: CorrectedScores) -> dict[str, float]:
    rows = scores.rows
    return {
        **{f"served_{metric}": value for metric, value in evaluate(task, rows.label, rows.scores).items()},
        **{f"holdout_{metric}": value for metric, value in evaluate(task, rows.label, scores.judged).items()},
    }

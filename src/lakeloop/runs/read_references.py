"""Reading back what a version was accepted on, from the documents of its run."""

from __future__ import annotations

from collections.abc import Sequence

from lakeloop.config.columns import model_columns
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.estimated_performance import VersionCalibration
from lakeloop.drift.reference import CLASS_COLUMN, SCORE_COLUMN, Reference
from lakeloop.errors import ConflictError
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.runs.window_evaluation import References
from lakeloop.training.evidence import METRICS_FILE


def read_references(context: Context, model: Model, version: ModelVersion) -> References:
    """Read what a version was accepted on; what is gone is named, and the rest is still of use.

    Args:
        context: Project and registry.
        model: The model's declaration.
        version: The version.

    Returns:
        The references; those that are gone are empty.

    Raises:
        EnvironmentProblemError: If the tracking store does not answer.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> first = read_promotions(context, "late")[0]
    >>> version = context.registry.get_version("late", first.version, first.run_key)
    >>> found = read_references(context, context.config.models["late"], version)
    >>> [each.name for each in found.predictions.bins], found.lost
    (['score'], ())
    """
    features = _read(context, version, REFERENCE_FILE)
    predictions = _read(context, version, PREDICTION_REFERENCE_FILE)
    lost: Sequence[str] = () if features is not None else model_columns(context.config, model)
    if predictions is None:
        lost = (*lost, SCORE_COLUMN, *([CLASS_COLUMN] if model.task is Task.MULTICLASS else []))
    nothing = Reference(model.model, model.task, context.as_of, (), (), {}, {})
    return References(features or nothing, predictions or nothing, _read_calibration(context, version), tuple(lost))


def _read(context: Context, version: ModelVersion, file: str) -> Reference | None:
    try:
        return Reference.from_json(context.registry.read_document(version, file))
    except ConflictError:
        return None


def _read_calibration(context: Context, version: ModelVersion) -> VersionCalibration:
    """Read how a version was calibrated on its holdout; a version that did not log it is not refused, but unknown."""
    try:
        return VersionCalibration.from_metrics(context.registry.read_document(version, METRICS_FILE))
    except ConflictError:
        return VersionCalibration(None, False)

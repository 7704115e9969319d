"""Reading back what a version was accepted on, from the documents of its run."""

from __future__ import annotations

from typing import Any

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

    Where all of it is gone the store of artifacts is, and a backup mends more than going on without would: that is no
    status, but an error.

    Args:
        context: Project and registry.
        model: The model's declaration.
        version: The version.

    Returns:
        The references; those that are gone are empty.

    Raises:
        ConflictError: If none of the documents is there.
        EnvironmentProblemError: If the tracking store does not answer.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> first = read_promotions(context, "late")[0]
    >>> version = context.registry.get_version("late", first.version, first.run_key)
    >>> found = read_references(context, context.config.models["late"], version)
    >>> [each.name for each in found.predictions.bins], found.lost
    (['score'], ())
    """
    found = {file: _read(context, version, file) for file in (REFERENCE_FILE, PREDICTION_REFERENCE_FILE, METRICS_FILE)}
    gone = [each for each in found.values() if isinstance(each, ConflictError)]
    if len(gone) == len(found):
        raise gone[0]
    nothing = Reference(model.model, model.task, context.as_of, (), (), {}, {})
    lost: list[str] = []
    features, predictions, metrics = found.values()
    if isinstance(features, ConflictError):
        lost += model_columns(context.config, model)
    if isinstance(predictions, ConflictError):
        lost += [SCORE_COLUMN, *([CLASS_COLUMN] if model.task is Task.MULTICLASS else [])]
    return References(
        nothing if isinstance(features, ConflictError) else Reference.from_json(features),
        nothing if isinstance(predictions, ConflictError) else Reference.from_json(predictions),
        # A version of an earlier lakeloop did not log how it was calibrated.
        VersionCalibration(None, False)
        if isinstance(metrics, ConflictError)
        else VersionCalibration.from_metrics(metrics),
        tuple(lost),
    )


def _read(context: Context, version: ModelVersion, file: str) -> Any | ConflictError:
    try:
        return context.registry.read_document(version, file)
    except ConflictError as gone:
        return gone

"""The checked files of a version as what travels to Spark's workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow.models import Model

from lakeloop.arrow_scoring import NUMBER, TEXT, StoredPipeline, store_pipeline
from lakeloop.model_files import SKOPS, model_file, read_flavors

_PREDICTS = {"predict_proba": True, "predict": False}


def read_stored_pipeline(folder: Path, trusted_types: Sequence[str]) -> StoredPipeline | None:
    """Read the files of a version that `Registry.verify` has let through.

    Args:
        folder: The files.
        trusted_types: Types that skops may load besides those it trusts itself.

    Returns:
        The pipeline; None when it is no skops file, has no signature of texts and doubles by name, or answers by
        something else than `predict` or `predict_proba`.

    >>> from lakeloop.training.preprocessing import TRUSTED_TYPES
    >>> folder = context.registry.verify(context.registry.list_versions("late")[0])
    >>> stored = read_stored_pipeline(folder, TRUSTED_TYPES)
    >>> stored.probabilities, list(stored.columns.items())[:2]
    (True, [('shop', 'string'), ('items', 'double')])
    """
    flavors, foreign = read_flavors(folder)
    if foreign or flavors.get("sklearn", {}).get("serialization_format") != SKOPS:
        return None
    answers = _PREDICTS.get(flavors.get("python_function", {}).get("predict_fn", "predict"))
    signature = Model.load(str(folder)).signature
    if answers is None or signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        return None
    columns = {str(each.name): str(getattr(each.type, "name", each.type)) for each in signature.inputs.inputs}
    if not columns or not set(columns.values()) <= {TEXT, NUMBER}:
        return None
    return store_pipeline(model_file(folder, flavors).read_bytes(), columns, trusted_types, probabilities=answers)

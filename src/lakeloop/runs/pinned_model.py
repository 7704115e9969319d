"""The model of a training set, as long as conf/ still says what the set was made by."""

from __future__ import annotations

from lakeloop.config.model import Model
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest
from lakeloop.runs.training_set import pinned_rows_hash, rows_spec_hash, training_spec_hash

_REMEDY = "use the conf/ it was made by: that of its commit, and of its --env"


def pinned_model(context: Context, manifest: Manifest) -> Model:
    """Give the declaration that a training set was made by: what is computed again has to be what was computed.

    What makes no row may have changed since: estimator, gate, monitoring, decisions. Of a set whose manifest does not
    tell what made its rows the whole declaration counts.

    Args:
        context: Project and lake.
        manifest: The training set.

    Returns:
        The model's declaration.

    Raises:
        ConflictError: If the model is not declared any more, or what makes its rows was changed: in it, a feature
            table or a source of it.

    >>> from dataclasses import replace
    >>> from lakeloop.runs.manifests import read_manifests
    >>> manifest = read_manifests(context, "late")[-1]
    >>> pinned_model(context, manifest).model
    'late'
    >>> try:
    ...     pinned_model(context, replace(manifest, model="early"))
    ... except ConflictError as error:
    ...     print(error.failures[0])
    model: 'early' is not declared in conf/; there are late
    """
    of_set = f"training set {manifest.training_set_id} of model {manifest.model}"
    model = context.config.models.get(manifest.model)
    if model is None:
        there = ", ".join(context.config.models) or "none"
        found = Failure("model", f"{manifest.model!r} is not declared in conf/; there are {there}")
        raise ConflictError(of_set, [found], _REMEDY)
    now = training_spec_hash(context, model)
    if now != manifest.spec_hash and pinned_rows_hash(context, manifest.training_set_id) != rows_spec_hash(
        context, model
    ):
        found = Failure("declarations", f"it was made by {manifest.spec_hash[:12]}, conf/ now says {now[:12]}")
        raise ConflictError(of_set, [found], _REMEDY)
    return model

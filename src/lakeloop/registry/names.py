"""Names under which things are found again in MLflow: models, aliases, tags, the folder of artifacts."""

from __future__ import annotations

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

RUN_KEY_TAG = "lakeloop.run_key"
"""Tag of runs and versions: hash of what the version is made from."""

CONTENT_HASH_TAG = "lakeloop.content_hash"
"""Tag of versions: hash of the files that were registered."""

JUDGED_TAG, JUDGED_HASH_TAG = "lakeloop.judged_model", "lakeloop.judged_hash"
"""Tags of a version that was fitted through the holdout: the model that a gate may judge in its place."""

ARTIFACTS = "lakeloop"
"""Folder of a run's artifacts that lakeloop writes."""


def registered_name(model: str, schema: str | None) -> str:
    """Give the name under which a model is registered.

    Args:
        model: The model's name in `conf/`.
        schema: `catalog.schema` of a registry of three levels (Unity Catalog); None of a flat one.

    Returns:
        The name.

    >>> registered_name("late_arrival", None), registered_name("late_arrival", "main.models")
    ('late_arrival', 'main.models.late_arrival')
    """
    return model if schema is None else f"{schema}.{model}"


def experiment_name(project: str, model: str, tracking_uri: str) -> str:
    """Give the name of a model's experiment; Databricks takes folders of its workspace for names.

    Args:
        project: Name of the project.
        model: The model.
        tracking_uri: Tracking address.

    Returns:
        The name.

    >>> experiment_name("flights", "late_arrival", "sqlite:////ws/mlflow.db")
    'flights/late_arrival'
    >>> experiment_name("flights", "late_arrival", "databricks")
    '/Shared/flights/late_arrival'
    """
    name = f"{project}/{model}"
    return f"/Shared/{name}" if tracking_uri.startswith("databricks") else name


def version_address(model: str, version: str, schema: str | None) -> str:
    """Give the address by which MLflow loads a version: always of the configured registry, never a path or a run.

    Args:
        model: The model's name in `conf/`.
        version: Number of the version, as text.
        schema: `catalog.schema` of a registry of three levels.

    Returns:
        `models:/<name>/<number>`.

    Raises:
        ValueError: If the version is no number.

    >>> version_address("late_arrival", "3", None), version_address("late_arrival", "3", "main.models")
    ('models:/late_arrival/3', 'models:/main.models.late_arrival/3')
    """
    if not (version.isascii() and version.isdigit()):
        raise ValueError(f"version {version!r} of model {model} is no number")
    return f"models:/{registered_name(model, schema)}/{version}"

"""What has to hold before the files of a version are loaded: where they come from, and what `model_files` says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.sklearn

from lakeloop.errors import ConflictError, Failure
from lakeloop.model_files import SKOPS, assert_files_loadable, load_skops, read_flavors
from lakeloop.model_versions import ModelVersion
from lakeloop.registry.names import CONTENT_HASH_TAG

__all__ = ["SKOPS", "assert_loadable", "assert_own_files", "load_files"]

_LOGGED = re.compile(r"^models:/m-[0-9a-zA-Z]+$")
"""Source of a version whose files the tracking store itself keeps."""


def assert_own_files(version: ModelVersion) -> None:
    """Refuse a version that was registered from a path or an address outside the tracking store.

    Args:
        version: The version.

    Raises:
        ConflictError: If its source is anything but a model that a run of the store has logged.

    >>> assert_own_files(ModelVersion("late", "2", "r", "k", {}, source="models:/m-0a1b"))
    >>> try:
    ...     assert_own_files(ModelVersion("late", "3", "r", "k", {}, source="file:///tmp/model"))
    ... except ConflictError as error:
    ...     print(error.failures[0])
    source: it was registered from elsewhere, not from a model logged in the tracking store
    """
    if not _LOGGED.match(version.source):
        raise _refused(
            version,
            Failure("source", "it was registered from elsewhere, not from a model logged in the tracking store"),
            "train a version with `lakeloop train`; what others have registered is never loaded",
        )


def assert_loadable(
    folder: Path,
    version: ModelVersion,
    trusted_types: Sequence[str],
    *,
    content: str | None = None,
    allow_pickle: bool = False,
) -> None:
    """Refuse files that are not those that were registered, or that may run code of their own when they are loaded.

    The list of trusted types that MLflow keeps beside the file counts for nothing: whoever wrote the file wrote it too.

    Args:
        folder: The version's files.
        version: The version.
        trusted_types: Types that skops may load besides those it trusts itself.
        content: Checksum that was recorded of them; that of the version's own files without it.
        allow_pickle: Whether a format that runs code may be loaded; it is warned of.

    Raises:
        ConflictError: If the checksum, the format or a type is not as it has to be.

    >>> version = context.registry.list_versions("late")[0]
    >>> folder = context.registry.verify(version)
    >>> try:
    ...     assert_loadable(folder, version, trusted_types=["numpy.dtype"])
    ... except ConflictError as error:
    ...     print(error.failures[0].name)
    types
    """
    remedy = "train it again, which stores skops; or, if you trust whoever can write to the registry, set"
    assert_files_loadable(
        folder,
        f"model {version.model} version {version.version}",
        content or version.tags.get(CONTENT_HASH_TAG),
        trusted_types,
        pickle_remedy="" if allow_pickle else f"{remedy} registry: {{allow_pickle: true}}",
    )


def load_files(folder: Path, trusted_types: Sequence[str]) -> Any:
    """Load a pipeline from files that `assert_loadable` has let through.

    Args:
        folder: The files.
        trusted_types: The allow-list.

    Returns:
        The pipeline.

    >>> from lakeloop.training.preprocessing import TRUSTED_TYPES
    >>> folder = context.registry.verify(context.registry.list_versions("late")[0])
    >>> hasattr(load_files(folder, TRUSTED_TYPES), "predict_proba")
    True
    """
    flavors, _ = read_flavors(folder)
    if flavors["sklearn"].get("serialization_format") == SKOPS:
        return load_skops(folder, trusted_types)
    return mlflow.sklearn.load_model(str(folder))


def _refused(version: ModelVersion, failure: Failure, remedy: str) -> ConflictError:
    return ConflictError(f"model {version.model} version {version.version}", [failure], remedy)

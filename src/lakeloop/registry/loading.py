"""What has to hold before the files of a version are loaded: where they come from, checksum, format, types."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.sklearn
import skops.io
import yaml

from lakeloop.errors import ConflictError, Failure
from lakeloop.model_versions import ModelVersion, hash_model_files
from lakeloop.registry.names import CONTENT_HASH_TAG

SKOPS = "skops"
_FLAVOR, _LOADER = "sklearn", "mlflow.sklearn"
_LOGGED = re.compile(r"^models:/m-[0-9a-zA-Z]+$")
"""Source of a version whose files the tracking store itself keeps."""
_OWN_FLAVORS = {"sklearn", "python_function"}
_MAX_TYPES = 5

_log = logging.getLogger(__name__)


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
    if hash_model_files(folder) != (content or version.tags.get(CONTENT_HASH_TAG)):
        raise _refused(
            version,
            Failure("checksum", "its files are not those that were registered"),
            "restore the files, or train a new version",
        )
    flavors, foreign = read_flavors(folder)
    stored = str(flavors.get(_FLAVOR, {}).get("serialization_format", "pickle"))
    if foreign or _FLAVOR not in flavors:
        found = ", ".join(foreign) or "no sklearn flavor"
        raise _refused(version, Failure("format", f"it is no plain scikit-learn model: {found}"), _TRAIN)
    if stored != SKOPS:
        told = f"it is stored as {stored}, which runs code when it is loaded"
        if not allow_pickle:
            remedy = "train it again, which stores skops; or, if you trust whoever can write to the registry, set"
            raise _refused(
                version, Failure("format", f"{told}; allowed: skops"), f"{remedy} registry: {{allow_pickle: true}}"
            )
        _log.warning("model %s version %s: %s; registry.allow_pickle lets it", version.model, version.version, told)
        return
    unknown = find_unknown_types(model_file(folder, flavors), trusted_types)
    if unknown is None:
        raise _refused(version, Failure("format", "its skops file cannot be read"), _TRAIN)
    if unknown:
        more = f" and {len(unknown) - _MAX_TYPES} more" if len(unknown) > _MAX_TYPES else ""
        shown = ", ".join(unknown[:_MAX_TYPES])
        raise _refused(version, Failure("types", f"its file holds types that are not allowed: {shown}{more}"), _TRAIN)


_TRAIN = "train a new version with `lakeloop train`; nothing else is loaded"


def read_flavors(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Read what MLflow says of a model's files.

    Args:
        folder: The files.

    Returns:
        Flavor -> its settings, and the names of what brings code of its own.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = "flavors: {sklearn: {}, python_function: {loader_module: theirs, code: code}}"
    ...     _ = (Path(folder) / "MLmodel").write_text(text)
    ...     read_flavors(Path(folder))[1]
    ['python_function.loader_module', 'python_function.code']
    """
    try:
        said = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}, []
    flavors: dict[str, Any] = dict(said.get("flavors") or {}) if isinstance(said, dict) else {}
    foreign = [name for name in flavors if name not in _OWN_FLAVORS]
    python = flavors.get("python_function", {})
    foreign += ["python_function.loader_module"] if python.get("loader_module", _LOADER) != _LOADER else []
    stored = str(flavors.get(_FLAVOR, {}).get("pickled_model", ""))
    is_plain = Path(stored).name == stored and python.get("model_path", stored) == stored
    foreign += [] if is_plain else ["python_function.model_path"]
    foreign += [
        f"{name}.code" for name in ("python_function", _FLAVOR) if flavors.get(name, {}).get("code") is not None
    ]
    return flavors, foreign


def model_file(folder: Path, flavors: dict[str, Any]) -> Path:
    """Name the file that holds the pipeline; `read_flavors` tells of one that is not in the folder itself.

    >>> model_file(Path("/model"), {"sklearn": {"pickled_model": "model.skops"}})
    PosixPath('/model/model.skops')
    """
    return folder / str(flavors[_FLAVOR].get("pickled_model", "model.skops"))


def find_unknown_types(file: Path, trusted_types: Sequence[str]) -> list[str] | None:
    """Find the types of a skops file that are neither on the allow-list nor trusted by skops itself.

    Args:
        file: The file; nothing in it is run.
        trusted_types: The allow-list.

    Returns:
        Their names, sorted; None when it is no skops file.

    >>> import tempfile
    >>> from lakeloop.training.number_steps import SignedLog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "model.skops"
    ...     skops.io.dump(SignedLog(), file)
    ...     find_unknown_types(file, []), find_unknown_types(file, ["lakeloop.training.number_steps.SignedLog"])
    (['lakeloop.training.number_steps.SignedLog'], [])
    """
    try:
        found = skops.io.get_untrusted_types(file=file)
    except Exception:  # noqa: BLE001 - whatever a file that is none makes skops or zip say
        return None
    return sorted(set(found) - set(trusted_types))


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
    if flavors[_FLAVOR].get("serialization_format") == SKOPS:
        return skops.io.load(model_file(folder, flavors), trusted=list(trusted_types))
    return mlflow.sklearn.load_model(str(folder))


def _refused(version: ModelVersion, failure: Failure, remedy: str) -> ConflictError:
    return ConflictError(f"model {version.model} version {version.version}", [failure], remedy)

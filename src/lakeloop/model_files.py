"""What has to hold before the files of a model are loaded: checksum, format, types. Nothing here needs MLflow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import skops.io
import yaml

from lakeloop.errors import ConflictError, Failure
from lakeloop.model_versions import hash_model_files

SKOPS = "skops"
_FLAVOR, _LOADER = "sklearn", "mlflow.sklearn"
_OWN_FLAVORS = {"sklearn", "python_function"}
_MAX_TYPES = 5
_TRAIN = "train a new version with `lakeloop train`; nothing else is loaded"

_log = logging.getLogger(__name__)


def assert_files_loadable(
    folder: Path, subject: str, content: str | None, trusted_types: Sequence[str], *, pickle_remedy: str | None = None
) -> bool:
    """Refuse files that are not those that were registered, or that may run code of their own when they are loaded.

    The list of trusted types that MLflow keeps beside the file counts for nothing: whoever wrote the file wrote it too.

    Args:
        folder: The files.
        subject: What they are, for messages.
        content: Checksum that was recorded of them; None is no pass.
        trusted_types: Types that skops may load besides those it trusts itself.
        pickle_remedy: What to do about a format that runs code; with an empty text it is let through and warned of.

    Returns:
        Whether they are skops; False only for what an empty remedy let through.

    Raises:
        ConflictError: If the checksum, the format or a type is not as it has to be.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try:
    ...         assert_files_loadable(Path(folder), "bundle 5c1d", "another", [])
    ...     except ConflictError as error:
    ...         print(error.failures[0])
    checksum: its files are not those that were registered
    """

    def refused(name: str, detail: str, remedy: str = _TRAIN) -> ConflictError:
        return ConflictError(subject, [Failure(name, detail)], remedy)

    if hash_model_files(folder) != content:
        detail = "its files are not those that were registered"
        raise refused("checksum", detail, "restore the files, or train a new version")
    flavors, foreign = read_flavors(folder)
    stored = str(flavors.get(_FLAVOR, {}).get("serialization_format", "pickle"))
    if foreign or _FLAVOR not in flavors:
        found = ", ".join(foreign) or "no sklearn flavor"
        raise refused("format", f"it is no plain scikit-learn model: {found}")
    if stored != SKOPS:
        told = f"it is stored as {stored}, which runs code when it is loaded"
        if pickle_remedy != "":
            raise refused("format", f"{told}; allowed: skops", pickle_remedy or "train it again, which stores skops")
        _log.warning("%s: %s; registry.allow_pickle lets it", subject, told)
        return False
    unknown = find_unknown_types(model_file(folder, flavors), trusted_types)
    if unknown is None:
        raise refused("format", "its skops file cannot be read")
    if unknown:
        more = f" and {len(unknown) - _MAX_TYPES} more" if len(unknown) > _MAX_TYPES else ""
        shown = ", ".join(unknown[:_MAX_TYPES])
        raise refused("types", f"its file holds types that are not allowed: {shown}{more}")
    return True


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


def load_skops(folder: Path, trusted_types: Sequence[str]) -> Any:
    """Load a pipeline from files that `assert_files_loadable` has let through.

    Args:
        folder: The files.
        trusted_types: The allow-list.

    Returns:
        The pipeline.

    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = "flavors: {sklearn: {serialization_format: skops, pickled_model: model.skops}}"
    ...     _ = (Path(folder) / "MLmodel").write_text(text)
    ...     skops.io.dump(DummyClassifier().fit([[0], [0]], [1, 1]), Path(folder) / "model.skops")
    ...     load_skops(Path(folder), []).predict([[0]]).tolist()
    [1]
    """
    flavors, _ = read_flavors(folder)
    return skops.io.load(model_file(folder, flavors), trusted=list(trusted_types))

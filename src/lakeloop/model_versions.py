"""What the registry speaks of: versions of models, the data they were trained on, and the files they consist of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lakeloop.errors import ConflictError, Failure


@dataclass(frozen=True)
class ModelVersion:
    """A version in the registry.

    Attributes:
        model: Registered name.
        version: Its number, as text.
        run_id: Run that logged it.
        run_key: Hash of what it is made from.
        tags: Everything recorded with it.
        source: Where the registry says its files come from.
    """

    model: str
    version: str
    run_id: str
    run_key: str
    tags: Mapping[str, str]
    source: str = ""


@dataclass(frozen=True)
class DatasetInput:
    """The training set a run used.

    Attributes:
        name: Name shown in MLflow.
        path: Table, by path or by name in a catalog.
        delta_version: Its Delta version.
        digest: Content hash.
        in_catalog: Whether `path` is a name in a catalog.
    """

    name: str
    path: str
    delta_version: int
    digest: str
    in_catalog: bool = False


def lost_version(model: str, version: str, found: str) -> ConflictError:
    """Say that the registry does not hold what the promotions ledger names.

    Args:
        model: Registered name.
        version: Its number.
        found: What was found instead.

    Returns:
        The error, with the remedy.

    >>> print(lost_version("late", "2", "its files are gone"))  # doctest: +ELLIPSIS
    model late version 2: conflicts with what is recorded
      - registry: its files are gone
      remedy: put the tracking store and its artifacts back from a backup; without one, ...
    """
    return ConflictError(
        f"model {model} version {version}",
        [Failure("registry", found)],
        "put the tracking store and its artifacts back from a backup; without one, declare the model under a new name,"
        " which is trained and serves from its own first turn on",
    )


def hash_model_files(folder: Path) -> str:
    """Hash the files of a model: their names and contents.

    Args:
        folder: Where they are; what MLflow writes there on download is left out.

    Returns:
        64 hex digits.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.skops"
    ...     _ = path.write_bytes(b"fitted")
    ...     registered = hash_model_files(Path(folder))
    ...     _ = path.write_bytes(b"other")
    ...     hash_model_files(Path(folder)) == registered
    False
    """
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.name == "registered_model_meta":  # written by MLflow on download
            continue
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()

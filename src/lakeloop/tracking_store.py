"""The address of the tracking store, and the store's own file: what MLflow itself says too late or not at all."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from lakeloop.config.addresses import hide_credentials
from lakeloop.errors import EnvironmentProblemError, Failure

_SQLITE = "sqlite:///"
_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks")
_ALLOWED = "sqlite:///<file>, http(s)://<host>, postgresql://, mysql:// or mssql://, or databricks"
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Where MLflow keeps absolute places of artifacts."""

_REASON = re.compile(r"\[Errno [^\"')]*|Read timed out\. \(read timeout=[^)]*\)")
"""What the operating system said, or that nothing was said, inside what the libraries above it say."""


def prepare_store(tracking_uri: str, artifact_root: Path | None) -> None:
    """Check a tracking address, make the folder of a local store, and let a store that was moved find its artifacts.

    Args:
        tracking_uri: The address.
        artifact_root: Folder of the artifacts of a local store.

    Raises:
        EnvironmentProblemError: If MLflow keeps no store of this kind, or the folder cannot be made.

    >>> prepare_store("mlflow.db", None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lakeloop.errors.EnvironmentProblemError: MLflow: the environment is not ready
      - tracking store: tracking_uri 'mlflow.db': is no address of a tracking store; allowed: sqlite:///<file>, ...
      remedy: correct tracking_uri in project.yml, or start the tracking server; then call the same again
    """
    scheme = urlsplit(tracking_uri).scheme.partition("+")[0] or tracking_uri
    if scheme not in _SCHEMES or tracking_uri.rstrip("/") == "sqlite:":
        raise unreachable(tracking_uri, f"is no address of a tracking store; allowed: {_ALLOWED}")
    database = local_database(tracking_uri)
    if database is None:
        return
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unreachable(tracking_uri, f"its folder cannot be made: {problem.strerror}") from problem
    if artifact_root is not None and database.is_file() and database.parent == artifact_root.parent:
        _follow_move(database, artifact_root)


def local_database(tracking_uri: str) -> Path | None:
    """Give the file of a local store.

    >>> local_database("sqlite:////data/ws/mlflow.db?timeout=30"), local_database("http://host")
    (PosixPath('/data/ws/mlflow.db'), None)
    """
    is_local = tracking_uri.startswith(_SQLITE)
    return Path(tracking_uri.removeprefix(_SQLITE).partition("?")[0]) if is_local else None


def unreachable(tracking_uri: str, problem: str) -> EnvironmentProblemError:
    """Say that a tracking store does not answer.

    Args:
        tracking_uri: The address.
        problem: What was found.

    Returns:
        The error, without credentials.

    >>> print(unreachable("https://me:secret@mlflow.example", "[Errno 111] Connection refused')"))
    MLflow: the environment is not ready
      - tracking store: tracking_uri 'https://***@mlflow.example': no answer: [Errno 111] Connection refused
      remedy: correct tracking_uri in project.yml, or start the tracking server; then call the same again
    """
    reason = _REASON.search(problem)
    said = hide_credentials(f"no answer: {reason[0].strip()}" if reason else problem).strip().splitlines()
    remedy = "correct tracking_uri in project.yml, or start the tracking server; then call the same again"
    if "db upgrade" in problem:
        remedy = (
            "the store is of another version of MLflow: take a backup of it, then run"
            f" `mlflow db upgrade {hide_credentials(tracking_uri)}`, or install the MLflow that made it"
        )
    detail = f"tracking_uri {hide_credentials(tracking_uri)!r}: {said[0][:300] if said else 'no answer'}"
    return EnvironmentProblemError("MLflow", [Failure("tracking store", detail)], remedy)


def _follow_move(database: Path, artifact_root: Path) -> None:
    """Let the store of a workspace that was moved or copied name its own artifacts, not those at the old place."""
    here = artifact_root.as_uri()
    try:
        with sqlite3.connect(database, timeout=10) as store:
            for name, location in store.execute("SELECT name, artifact_location FROM experiments").fetchall():
                model = str(name).rpartition("/")[2]
                there = str(location).removesuffix(f"/{model}")
                if there in (here, str(location)) or not there.endswith(f"/{artifact_root.name}"):
                    continue
                for table, column in _LOCATIONS:
                    store.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                        (here, len(there) + 1, len(there) + 1, f"{there}/"),
                    )
        store.close()
    except sqlite3.Error:  # not MLflow's, or not as this version has it: MLflow says so when it opens it
        return

"""The tracking store as it is asked: not for many minutes; and made whole where it is a local file that is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_RETRIES, _TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"


@contextmanager
def answer_quickly() -> Iterator[None]:
    """Ask once and briefly: MLflow would try a wrong address for minutes. What a person has set holds.

    Yields:
        Nothing; the settings are in force meanwhile.

    >>> with answer_quickly():
    ...     os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    '1'
    """
    with _asking({_RETRIES: "1", _TIMEOUT: "15"}):
        yield


@contextmanager
def answer_in_time(*, with_files: bool = False) -> Iterator[None]:
    """Ask a store that has answered before for about a minute: a server that is started again is back by then.

    MLflow would ask for four minutes where nothing listens, for twenty where a server takes a call and says nothing.
    What a person has set holds.

    Args:
        with_files: Whether files go along: a large one may take MLflow's own time to be answered.

    Yields:
        Nothing; the settings are in force meanwhile.

    >>> with answer_quickly(), answer_in_time():  # the outer one holds
    ...     os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    '1'
    """
    # Retried at once, then after 4, 8, 16 and 32 seconds.
    with _asking({_RETRIES: "5"} if with_files else {_RETRIES: "5", _TIMEOUT: "30"}):
        yield


@contextmanager
def _asking(wanted: Mapping[str, str]) -> Iterator[None]:
    mine = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)  # two threads may have set it


def make_store(path: Path) -> None:
    """Make the database of a local tracking store where it is missing, and put it in its place when it is whole.

    Its tables are made by many migrations: a process that is stopped among them would leave a store that never opens.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     there = Path(folder) / "mlflow.db"
    ...     _ = there.write_text("somebody's")
    ...     make_store(there)
    ...     there.read_text()
    "somebody's"
    """
    if path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{part}", path.with_name("mlartifacts").as_uri()).engine.dispose()
    part.replace(path)

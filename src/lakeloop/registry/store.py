"""The tracking store as it is opened: briefly asked, and made whole where it is a local file that is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def answer_quickly() -> Iterator[None]:
    """Ask once and briefly: MLflow would try a wrong address for minutes. What a person has set holds.

    Yields:
        Nothing; the settings are in force meanwhile.

    >>> with answer_quickly():
    ...     os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    '1'
    """
    asked = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
    mine = {name: value for name, value in asked.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]


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

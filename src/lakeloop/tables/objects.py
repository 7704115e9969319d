"""The files of a table, in a folder or at an address: which are there."""

from __future__ import annotations

import shutil
from pathlib import Path

from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileType, PyFileSystem

from lakeloop.config.workspace import is_address


def has_log(path: str) -> bool:
    """Tell whether there is a Delta table: a creation that was stopped leaves `_delta_log` without a version.

    Args:
        path: The table's folder or address.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "_delta_log").mkdir()
    ...     has_log(folder)
    False
    """
    if is_address(path):
        return bool(DeltaTable.is_deltatable(path))
    log = Path(path) / "_delta_log"
    return log.is_dir() and any(each.suffix in (".json", ".parquet") for each in log.iterdir())


def list_files(path: str) -> frozenset[str]:
    """List the files of a table that are there, its log's included.

    Args:
        path: The table's folder or address.

    Returns:
        Paths below it.

    >>> from lakeloop.schemas import DECISIONS
    >>> found = list_files(context.lake.own(DECISIONS).path)
    >>> "_delta_log/00000000000000000000.json" in found
    True
    """
    if is_address(path):
        found = open_store(path).get_file_info(FileSelector("", recursive=True))
        return frozenset(each.path.lstrip("/") for each in found if each.type is FileType.File)
    folder = Path(path)
    return frozenset(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())


def open_store(path: str) -> PyFileSystem:
    """Open the folder or address of a table as a file system, with the library's own access to it.

    >>> from lakeloop.schemas import DECISIONS
    >>> (info,) = open_store(context.lake.own(DECISIONS).path).get_file_info(["_delta_log/00000000000000000000.json"])
    >>> info.is_file
    True
    """
    return PyFileSystem(DeltaStorageHandler(path))


def remove_table(path: str) -> None:
    """Remove a table with all its files: only of a trial.

    Args:
        path: The table's folder or address.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> remove_table(str(folder))
    >>> folder.exists()
    False
    """
    if not is_address(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    store = open_store(path)
    for each in list_files(path):
        store.delete_file(each)

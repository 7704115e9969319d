"""The data files of a table on a path: which versions need which, and the removal of those that none needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from lakeloop.tables.address import TableAddress
from lakeloop.tables.formats import assert_readable, read_format
from lakeloop.tables.in_process import data_files


def files_of(address: TableAddress, version: int | None = None) -> frozenset[str] | None:
    """Name the data files of a version.

    Args:
        address: A table on a path.
        version: Delta version; the newest without it.

    Returns:
        Paths below the table's folder; None when the log has lost the version.

    >>> len(files_of(context.lake.address("ops", "decisions"))), files_of(context.lake.address("ops", "decisions"), 99)
    (2, None)
    """
    try:
        return data_files(DeltaTable(address.path, version=version))
    except DeltaError:
        return None


def removable_files(address: TableAddress, older_than: timedelta) -> frozenset[str]:
    """Name the files that a vacuum would remove: of no use to the newest version, and given up long enough ago.

    All files of the folder are looked at, not only those that the log still says were given up: a checkpoint that is
    written beyond the table's retention forgets them. The age of such a file, and of one that a write left behind, is
    that of the file itself.

    Args:
        address: A table on a path.
        older_than: Least age of a file since it was given up, wall clock.

    Returns:
        Paths below the table's folder.

    >>> from datetime import timedelta
    >>> removable_files(context.lake.address("ops", "decisions"), timedelta(0))  # tables are only appended to
    frozenset()
    """
    return _on_disk(address, _vacuum(address, older_than, dry_run=True))


def remove_files(address: TableAddress, older_than: timedelta, keep: Collection[int] = ()) -> int:
    """Remove what `removable_files` names.

    Args:
        address: A table on a path.
        older_than: Least age of a file since it was given up, wall clock.
        keep: Delta versions that the log has, whose files stay, however old they became since they were listed.

    Returns:
        Files removed.

    >>> import tempfile
    >>> from datetime import timedelta
    >>> from pyspark.sql.types import StructType
    >>> from lakeloop.schemas import TEXT, column
    >>> from lakeloop.tables.in_process import create_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     empty = TableAddress("gold", "shops", folder)
    ...     create_table(empty.path, StructType([column("shop", TEXT, "the shop")]), "One row per shop.", {})
    ...     remove_files(empty, timedelta(0))
    0
    """
    found = _on_disk(address, _vacuum(address, older_than, dry_run=True, keep=keep))
    if found:
        _vacuum(address, older_than, dry_run=False, keep=keep)
    return len(found)


def bytes_of(address: TableAddress, files: Iterable[str]) -> int:
    """Tell how many bytes files take on the disk; one that is gone takes none.

    >>> bytes_of(context.lake.address("ops", "decisions"), ["no-such-file.parquet"])
    0
    """
    paths = (Path(address.path, each) for each in files)
    return sum(each.stat().st_size for each in paths if each.is_file())


def list_tables(workspace: Path) -> list[TableAddress]:
    """Find the tables of a workspace on a path.

    >>> [str(each) for each in list_tables(context.config.workspace)][:2]
    ['bronze.deliveries', 'bronze.orders']
    """
    logs = sorted(workspace.glob("*/*/_delta_log"))
    return [TableAddress(log.parent.parent.name, log.parent.name, str(workspace)) for log in logs]


def count_formats(workspace: str) -> dict[int, int]:
    """Count the tables of a workspace in a folder by the format they are in.

    Args:
        workspace: Its folder.

    Returns:
        Format -> tables; those with a damaged log are left out.

    Raises:
        NewerFormatError: If a newer lakeloop has written one.

    >>> count_formats(str(context.config.workspace))[1] > 10
    True
    """
    counted: Counter[int] = Counter()
    for address in list_tables(Path(workspace)):
        with suppress(DeltaError, OSError):
            properties = dict(DeltaTable(address.path).metadata().configuration)
            assert_readable(str(address), properties)
            counted[read_format(properties) or 0] += 1
    return dict(counted)


def _vacuum(address: TableAddress, age: timedelta, *, dry_run: bool, keep: Collection[int] = ()) -> list[str]:
    found: list[str] = DeltaTable(address.path).vacuum(
        _hours(age), dry_run=dry_run, enforce_retention_duration=False, full=True, keep_versions=sorted(keep) or None
    )
    return found


def _on_disk(address: TableAddress, files: Iterable[str]) -> frozenset[str]:
    """Leave out files that are gone: a vacuum names what it removed before as long as the log does."""
    return frozenset(each for each in files if Path(address.path, each).is_file())


def _hours(age: timedelta) -> int:
    return -(-age // timedelta(hours=1))

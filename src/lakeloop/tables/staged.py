"""Rows that several queries of a job go on from, computed once: written aside, and gone with the job.

Not `persist` and not `localCheckpoint`: a Connect server may keep nothing for a session, and serverless Spark does not.
"""

from __future__ import annotations

import atexit
import shutil
import time
import uuid
from pathlib import Path

from pyspark.sql import DataFrame

_FOLDER = ".staged"
_ABANDONED_SECONDS = 7 * 24 * 3600.0


class StagedFrames:
    """What this process has written aside in a workspace.

    Args:
        workspace: Folder of the workspace.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     staged = StagedFrames(Path(folder))
    ...     staged.write(spark.range(3)).count(), len(list(Path(folder).glob(".staged/*")))
    ...     for number in range(3):
    ...         counted = staged.write(spark.range(number), replaces="numbers").count()
    ...     counted, len(list(Path(folder).glob(".staged/*")))
    ...     staged.clear()
    ...     list(Path(folder).iterdir())
    (3, 1)
    (2, 2)
    []
    """

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / _FOLDER
        self._places: list[Path] = []
        self._newest: dict[str, Path] = {}

    def write(self, rows: DataFrame, *, replaces: str | None = None) -> DataFrame:
        """Compute rows and write them aside.

        Args:
            rows: Rows of any grain.
            replaces: Name of what these rows go on from and make needless: what was written by it before is removed.

        Returns:
            The same rows, read from where they were written; until `clear`.
        """
        if not self._places:
            atexit.register(self.clear)
        place = self._folder / uuid.uuid4().hex
        self._places.append(place)
        rows.write.parquet(str(place))
        if replaces is not None:
            before, self._newest[replaces] = self._newest.get(replaces), place
            if before is not None:
                self._places.remove(before)
                shutil.rmtree(before, ignore_errors=True)
        return rows.sparkSession.read.schema(rows.schema).parquet(str(place))

    def clear(self) -> None:
        """Remove what was written aside; frames over it can be read no more."""
        if self._places:
            atexit.unregister(self.clear)
        self._newest.clear()
        while self._places:
            shutil.rmtree(self._places.pop(), ignore_errors=True)
        _remove_empty(self._folder)

    def remove_abandoned(self) -> None:
        """Remove what a process that was killed has left, a week ago or longer."""
        oldest = time.time() - _ABANDONED_SECONDS
        for place in self._folder.glob("*"):
            if place not in self._places and place.stat().st_mtime < oldest:
                shutil.rmtree(place, ignore_errors=True)
        _remove_empty(self._folder)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # it is not there, or another job has written something aside
        return

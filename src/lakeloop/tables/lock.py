"""The lock on a workspace: local file systems are not safe for several writers."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakeloop.errors import BusyError, EnvironmentProblemError, Failure

LOCK, HOLDER = ".lakeloop.lock", ".lakeloop.holder"


@contextmanager
def hold(workspace: Path, wait_seconds: float, tell: Callable[[str], None]) -> Iterator[bool]:
    """Hold a workspace; the lock goes with its process, however that ends.

    Args:
        workspace: Folder of the workspace; made where it is missing.
        wait_seconds: How long to wait for another job.
        tell: Told that there is one, before the wait.

    Yields:
        Whether this is the outermost hold of the process.

    Raises:
        BusyError: If another job still holds the workspace.
        EnvironmentProblemError: If the workspace is no folder that can be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hold(Path(folder), 0, print) as outer, hold(Path(folder), 0, print) as inner:
    ...         outer, inner
    (True, False)
    """
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        lock = FileLock(workspace / LOCK, is_singleton=True)
        _acquire(lock, workspace, wait_seconds, tell)
    except OSError as problem:
        raise EnvironmentProblemError(
            f"workspace {workspace}",
            [Failure("folder", f"it cannot be written to: {problem.strerror or problem}")],
            "name a folder that can be written to as workspace in project.yml, or mend its permissions",
        ) from problem
    is_outermost = lock.lock_counter == 1
    if is_outermost:
        _write_holder(workspace)
    try:
        yield is_outermost
    finally:
        if lock.lock_counter == 1:
            (workspace / HOLDER).unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, workspace: Path, wait_seconds: float, tell: Callable[[str], None]) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(f"waiting for another job{_describe_holder(workspace)}")
    else:
        return
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as held:
        raise BusyError(
            str(workspace),
            [Failure("lock", f"another job has held it for {wait_seconds:g} seconds{_describe_holder(workspace)}")],
            "wait for the other job, or end it; the lock goes with its process",
        ) from held


def _write_holder(workspace: Path) -> None:
    """Note who holds the workspace, for those who wait; the lock itself does not depend on it."""
    said = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
    }
    with suppress(OSError):
        (workspace / HOLDER).write_text(json.dumps(said), encoding="utf-8")


def _describe_holder(workspace: Path) -> str:
    try:
        said = json.loads((workspace / HOLDER).read_text(encoding="utf-8"))
        return f": process {said['pid']} on {said['host']}, since {said['since']}: {said['command']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""

"""File systems that are full or read-only, for root on Linux; elsewhere the tests that need them skip by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

_MOUNT, _UNMOUNT = ("mount",), ("umount", "-l")


@cache
def can_mount() -> bool:
    """Whether this process may mount something."""
    if not sys.platform.startswith("linux"):
        return False
    with TemporaryDirectory() as folder:
        try:
            _call(*_MOUNT, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        except (OSError, subprocess.CalledProcessError):
            return False
        _call(*_UNMOUNT, folder)
    return True


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own of so many MiB."""
    folder.mkdir(parents=True, exist_ok=True)
    _call(*_MOUNT, "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _call(*_UNMOUNT, str(folder))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write to, whatever the rights."""
    _call(*_MOUNT, "--bind", str(folder), str(folder))
    try:
        _call(*_MOUNT, "-o", "remount,ro,bind", str(folder))
        yield
    finally:
        _call(*_UNMOUNT, str(folder))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)

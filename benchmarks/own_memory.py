"""The memory of this process alone, without the JVM and the workers that it has started."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
_STATM = Path("/proc/self/statm")
_MIB = 1024 * 1024


def with_own_memory(work: Callable[[], Result], every_seconds: float = 0.02) -> tuple[Result, dict[str, float]]:
    """Do a piece of work, and look at this process's resident memory meanwhile.

    Args:
        work: What to do.
        every_seconds: How often memory is looked at; a shorter peak may be missed.

    Returns:
        What it gave, and MiB when it began and at the peak; nothing of memory where there is no /proc.
    """
    if not _STATM.is_file():
        return work(), {}
    stop, seen = threading.Event(), [_resident_mib()]

    def look() -> None:
        while not stop.wait(every_seconds):
            seen.append(_resident_mib())

    looking = threading.Thread(target=look, name="own memory", daemon=True)
    looking.start()
    try:
        result = work()
    finally:
        stop.set()
        looking.join()
    return result, {"driver_base_mib": seen[0], "driver_peak_mib": max(*seen, _resident_mib())}


def _resident_mib() -> float:
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MIB

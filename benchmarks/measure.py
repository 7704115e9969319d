"""What a piece of work costs: wall time, and CPU time and memory of this process and all that descend from it.

Spark works in a JVM and its Python workers, so this process alone says little. The tree is read from /proc, which only
Linux has; elsewhere wall time is measured, the rest is None, and `NOT_LINUX` says why. Standard library only: peers
use it in environments of their own.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_LINUX = "CPU time and memory of the process tree are measured on Linux only: this system has no /proc"

_PROC = Path("/proc")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class TreeUsage:
    """What a process and its descendants have used.

    Attributes:
        cpu_seconds: User and system time so far, that of ended children included once their parent has waited for them.
        resident_bytes: Resident memory now; pages that processes share count once for each of them.
        processes: How many they are.
    """

    cpu_seconds: float
    resident_bytes: int
    processes: int


@dataclass(frozen=True)
class Measurement:
    """What a piece of work cost.

    Attributes:
        wall_seconds: Time that passed.
        cpu_seconds: CPU time of the process tree; None where it can't be measured.
        peak_mib: Greatest resident memory of the process tree that was seen; None where it can't be measured.
        base_mib: The same when the work began.
    """

    wall_seconds: float
    cpu_seconds: float | None
    peak_mib: float | None
    base_mib: float | None


@dataclass(frozen=True)
class _Process:
    parent: int
    ticks: int
    pages: int


def can_read_tree() -> bool:
    """Whether this system tells what a process tree uses."""
    return sys.platform == "linux" and (_PROC / "self" / "stat").is_file()


def read_tree(root: int, proc: Path = _PROC) -> TreeUsage:
    """Read what a process and its descendants have used.

    Args:
        root: Process id.
        proc: Folder of the process files.

    Returns:
        Their usage; all zero when there is no such process.
    """
    processes = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                processes[int(folder.name)] = _parse_stat((folder / "stat").read_text(errors="replace"))
            except OSError:  # it has ended since the folder was listed
                continue
    children: dict[int, list[int]] = {}
    for number, process in processes.items():
        children.setdefault(process.parent, []).append(number)
    found, open_ends = [], [root] if root in processes else []
    while open_ends:
        number = open_ends.pop()
        found.append(processes[number])
        open_ends += children.get(number, [])
    return TreeUsage(
        cpu_seconds=sum(each.ticks for each in found) / os.sysconf("SC_CLK_TCK"),
        resident_bytes=sum(each.pages for each in found) * os.sysconf("SC_PAGE_SIZE"),
        processes=len(found),
    )


def _parse_stat(text: str) -> _Process:
    """Parse /proc/<pid>/stat; the name, in parentheses, may hold spaces and parentheses itself."""
    fields = text[text.rindex(")") + 1 :].split()
    return _Process(parent=int(fields[1]), ticks=sum(map(int, fields[11:15])), pages=int(fields[21]))


def measure(work: Callable[[], object], every_seconds: float = 0.05) -> Measurement:
    """Do a piece of work and tell what it cost.

    Args:
        work: What to do; what it gives is dropped before memory is read for the last time.
        every_seconds: How often memory is looked at; a shorter peak may be missed.

    Returns:
        Its cost.
    """
    if not can_read_tree():
        started = time.perf_counter()
        work()
        return Measurement(time.perf_counter() - started, None, None, None)
    process, stop = os.getpid(), threading.Event()
    before = read_tree(process)
    seen = [before.resident_bytes]

    def look() -> None:
        while not stop.wait(every_seconds):
            seen.append(read_tree(process).resident_bytes)

    looking = threading.Thread(target=look, name="memory", daemon=True)
    looking.start()
    started = time.perf_counter()
    try:
        work()
        wall = time.perf_counter() - started
        after = read_tree(process)
    finally:
        stop.set()
        looking.join()
    peak = max(*seen, after.resident_bytes)
    return Measurement(wall, after.cpu_seconds - before.cpu_seconds, peak / _MIB, before.resident_bytes / _MIB)


def summarise(runs: Sequence[Measurement]) -> Measurement:
    """Sum up runs of the same work: the median of times, the greatest peak, the first base.

    Args:
        runs: At least one.

    Returns:
        Their summary.
    """
    cpu = [each.cpu_seconds for each in runs if each.cpu_seconds is not None]
    peaks = [each.peak_mib for each in runs if each.peak_mib is not None]
    return Measurement(
        statistics.median(each.wall_seconds for each in runs),
        statistics.median(cpu) if cpu else None,
        max(peaks) if peaks else None,
        runs[0].base_mib,
    )

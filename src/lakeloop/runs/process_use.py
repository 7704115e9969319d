"""What the processes of a step take: processor time, and the memory they held at most."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lakeloop.java_process import java_pid

_KIB = 1024


@dataclass(frozen=True)
class ProcessUse:
    """What this process and the Java process of its Spark have taken so far.

    Attributes:
        cpu_seconds: Processor time of both; of this one alone where Java's is not known.
        peak_python_bytes: Resident memory of this process at most, since it started; None where nobody counts it.
        peak_java_bytes: Resident memory of the Java process at most, since it started; None without one on this
            machine, or where nobody counts it.
    """

    cpu_seconds: float
    peak_python_bytes: int | None
    peak_java_bytes: int | None


def read_process_use() -> ProcessUse:
    """Ask the operating system.

    >>> use = read_process_use()
    >>> use.cpu_seconds > 0
    True
    """
    java = java_pid()
    cpu = time.process_time() + (_cpu_seconds(java) if java is not None else 0.0)
    return ProcessUse(cpu, _own_peak(), _peak_of(java) if java is not None else None)


def _own_peak() -> int | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def _peak_of(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it has ended, or this is no Linux
        return None
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if found is None else int(found) * _KIB


def _cpu_seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    after_name = text.rpartition(")")[2].split()  # a name may hold spaces; user and system time are fields 14 and 15
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

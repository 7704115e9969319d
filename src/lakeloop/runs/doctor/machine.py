"""Memory, disk and clocks of this machine."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING

from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok, warn

if TYPE_CHECKING:
    from lakeloop.config.tree import Config

_BESIDE_HEAP_MIB = 1536
"""What Python, its libraries and the JVM hold beside Spark's heap and the training read."""
_DEFAULT_HEAP_MIB = 1024
_WORKSPACE_MIB, _TEMPORARY_MIB = 2048, 1024
_HARDLY_ANY_MIB = 200
_UNITS = {"": 1 / 2**20, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}


def memory_need_mib(config: Config | None) -> int:
    """Estimate what a turn of the loop holds at most.

    Args:
        config: The project; None for the settings a new one has.

    Returns:
        MiB: Spark's heap, the training read's budget, and what is beside them.

    >>> memory_need_mib(None)
    3584
    """
    if config is None:
        return _DEFAULT_HEAP_MIB + 1024 + _BESIDE_HEAP_MIB
    heap = config.project.spark.get("spark.driver.memory")
    heap_mib = _DEFAULT_HEAP_MIB if heap is None else read_mib(str(heap))
    return heap_mib + config.project.memory_budget_mib + _BESIDE_HEAP_MIB


def read_mib(text: str) -> int:
    """Read a size the way Spark does.

    Args:
        text: `1200m`, `4g`; a bare number counts MiB.

    Returns:
        MiB; the default heap where the text is no size, which Spark itself refuses.

    >>> [read_mib(text) for text in ("1200m", "4g", "2048", "1048576k", "much")]
    [1200, 4096, 2048, 1024, 1024]
    """
    found = re.fullmatch(r"(\d+)([kmgt]?)b?", text.strip().lower())
    if found is None:
        return _DEFAULT_HEAP_MIB
    return int(int(found.group(1)) * _UNITS[found.group(2) or "m"])


def available_memory_mib(root: Path = Path("/")) -> int | None:
    """Tell how much memory can still be had, container limits included.

    Args:
        root: Folder that holds `proc` and `sys`.

    Returns:
        MiB; None where the system does not say.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "proc").mkdir()
    ...     _ = (Path(folder) / "proc" / "meminfo").write_text("MemAvailable:    2048000 kB")
    ...     available_memory_mib(Path(folder))
    2000
    """
    figures = []
    meminfo = root / "proc" / "meminfo"
    if meminfo.is_file():
        found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="utf-8"))
        figures += [int(found.group(1)) // 1024] if found else []
    elif "SC_PHYS_PAGES" in os.sysconf_names:  # macOS tells only what is built in
        figures.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20)
    group = root / "sys" / "fs" / "cgroup"
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        if (group / limit).is_file() and (group / used).is_file():
            most = (group / limit).read_text(encoding="utf-8").strip()
            if most.isdigit():
                figures.append((int(most) - int((group / used).read_text(encoding="utf-8"))) // 2**20)
    return max(0, min(figures)) if figures else None


def check_memory(config: Config | None, available_mib: int | None) -> Finding:
    """Check that a turn finds the memory it holds at most.

    Args:
        config: The project; None outside one.
        available_mib: What can be had, MiB; None when unknown.

    Returns:
        FAIL when not even Spark's heap fits, WARN when not all does.

    >>> [check_memory(None, mib).status.value for mib in (3584, 3583, 2047, None)]
    ['OK', 'WARN', 'FAIL', 'NOT_CHECKED']
    """
    need = memory_need_mib(config)
    if available_mib is None:
        return not_checked("memory", f"the system does not say what is free; a turn holds up to {need} MiB")
    found = f"{available_mib} MiB available, a turn holds up to {need} MiB"
    if available_mib < need - _BESIDE_HEAP_MIB:
        return fail("memory", found, "close other programs; or lower spark.driver.memory and memory_budget_mib")
    if available_mib < need:
        return warn("memory", found, "close other programs; or lower spark.driver.memory and memory_budget_mib")
    return ok("memory", found)


def check_disk(check: str, folder: Path, wanted_mib: int) -> Finding:
    """Check the free room of the disk that holds a folder.

    Args:
        check: Name of the check.
        folder: The folder, there or not yet.
        wanted_mib: Below this it is told, MiB.

    Returns:
        FAIL when hardly anything is free.

    >>> check_disk("disk", Path("not/there/yet"), 10**12).status.value
    'WARN'
    """
    there = existing(folder)
    try:
        free = shutil.disk_usage(there).free // 2**20
    except OSError as failure:
        return fail(check, f"{there}: {failure.strerror}", "mend the folder, or name another")
    found = f"{free} MiB free at {folder}"
    if free < _HARDLY_ANY_MIB:
        return fail(check, found, "make room")
    return warn(check, found, f"make room: {wanted_mib} MiB are comfortable") if free < wanted_mib else ok(check, found)


def check_workspace_disk(config: Config | None) -> Finding:
    """Check the room for the tables; outside a project that of the current folder.

    Args:
        config: The project; None outside one.

    Returns:
        What `check_disk` finds.

    >>> check_workspace_disk(None).check  # the current folder's
    'disk'
    """
    return check_disk("disk", config.workspace if config is not None else Path.cwd(), _WORKSPACE_MIB)


def check_temporary_disk(config: Config | None) -> Finding:
    """Check the room for what Spark spills.

    Args:
        config: The project; None outside one.

    Returns:
        What `check_disk` finds where Spark is told to spill, else in the machine's temporary folder.

    >>> from unittest import mock
    >>> with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, SPARK_LOCAL_DIRS=folder):
    ...     finding = check_temporary_disk(None)
    ...     finding.check, finding.found.endswith(folder)
    ('temp disk', True)
    """
    local = config.project.spark.get("spark.local.dir") if config is not None else None
    folder = os.environ.get("SPARK_LOCAL_DIRS") or (str(local) if local else tempfile.gettempdir())
    return check_disk("temp disk", Path(folder.split(",")[0]), _TEMPORARY_MIB)


def existing(folder: Path) -> Path:
    """Find the nearest folder above that is there.

    Args:
        folder: A folder that may not be there yet.

    Returns:
        The folder itself where it is there.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     existing(Path(folder) / "not" / "yet") == Path(folder)
    True
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def check_time_zones(config: Config | None) -> Finding:
    """Check that time zones are known: the project's, the machine's, and the database they are looked up in.

    Args:
        config: The project; None outside one.

    Returns:
        FAIL without a database; WARN when TZ names no zone.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, TZ="Mars/Phobos"):
    ...     check_time_zones(None).remedy
    'TZ is no IANA name: unset it, or write for example Europe/Berlin'
    """
    try:
        known = zoneinfo.ZoneInfo("America/New_York").key
    except zoneinfo.ZoneInfoNotFoundError:
        return fail("time zones", "no time zone database", "pip install tzdata")
    source = "the system's" if any((Path(path) / known).is_file() for path in zoneinfo.TZPATH) else "tzdata's"
    project = f"project {config.project.timezone}, " if config is not None else ""
    named = os.environ.get("TZ", "").lstrip(":")
    found = f"{project}machine {named or '/'.join(time.tzname)}, {source} database"
    if named and named not in zoneinfo.available_timezones() and not Path(named).is_file():
        return warn("time zones", found, "TZ is no IANA name: unset it, or write for example Europe/Berlin")
    return ok("time zones", found)

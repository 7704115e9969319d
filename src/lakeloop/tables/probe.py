"""A trial of a store: whether a commit is put only where there is none, and whether its clock is this machine's.

It is made in a process of its own, which can be ended: what asks an object store repeats for minutes when nobody
answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType

from lakeloop.discovery.text import in_a_line
from lakeloop.tables.objects import open_store, remove_table

PREFIX = ".lakeloop-doctor-"
"""How the names of trials begin; what a trial puts into a store is removed at its end."""


@dataclass(frozen=True)
class Probe:
    """What a trial found.

    Attributes:
        problem: What could not be done, one line; empty when all could.
        keeps_commits: Whether the second of two commits of one version was put after the first, not over it.
        ahead_seconds: How far the store's clock is ahead of this machine's; None where it does not tell.
    """

    problem: str = ""
    keeps_commits: bool = False
    ahead_seconds: float | None = None


def probe_store(root: str, *, seconds: float) -> Probe:
    """Try a store in a process of its own.

    Args:
        root: Folder or address below which a scratch table is made, and removed again.
        seconds: How long it may take.

    Returns:
        What was found.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = probe_store(folder, seconds=120)
    ...     found.problem, found.keeps_commits, abs(found.ahead_seconds) < 60
    ('', True, True)
    """
    command = [sys.executable, "-m", __name__, root]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)  # noqa: S603
        return Probe(**json.loads(done.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return Probe(f"no answer within {seconds:.0f} s")
    except (IndexError, ValueError, TypeError):
        return Probe("the trial ended without a word")


def try_store(root: str) -> Probe:
    """Make a table, commit to one of its versions twice, and look at what is left of both.

    Args:
        root: Folder or address.

    Returns:
        What was found.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     try_store(folder).keeps_commits
    True
    """
    path = f"{root.rstrip('/')}/{PREFIX}{uuid.uuid4().hex[:12]}"
    began = time.time()
    try:
        DeltaTable.create(path, Schema([Field("n", PrimitiveType("long"), nullable=True)]))
        first, second = DeltaTable(path), DeltaTable(path)
        first.alter.set_table_properties({"lakeloop.trial": "first"}, raise_if_not_exists=False)
        with suppress(DeltaError):  # it meets the first
            second.alter.set_table_properties({"lakeloop.trial": "second"}, raise_if_not_exists=False)
        said = DeltaTable(path, version=1).metadata().configuration.get("lakeloop.trial")
        (info,) = open_store(path).get_file_info(["_delta_log/00000000000000000000.json"])
        written = info.mtime.timestamp() if info.mtime is not None else None
        ahead = None if written is None else _outside(written, began, time.time())
        return Probe(keeps_commits=said == "first", ahead_seconds=ahead)
    except (DeltaError, OSError, ValueError) as problem:
        return Probe(problem=in_a_line(problem))
    finally:
        with suppress(OSError):
            remove_table(path)


def make_trial(path: str) -> None:
    """Make a small table with the number 1 in it, for somebody else to append to.

    Args:
        path: Its folder or address.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_trial(folder)
    ...     read_trial(folder)
    [1]
    """
    write_deltalake(path, pa.table({"n": pa.array([1], pa.int64())}))


def read_trial(path: str) -> list[int]:
    """Read the numbers of such a table.

    Args:
        path: Its folder or address.

    Returns:
        The numbers, in no order.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_trial(folder)
    ...     read_trial(folder)
    [1]
    """
    numbers: list[int] = DeltaTable(path).to_pyarrow_table()["n"].to_pylist()  # bounded: a trial has two rows
    return numbers


def _outside(instant: float, began: float, ended: float) -> float:
    """Tell how far an instant is from a stretch it should lie in; a second is within what stores round to.

    >>> _outside(10.5, 10, 12), _outside(95.0, 10, 12), _outside(-50.0, 10, 12)
    (0.0, 83.0, -60.0)
    """
    if instant > ended:
        return instant - ended
    return min(0.0, instant - began) if instant < began - 1 else 0.0


if __name__ == "__main__":
    print(json.dumps(asdict(try_store(sys.argv[1]))))  # noqa: T201 - the answer of this process

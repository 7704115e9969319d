"""One side of a comparison, in a process of its own: it writes its result, waits until that is found right, then runs.

A process of its own gives each side a fresh heap, so that no side's memory is another one's. Standard library only:
peers use it in environments of their own.

On standard output it tells, a line of JSON each: `{"written": ...}` with the cost of the first run, and after a line
`go` on standard input `{"measured": [...]}` with the cost of each further run. All else that is printed goes to
standard error.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Measurement, measure

GO = "go"


@dataclass(frozen=True)
class Task:
    """What a side is to do.

    Attributes:
        side: Its name.
        cell: What the cell is made of.
        data: Folder of the cell's data.
        result: Where the result is to be written, as Parquet.
        runs: How often it is measured after the first run.
        cores: Cores it may use.
        heap: Greatest heap of the JVM, as Spark writes it.
    """

    side: str
    cell: dict[str, Any]
    data: str
    result: str
    runs: int
    cores: int
    heap: str


@dataclass(frozen=True)
class Work:
    """How a side does the work.

    Attributes:
        write: Do it, and write the result as Parquet to a path.
        run: Do it, reading the data anew, and drop the result.
        versions: Software -> version.
    """

    write: Callable[[Path], object]
    run: Callable[[], object]
    versions: dict[str, str]


def serve(make: Callable[[Task], Work]) -> None:
    """Do the task named on the command line.

    Args:
        make: Makes the work of a task; what it does is not measured.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Spark and its peers print where they like
    task = Task(**json.loads(sys.argv[1]))
    told = threading.Event()
    threading.Thread(target=_listen, args=(told,), name="listen", daemon=True).start()
    work = make(task)
    first = measure(lambda: work.write(Path(task.result)))
    _tell(out, {"written": asdict(first), "versions": work.versions})
    told.wait()
    runs: list[Measurement] = [measure(work.run) for _ in range(task.runs)]
    _tell(out, {"measured": [asdict(each) for each in runs]})


def _listen(told: threading.Event) -> None:
    """Wait for `go`, then for the end of standard input: who asked is gone, so nobody needs the answer.

    Spark's JVM ends with this process.
    """
    heard = b""
    while more := os.read(0, 64):
        heard += more
        if heard.strip() == GO.encode():
            told.set()
    os._exit(1)


def _tell(out: Any, message: dict[str, Any]) -> None:
    out.write(f"{json.dumps(message)}\n")
    out.flush()

"""Every job of the loop on the flights multiplied: time, shuffled bytes and memory, and how they grow.

python -m benchmarks.scale_test --sizes 1M 4M 16M
python -m benchmarks.scale_test --sizes 1M --months 2     # a small one, to see that it works

A size is events of a year: rows of schedules, departures and outcomes. The year but its last month is taken in at once,
a model is trained, the last month is taken in and goes through the loop. Each job is a process of its own, as a
scheduler would run it; Spark does every step that it can (`engine: spark`). What is told of CPU time, bytes and memory
holds on a busy machine too; wall time does not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.command import size
from benchmarks.event_log import SparkWork, read_logs
from benchmarks.measure import read_tree
from benchmarks.report import describe_machine
from benchmarks.scale_data import EVENTS_OF_A_COPY, land, write_project

FOLDER = Path(__file__).resolve().parent
MODEL = "late_arrival"
EARLIER = ("ingest", "features", "training-set", "train")
LATER = ("ingest", "features", "score", "monitor", "decide")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class JobCost:
    """What a job cost at one size.

    Attributes:
        job: The verb, and of which instant: `ingest, all` takes in the year but its last month, `ingest, month` that.
        events: The size.
        code: Exit code.
        wall_seconds: Time that passed.
        cpu_seconds: CPU time of the process, its JVM and its workers.
        python_mib: Greatest resident memory of the process itself: the driver's Python.
        java_mib: The same of its JVM: the driver's Java, which in local mode does the tasks too.
        tree_mib: The same of all its processes together.
        spark: What its tasks did.
    """

    job: str
    events: int
    code: int
    wall_seconds: float
    cpu_seconds: float
    python_mib: float
    java_mib: float
    tree_mib: float
    spark: SparkWork


def grow(costs: Sequence[tuple[int, float]]) -> float | None:
    """Say how much faster than n log n a cost grew between the smallest and the greatest size.

    Args:
        costs: Size and cost; the sizes ascend.

    Returns:
        Growth of the cost divided by that of n log n: 1 for n log n itself, below 1 for less; None of a single size.

    >>> round(grow([(1_000_000, 10.0), (16_000_000, 160.0)]), 3)  # linear
    0.833
    >>> grow([(1_000_000, 10.0)])
    """
    if len(costs) < 2 or costs[0][1] <= 0:
        return None
    (small, before), (large, after) = costs[0], costs[-1]
    return (after / before) / (large * math.log(large) / (small * math.log(small)))


def run_job(root: Path, verb: str, as_of: str, job: str, events: int, logs: Path) -> JobCost:
    """Run one job in a process of its own and measure it.

    Args:
        root: The project.
        verb: What lakeloop is to do.
        as_of: Its instant.
        job: What the job is called in the table.
        events: The size.
        logs: Where Spark writes its event log.

    Returns:
        Its cost.
    """
    program = str(Path(sys.executable).with_name("lakeloop"))
    arguments = [program, verb, "--as-of", as_of, "--env", "scale"]
    arguments += ["--model", MODEL] if verb not in ("ingest", "features") else []
    for old in logs.iterdir():
        old.unlink()
    began, cpu, peaks = time.monotonic(), 0.0, [0.0, 0.0, 0.0]
    with (root / f"{job.replace(', ', '-')}.log").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(arguments, cwd=root, stdout=said, stderr=subprocess.STDOUT)
        while process.poll() is None:
            tree = read_tree(process.pid)
            cpu = max(cpu, tree.cpu_seconds)
            seen = (_resident(process.pid), _resident(_java_of(process.pid)), tree.resident_bytes)
            peaks = [max(before, now / _MIB) for before, now in zip(peaks, seen, strict=True)]
            time.sleep(0.1)
    wall, (python, java, whole) = time.monotonic() - began, peaks
    return JobCost(job, events, process.returncode, wall, cpu, python, java, whole, read_logs(logs))


def _resident(process: int | None) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _java_of(process: int) -> int | None:
    """Find the JVM that a process has started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return next((int(each) for each in children if "java" in Path(f"/proc/{each}/comm").read_text()), None)
    except OSError:
        return None


def run_size(copies: int, months: Sequence[int], scratch: Path) -> list[JobCost]:
    """Run all jobs at one size.

    Args:
        copies: How often the flights are there.
        months: Months of 2013; the last one is the month that is scored.
        scratch: Folder for the project.

    Returns:
        The cost of each job.

    Raises:
        RuntimeError: If a job did not end well.
    """
    root, logs = scratch / "project", scratch / "event_logs"
    write_project(root, copies, logs)
    *earlier, last = months
    events = land(root / "workspace" / "landing", scratch / "originals", earlier, copies)
    costs = []
    for verbs, when, month in ((EARLIER, "all", last), (LATER, "month", last + 1)):
        if when == "month":
            events += land(root / "workspace" / "landing", scratch / "originals", [last], copies)
        as_of = f"2013-{month:02d}-01" if month <= 12 else "2014-01-01"
        for verb in verbs:
            cost = run_job(root, verb, as_of, f"{verb}, {when}", events, logs)
            costs.append(cost)
            print(describe(cost), flush=True)
            if cost.code:
                log = (root / f"{cost.job.replace(', ', '-')}.log").read_text(encoding="utf-8")
                raise RuntimeError(f"{cost.job} ended with {cost.code}:\n{log[-3000:]}")
    return costs


def describe(cost: JobCost) -> str:
    """Give the line of a job at a size."""
    spark = cost.spark
    return (
        f"{cost.job:20} {cost.events / 1e6:6.1f}M {cost.wall_seconds:8.0f} s {cost.cpu_seconds:8.0f} CPU-s "
        f"{spark.shuffle_bytes / _MIB:9.0f} MiB shuffled {spark.result_bytes / _MIB:7.1f} MiB to the driver "
        f"{cost.python_mib:6.0f} MiB Python {cost.java_mib:6.0f} MiB Java"
    )


def describe_growth(costs: Sequence[JobCost]) -> list[str]:
    """Say of each job how its costs grew, against n log n; and what a billion more events would cost.

    Args:
        costs: Of all sizes, ascending.

    Returns:
        A line for each job.
    """
    lines = [
        "growth from the smallest to the greatest size, divided by that of n log n (1: as n log n), and per event:"
    ]
    for job in dict.fromkeys(each.job for each in costs):
        own = [each for each in costs if each.job == job]
        cpu = grow([(each.events, each.cpu_seconds) for each in own])
        shuffled = grow([(each.events, float(each.spark.shuffle_bytes)) for each in own])
        text = f"{job:20} CPU {_shown(cpu)}, shuffled bytes {_shown(shuffled)}"
        if len(own) > 1:
            more = own[-1].events - own[-2].events
            micros = (own[-1].cpu_seconds - own[-2].cpu_seconds) / more * 1e6
            per_event = (own[-1].spark.shuffle_bytes - own[-2].spark.shuffle_bytes) / more
            text += f"; one event more: {micros:.1f} CPU-us, {per_event:.0f} bytes shuffled"
        lines.append(text)
    return lines


def _shown(growth: float | None) -> str:
    return "-" if growth is None else f"{growth:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scale test.

    Args:
        arguments: What follows the program's name; what the process was given without it.

    Returns:
        0.
    """
    parser = argparse.ArgumentParser(description="Every job of the loop on the flights multiplied.")
    parser.add_argument("--sizes", type=size, nargs="+", default=[1_000_000, 4_000_000, 16_000_000], help="events")
    parser.add_argument("--months", type=int, default=12, help="months of the year, from January on (12)")
    parser.add_argument("--scratch", type=Path, help="folder for the data, some GiB per million events")
    parser.add_argument("--json", type=Path, default=FOLDER / "results" / "scale_test.json")
    options = parser.parse_args(arguments)
    costs: list[JobCost] = []
    for events in sorted(options.sizes):
        scratch = Path(tempfile.mkdtemp(prefix="scale-", dir=options.scratch))
        try:
            costs += run_size(max(1, round(events / EVENTS_OF_A_COPY)), range(1, options.months + 1), scratch)
        finally:
            shutil.rmtree(scratch)
        options.json.parent.mkdir(exist_ok=True)
        told = {"machine": describe_machine(), "jobs": [asdict(each) for each in costs]}
        options.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    print("\n".join(describe_growth(costs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

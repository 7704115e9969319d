"""The fault harness: python -m tests.faults [--jobs NAME ...] [--one-in N] [--json].

Each job of the small project is killed with SIGKILL before each of its effects in turn, amid those of Spark, and after
the last; the same call then comes to its end, and everything is compared with one clean run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import great_expectations  # noqa: F401 - before the first fork: importing it takes seconds
import optuna  # noqa: F401
import sklearn.linear_model  # noqa: F401

import lakeloop.registry
from tests.faults.figures import JobFigures
from tests.faults.harness import Harness
from tests.faults.jobs import JOBS
from tests.shared import copy_store, scratch


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the jobs and print the figures; 0 when everything was survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--jobs", nargs="*", metavar="NAME", choices=[each.name for each in JOBS])
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="of how many places one is tried")
    parser.add_argument("--json", action="store_true", help="a JSON line per job")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the projects; kept")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    copy_store(scratch() / "any" / "mlflow.db")  # makes the template once, before the first fork
    lakeloop.registry.registry.make_store = copy_store
    folder = given.keep or Path(tempfile.mkdtemp(prefix="lakeloop-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    known = {each.name: each for each in JOBS}
    harness = Harness(folder, given.one_in, lambda line: sys.stderr.write(f"{line[:160]}\n"))
    found: list[JobFigures] = []
    try:
        for name in given.jobs or known:
            found.append(harness.try_job(known[name], known))
            sys.stdout.write(f"{found[-1].as_json() if given.json else _line(found[-1])}\n")
            sys.stdout.flush()
    finally:
        harness.close()
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if not given.json:
        sys.stdout.write(f"{_line(_sum(found))}\n")
    return 0 if all(each.survived == each.tried for each in found) else 1


def _line(each: JobFigures) -> str:
    counted = f"{each.tried:>5} tried {each.survived:>5} survived {each.rows:>7,} rows {each.lost:>3} lost"
    told = f"{each.job:<20} {counted} {each.doubled:>3} doubled {each.seconds:>7.1f} s"
    return "\n  ".join((told, *each.different))


def _sum(found: Sequence[JobFigures]) -> JobFigures:
    return JobFigures(
        "all",
        sum(each.tried for each in found),
        sum(each.survived for each in found),
        sum(each.rows for each in found),
        sum(each.lost for each in found),
        sum(each.doubled for each in found),
        round(sum(each.seconds for each in found), 1),
    )


if __name__ == "__main__":
    sys.exit(main())

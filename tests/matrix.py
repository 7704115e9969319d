"""Runs the tests with every Spark and Python that lakeloop supports, each in an environment of its own.

`make matrix` runs all combinations, `make matrix CELLS="4.0-3.11 4.2-3.12"` some, `make matrix TESTS="tests/features"`
a part of the tests. An environment is made once, in `.venvs/`; it differs from that of requirements.lock in Spark,
Delta and Python alone. What came of each combination is printed and kept in `build/matrix.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASES = {"4.0": ("4.0.5", "4.0.1"), "4.1": ("4.1.4", "4.1.0"), "4.2": ("4.2.0", "4.4.0")}
"""Of each line of Spark its newest release that Delta allows, with the Delta release that came with the line."""
PYTHONS = ("3.11", "3.12")


@dataclass(frozen=True)
class Cell:
    """A combination: which Spark, which Delta, which Python.

    >>> Cell.named("4.0-3.12")
    Cell(spark='4.0.5', delta='4.0.1', python='3.12')
    """

    spark: str
    delta: str
    python: str

    @classmethod
    def named(cls, name: str) -> Cell:
        """Find a combination by its name, such as 4.0-3.11.

        Args:
            name: Line of Spark, a hyphen, line of Python.

        Raises:
            ValueError: If there is none of that name.
        """
        spark, _, python = name.partition("-")
        if spark not in RELEASES or python not in PYTHONS:
            raise ValueError(f"{name!r} is no combination; there are {', '.join(names())}")
        return cls(*RELEASES[spark], python)

    @property
    def name(self) -> str:
        """Its name, such as 4.0-3.11."""
        return f"{self.spark.rpartition('.')[0]}-{self.python}"


@dataclass(frozen=True)
class Outcome:
    """What came of one combination."""

    cell: Cell
    exit_code: int
    summary: str
    seconds: float

    def describe(self) -> str:
        """Give the line that a person reads."""
        verdict = "passed" if self.exit_code == 0 else f"FAILED ({self.exit_code})"
        versions = f"Spark {self.cell.spark}, Delta {self.cell.delta}, Python {self.cell.python}"
        return f"{versions:44} {verdict:12} {self.summary} in {self.seconds:.0f} s"


def names() -> list[str]:
    """Name all combinations.

    >>> names()
    ['4.0-3.11', '4.0-3.12', '4.1-3.11', '4.1-3.12', '4.2-3.11', '4.2-3.12']
    """
    return [f"{spark}-{python}" for spark in RELEASES for python in PYTHONS]


def requirements(lock: str, cell: Cell) -> str:
    """Take Spark and Delta of a combination instead of those of the lock.

    Args:
        lock: Text of requirements.lock.
        cell: The combination.

    Returns:
        Its requirements.

    >>> print(requirements("pandas==2.3.3\\npyspark==4.2.0\\ndelta-spark==4.4.0\\n", Cell.named("4.0-3.11")), end="")
    pandas==2.3.3
    pyspark==4.0.5
    delta-spark==4.0.1
    """
    text = re.sub(r"(?m)^pyspark==\S+", f"pyspark=={cell.spark}", lock)
    return re.sub(r"(?m)^delta-spark==\S+", f"delta-spark=={cell.delta}", text)


def make_environment(cell: Cell) -> Path:
    """Make the environment of a combination, unless it is there.

    Args:
        cell: The combination.

    Returns:
        Its folder.

    Raises:
        FileNotFoundError: If there is no Python of that line on the PATH.
    """
    venv = ROOT / ".venvs" / f"spark-{cell.name}"
    wanted = requirements((ROOT / "requirements.lock").read_text(encoding="utf-8"), cell)
    listed, python = venv / "requirements.txt", venv / "bin/python"
    if listed.is_file() and listed.read_text(encoding="utf-8") == wanted:
        return venv
    maker = shutil.which(f"python{cell.python}")
    if maker is None:
        raise FileNotFoundError(f"no python{cell.python} on the PATH")
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([maker, "-m", "venv", str(venv)], check=True)
    partial = venv / "requirements.partial"
    partial.write_text(wanted, encoding="utf-8")
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    subprocess.run([*install, "--requirement", str(partial)], check=True)
    subprocess.run([*install, "--no-deps", "--editable", "."], check=True, cwd=ROOT)
    subprocess.run([str(python), "-m", "lakeloop.delta_jars"], check=True, env=_environment())
    partial.rename(listed)  # last: what was cut off is made anew
    return venv


def run_tests(cell: Cell, venv: Path, arguments: list[str]) -> Outcome:
    """Run the tests with a combination.

    Args:
        cell: The combination.
        venv: Its environment.
        arguments: What pytest is given.

    Returns:
        What came of it; all that pytest said is in `build/matrix-NAME.log`. PySpark 4.0 leaves the sockets of what it
        collected to the garbage collector, of which Python warns; that alone is let pass there.
    """
    log = ROOT / "build" / f"matrix-{cell.name}.log"
    log.parent.mkdir(exist_ok=True)
    leaves_sockets = ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"] if cell.spark.startswith("4.0") else []
    command = [str(venv / "bin/python"), "-m", "pytest", "-q", "-n", "2", *leaves_sockets, *arguments]
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as said:
        done = subprocess.run(command, cwd=ROOT, env=_environment(), stdout=said, stderr=subprocess.STDOUT)
    text = log.read_text(encoding="utf-8")
    last = [line for line in text.splitlines() if re.search(r"\d+ (passed|failed|error)|no tests ran", line)]
    summary = re.sub(r"\s+in [\d.]+s.*", "", last[-1].strip("= ")) if last else "no summary"
    return Outcome(cell, done.returncode, summary, time.monotonic() - began)


def _environment() -> dict[str, str]:
    """The environment of this process, with nothing that names another Spark or Python."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("SPARK_HOME", "PYSPARK_PYTHON", "VIRTUAL_ENV")
    }
    return {**kept, "PYTHONPATH": ""}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run the combinations that are asked for.

    Args:
        arguments: What follows the program's name; what the process was given without it.

    Returns:
        0 when all passed.
    """
    parser = argparse.ArgumentParser(description="Run the tests with every Spark and Python that is supported.")
    parser.add_argument("--cells", default="", help=f"of {' '.join(names())}; all without it")
    parser.add_argument("--tests", default="-m 'not slow'", help="what pytest is given")
    given = parser.parse_args(arguments)
    try:
        cells = [Cell.named(each) for each in given.cells.split() or names()]
    except ValueError as unknown:
        parser.error(str(unknown))
    outcomes = []
    for cell in cells:
        _say(f"{cell.name}: making the environment, running the tests")
        try:
            outcome = run_tests(cell, make_environment(cell), shlex.split(given.tests))
        except (FileNotFoundError, subprocess.CalledProcessError) as failure:
            outcome = Outcome(cell, 1, f"no environment: {failure}", 0.0)
        outcomes.append(outcome)
        _say(outcome.describe())
        kept = [{**asdict(each), "tests": given.tests} for each in outcomes]
        (ROOT / "build" / "matrix.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return int(any(each.exit_code for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())

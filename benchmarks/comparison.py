"""A benchmark: cells, the sides that do the work of a cell, and what came of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.agreement import Agreement
from benchmarks.side import Task
from benchmarks.sides import CACHE, Outcome, SideProgram, SideStatus, run_side


@dataclass(frozen=True)
class Settings:
    """How sides are run, the same for all.

    Attributes:
        runs: How often each is measured after its first run.
        cores: Cores each may use.
        heap: Greatest heap of a JVM, as Spark writes it.
        timeout_seconds: How long a side may take for one cell in all.
    """

    runs: int
    cores: int
    heap: str
    timeout_seconds: float


@dataclass(frozen=True)
class Prepared:
    """A cell with its data and its expected result.

    Attributes:
        name: The cell in tables.
        slug: The cell in names of files.
        fields: What it is made of.
        data: Folder of its data.
        check: Compares what a side has written with the expected result.
    """

    name: str
    slug: str
    fields: dict[str, Any]
    data: Path
    check: Callable[[str, Path], Agreement]


@dataclass(frozen=True)
class Cell:
    """A size of a benchmark.

    Attributes:
        name: The cell in tables.
        fields: What it is made of, numbers by name.
        prepare: Makes its data and its expected result.
    """

    name: str
    fields: dict[str, Any]
    prepare: Callable[[], Prepared]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: Its name.
        title: What is compared.
        programs: The sides; all others are compared with the first.
        quick_sides: Names of those that a quick run has.
    """

    name: str
    title: str
    programs: tuple[SideProgram, ...]
    quick_sides: tuple[str, ...]

    def choose(self, names: Sequence[str]) -> Benchmark:
        """Give the benchmark with some of its sides; all where none is named.

        Raises:
            ValueError: If there is no such side.
        """
        known = [each.name for each in self.programs]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"--sides: no side is called {', '.join(unknown)}; there are {', '.join(known)}")
        return replace(self, programs=tuple(each for each in self.programs if not names or each.name in names))


@dataclass(frozen=True)
class CellResult:
    """What came of a cell.

    Attributes:
        benchmark: Name of the benchmark.
        cell: The cell in tables.
        fields: What it is made of.
        outcomes: One per side, in the order of the sides.
    """

    benchmark: str
    cell: str
    fields: dict[str, Any]
    outcomes: tuple[Outcome, ...]


def run_cells(benchmark: Benchmark, cells: Sequence[Cell], settings: Settings) -> list[CellResult]:
    """Run every side of every cell, one after the other.

    Args:
        benchmark: The benchmark.
        cells: Its cells.
        settings: How sides are run.

    Returns:
        What came of them; a side that fails ends nothing else.
    """
    return [_run_cell(benchmark, cell, settings) for cell in cells]


def _run_cell(benchmark: Benchmark, cell: Cell, settings: Settings) -> CellResult:
    prepared = cell.prepare()
    outcomes = []
    for program in benchmark.programs:
        _tell(f"{benchmark.name}: {cell.name}: {program.name} ...")
        result = CACHE / "found" / f"{prepared.slug}.{program.name}.parquet"
        _remove(result)
        result.parent.mkdir(parents=True, exist_ok=True)
        task = Task(
            program.name,
            prepared.fields,
            str(prepared.data),
            str(result),
            settings.runs,
            settings.cores,
            settings.heap,
        )
        outcome = run_side(program, task, partial(prepared.check, program.name), settings.timeout_seconds)
        if outcome.status is not SideStatus.DIFFERENT:  # what differs is kept, to be looked at
            _remove(result)
        outcomes.append(outcome)
    return CellResult(benchmark.name, cell.name, cell.fields, tuple(outcomes))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""Windowed features: lakeloop's sums per tick, plain range frames over events, and DuckDB as the bound of one process.

python -m benchmarks.windows --quick
python -m benchmarks.windows --rows 1M --per-day 10 100
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from benchmarks.agreement import compare
from benchmarks.command import make_parser, run_and_report, size
from benchmarks.comparison import Benchmark, Cell, CellResult, Prepared
from benchmarks.report import format_growth
from benchmarks.sides import SideProgram
from benchmarks.window_data import KEY, WindowCell, log_by_duckdb, write_data

_OWN = "benchmarks.window_sides"

BENCHMARK = Benchmark(
    "windows",
    "windowed features",
    (
        SideProgram("lakeloop", _OWN),
        SideProgram("range-frames", _OWN),
        SideProgram("range-frames-tree", _OWN),
        SideProgram("duckdb", _OWN),
    ),
    quick_sides=("lakeloop", "range-frames", "duckdb"),
)
QUICK = (WindowCell(100_000, 100),)


def make_cell(cell: WindowCell) -> Cell:
    """Make a cell of the benchmark."""
    return Cell(cell.name, asdict(cell), partial(_prepare, cell))


def _prepare(cell: WindowCell) -> Prepared:
    data = write_data(cell)
    expected = log_by_duckdb(data, cores=1)
    keys = [KEY, "tick_us"]
    return Prepared(cell.name, cell.slug, asdict(cell), data, lambda _, found: compare(found, expected, keys))


def quick_cells() -> list[Cell]:
    """Give the cells of a quick run."""
    return [make_cell(cell) for cell in QUICK]


def grow(results: Sequence[CellResult]) -> list[str]:
    """Say how time grows with rows, and with rows per entity."""
    by_rows, by_density = (
        format_growth(results, along, fixed) for along, fixed in (("rows", ["per_day"]), ("per_day", ["rows"]))
    )
    return ["growth:", *by_rows, *by_density] if by_rows or by_density else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = make_parser(BENCHMARK.title)
    parser.add_argument("--rows", type=size, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="events")
    parser.add_argument("--per-day", type=int, nargs="+", default=[10, 100], help="events per entity and day")
    options = parser.parse_args(arguments)
    cells = [make_cell(WindowCell(rows, per_day)) for per_day in options.per_day for rows in options.rows]
    return run_and_report(BENCHMARK.name, [(BENCHMARK, quick_cells() if options.quick else cells)], options, grow)


if __name__ == "__main__":
    sys.exit(main())

"""The point-in-time join: lakeloop on Spark and in process, Feast, the usual window per table, DuckDB.

python -m benchmarks.point_in_time --quick
python -m benchmarks.point_in_time --rows 1M --tables 1 3 --within 7 70
python -m benchmarks.point_in_time --skewed --rows 1M --tables 1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from benchmarks.agreement import compare
from benchmarks.command import make_parser, run_and_report, size
from benchmarks.comparison import Benchmark, Cell, CellResult, Prepared
from benchmarks.join_data import ROW, JoinCell, expected_join, write_data
from benchmarks.report import format_growth
from benchmarks.sides import SideProgram

_OWN = "benchmarks.join_sides"

BENCHMARK = Benchmark(
    "point_in_time",
    "point-in-time join",
    (
        SideProgram("lakeloop-spark", _OWN),
        SideProgram("window-per-table", _OWN),
        SideProgram("row-number-per-table", _OWN),
        SideProgram("feast", "benchmarks.feast_side", venv="feast"),
        SideProgram("lakeloop-process", _OWN),
        SideProgram("duckdb", _OWN),
    ),
    quick_sides=("lakeloop-spark", "window-per-table", "feast", "lakeloop-process", "duckdb"),
)
QUICK = (JoinCell(100_000, 3, 7),)


def make_cell(cell: JoinCell) -> Cell:
    """Make a cell of the benchmark."""
    return Cell(cell.name, asdict(cell), partial(_prepare, cell))


def _prepare(cell: JoinCell) -> Prepared:
    data = write_data(cell)
    expected = expected_join(data, cell)
    return Prepared(cell.name, cell.slug, asdict(cell), data, lambda _, found: compare(found, expected, [ROW]))


def quick_cells() -> list[Cell]:
    """Give the cells of a quick run."""
    return [make_cell(cell) for cell in QUICK]


def grow(results: Sequence[CellResult]) -> list[str]:
    """Say how time grows with rows and with tables."""
    others = ["rows_in_ttl", "is_skewed"]
    by_rows = format_growth(results, "rows", ["tables", *others])
    by_tables = format_growth(results, "tables", ["rows", *others])
    return ["growth:", *by_rows, *by_tables] if by_rows or by_tables else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = make_parser(BENCHMARK.title)
    parser.add_argument("--rows", type=size, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="per table")
    parser.add_argument("--tables", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--within", type=int, nargs="+", default=[7, 70], help="feature rows per entity in the ttl")
    parser.add_argument("--skewed", action="store_true", help="30%% of the rows in one key, instead of the even cells")
    options = parser.parse_args(arguments)
    cells = [
        make_cell(JoinCell(rows, tables, within, options.skewed))
        for within in options.within
        for tables in options.tables
        for rows in options.rows
    ]
    return run_and_report(BENCHMARK.name, [(BENCHMARK, quick_cells() if options.quick else cells)], options, grow)


if __name__ == "__main__":
    sys.exit(main())

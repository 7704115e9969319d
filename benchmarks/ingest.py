"""Checked ingestion: lakeloop's rules in one pass and one query, against Great Expectations alone on Spark.

python -m benchmarks.ingest --quick
python -m benchmarks.ingest --rows 1M 10M
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.agreement import Agreement, compare
from benchmarks.command import make_parser, run_and_report, size
from benchmarks.comparison import Benchmark, Cell, CellResult, Prepared
from benchmarks.ingest_data import IngestCell, expected_checks, expected_verdicts, write_data
from benchmarks.report import format_growth
from benchmarks.sides import SideProgram

_OWN = "benchmarks.ingest_sides"
_VERDICTS_ONLY = "gx-verdicts"

BENCHMARK = Benchmark(
    "ingest",
    "checked ingestion",
    (
        SideProgram("lakeloop", _OWN),
        SideProgram("lakeloop-with-rows", _OWN),
        SideProgram("gx-counts", _OWN),
        SideProgram(_VERDICTS_ONLY, _OWN),
    ),
    quick_sides=("lakeloop", "gx-counts"),
)
QUICK = (IngestCell(100_000),)


def make_cell(cell: IngestCell) -> Cell:
    """Make a cell of the benchmark."""
    return Cell(cell.name, asdict(cell), partial(_prepare, cell))


def _prepare(cell: IngestCell) -> Prepared:
    data = write_data(cell)
    checks, verdicts = expected_checks(data), expected_verdicts()

    def check(side: str, found: Path) -> Agreement:
        return compare(found, verdicts if side == _VERDICTS_ONLY else checks, ["check"])

    return Prepared(cell.name, cell.slug, asdict(cell), data, check)


def quick_cells() -> list[Cell]:
    """Give the cells of a quick run."""
    return [make_cell(cell) for cell in QUICK]


def grow(results: Sequence[CellResult]) -> list[str]:
    """Say how time grows with rows."""
    by_rows = format_growth(results, "rows", [])
    return ["growth:", *by_rows] if by_rows else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = make_parser(BENCHMARK.title)
    parser.add_argument("--rows", type=size, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="landed rows")
    options = parser.parse_args(arguments)
    cells = [make_cell(IngestCell(rows)) for rows in options.rows]
    return run_and_report(BENCHMARK.name, [(BENCHMARK, quick_cells() if options.quick else cells)], options, grow)


if __name__ == "__main__":
    sys.exit(main())

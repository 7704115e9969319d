"""Scoring: plain prediction in one process, MLflow's `spark_udf`, and lakeloop's Arrow engine.

python -m benchmarks.scoring --quick
python -m benchmarks.scoring --rows 1M --partitions 1 4 64 --runs 2
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from benchmarks.agreement import compare
from benchmarks.command import make_parser, run_and_report, size
from benchmarks.comparison import Benchmark, Cell, CellResult, Prepared
from benchmarks.scoring_data import ROW, ScoringCell, expected_scores, write_data
from benchmarks.scoring_sides import ARROW, PLAIN, SPARK_UDF
from benchmarks.sides import SideProgram, SideStatus

_OWN = "benchmarks.scoring_sides"
AIM = 1.5
"""CPU of the Arrow engine over that of plain prediction, at most."""

BENCHMARK = Benchmark(
    "scoring",
    "scoring",
    (SideProgram(PLAIN, _OWN), SideProgram(SPARK_UDF, _OWN), SideProgram(ARROW, _OWN)),
    quick_sides=(PLAIN, SPARK_UDF, ARROW),
)
QUICK = (ScoringCell(100_000, 30, 100, 4),)


def make_cell(cell: ScoringCell) -> Cell:
    """Make a cell of the benchmark."""
    return Cell(cell.name, asdict(cell), partial(_prepare, cell))


def _prepare(cell: ScoringCell) -> Prepared:
    data = write_data(cell)
    expected = expected_scores(data, cell)
    return Prepared(cell.name, cell.slug, asdict(cell), data, lambda _, found: compare(found, expected, [ROW]))


def quick_cells() -> list[Cell]:
    """Give the cells of a quick run."""
    return [make_cell(cell) for cell in QUICK]


def tell_cold(results: Sequence[CellResult]) -> list[str]:
    """Tell the CPU time of cold runs, and whether the aim is met warm."""
    lines = []
    for result in results:
        found = {each.side: each for each in result.outcomes if each.status is SideStatus.OK}
        cold = [
            f"{side} {each.first.cpu_seconds:.1f} s"
            for side, each in found.items()
            if each.first is not None and each.first.cpu_seconds is not None
        ]
        lines += [f"{result.cell}:", f"  CPU cold: {', '.join(cold)}"]
        costs = [found[side].cost for side in (PLAIN, ARROW) if side in found]
        plain, arrow = (each.cpu_seconds for each in costs if each is not None) if len(costs) == 2 else (None, None)
        if plain and arrow:
            met = "met" if arrow <= AIM * plain else "missed"
            lines.append(f"  CPU warm: arrow {arrow / plain:.2f} times plain: the aim of {AIM} is {met}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = make_parser(BENCHMARK.title)
    parser.add_argument("--rows", type=size, nargs="+", default=[1_000_000])
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 4, 64])
    options = parser.parse_args(arguments)
    cells = [
        make_cell(ScoringCell(rows, options.features, options.trees, partitions))
        for rows in options.rows
        for partitions in options.partitions
    ]
    return run_and_report(BENCHMARK.name, [(BENCHMARK, quick_cells() if options.quick else cells)], options, tell_cold)


if __name__ == "__main__":
    sys.exit(main())

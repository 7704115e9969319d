"""The command line that all benchmarks share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.comparison import Benchmark, Cell, CellResult, Settings, run_cells
from benchmarks.report import format_table, write_json
from benchmarks.sides import FOLDER, SideStatus


def make_parser(title: str) -> argparse.ArgumentParser:
    """Make a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="a small cell and the main sides")
    parser.add_argument("--runs", type=_positive, help="measured runs per side, after the first (3; quick: 2)")
    parser.add_argument("--cores", type=_positive, default=os.cpu_count() or 1, help="cores for each side (all)")
    parser.add_argument("--heap", default="4g", help="greatest heap of a JVM (4g)")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds a side may take for a cell (1800)")
    parser.add_argument(
        "--sides", nargs="+", default=[], metavar="SIDE", help="sides to run (all; quick: the main ones)"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures (benchmarks/results/<name>.json)")
    return parser


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: write a whole number above 0")
    return int(text)


def size(text: str) -> int:
    """Read a number of rows: `100k`, `1M`, `250000`."""
    factor = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    return _positive(text.rstrip("kM")) * factor


def settings_of(options: argparse.Namespace) -> Settings:
    """Read how sides are to be run."""
    runs = options.runs or (2 if options.quick else 3)
    return Settings(runs, options.cores, options.heap, options.timeout)


def run_and_report(
    name: str,
    parts: Sequence[tuple[Benchmark, Sequence[Cell]]],
    options: argparse.Namespace,
    summarise: Callable[[Sequence[CellResult]], list[str]] | None = None,
) -> int:
    """Run benchmarks, print one table, and write JSON.

    Args:
        name: Name of the JSON file.
        parts: Benchmarks with their cells.
        options: What the command line said.
        summarise: Gives lines to print below the table.

    Returns:
        0; 1 when a side found something else than was expected or failed. No figure is judged.
    """
    settings, load = settings_of(options), [os.getloadavg()[0]]
    try:
        chosen = [
            (benchmark.choose(options.sides or (benchmark.quick_sides if options.quick else ())), cells)
            for benchmark, cells in parts
        ]
    except ValueError as mistake:
        print(mistake)
        return 2
    results = [result for benchmark, cells in chosen for result in run_cells(benchmark, cells, settings)]
    load.append(os.getloadavg()[0])
    print(format_table(results))
    if summarise is not None:
        print("\n".join(summarise(results)))
    path = options.json or FOLDER / "results" / f"{name}.json"
    write_json(results, settings, load, path)
    wrong = {SideStatus.DIFFERENT, SideStatus.FAILED}
    return int(any(outcome.status in wrong for result in results for outcome in result.outcomes))

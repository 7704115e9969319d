"""Profiles: what a week of rows costs to describe and to judge, beside the libraries that do it.

python -m benchmarks.profiles --quick
python -m benchmarks.profiles --rows 1M --columns 20 --runs 2
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.agreement import Agreement
from benchmarks.command import make_parser, run_and_report, size
from benchmarks.comparison import Benchmark, Cell, CellResult, Prepared
from benchmarks.profiles_agreement import compare_figures
from benchmarks.profiles_data import EXPECTED, ProfilesCell, write_data
from benchmarks.sides import Outcome, SideProgram

_OWN, _PEERS = "benchmarks.profiles_sides", "benchmarks.profiles_peers"
OWN_SIDES = ("lakeloop-process", "lakeloop-process-bare", "lakeloop-spark", "lakeloop-spark-bare")
FOUND = "found"
"""Field of a cell with what each side's figures are worth; it comes with the sides' results."""

BENCHMARK = Benchmark(
    "profiles",
    "profiles",
    (
        *(SideProgram(side, _OWN) for side in (*OWN_SIDES, "spark-sql", "spark-sql-bare")),
        SideProgram("great-expectations", "benchmarks.profiles_gx"),
        SideProgram("evidently", _PEERS, "evidently"),
        SideProgram("evidently-summary", _PEERS, "evidently"),
        SideProgram("nannyml", _PEERS, "nannyml"),
        SideProgram("whylogs", _PEERS, "whylogs"),
    ),
    quick_sides=("lakeloop-process", "lakeloop-process-bare", "evidently", "nannyml", "whylogs"),
)
QUICK = (ProfilesCell(200_000, 20),)
_MIB_OF_DRIVER = ("driver_base_mib", "driver_peak_mib")


def make_cell(cell: ProfilesCell) -> Cell:
    """Make a cell of the benchmark."""
    fields: dict[str, Any] = {**asdict(cell), FOUND: {}}
    return Cell(cell.name, fields, partial(_prepare, cell, fields[FOUND]))


def _prepare(cell: ProfilesCell, found: dict[str, Any]) -> Prepared:
    data = write_data(cell)
    expected = pq.read_table(data / EXPECTED)

    def check(side: str, path: Path) -> Agreement:
        agreement, errors = compare_figures(path, expected)
        found[side] = asdict(errors)
        return agreement

    return Prepared(cell.name, cell.slug, asdict(cell), data, check)


def quick_cells() -> list[Cell]:
    """Give the cells of a quick run."""
    return [make_cell(cell) for cell in QUICK]


def tell_worth(results: Sequence[CellResult]) -> list[str]:
    """Tell what a value costs on each side, and what its figures are worth.

    Args:
        results: What came of the cells.

    Returns:
        Per cell a table of costs and one of errors.
    """
    lines = []
    for result in results:
        lines += [f"{result.cell}:", _row("side", "CPU ns", "wall ns", "reference s", "above base", "driver", "grew")]
        lines += [_cost(result, each) for each in result.outcomes if each.cost is not None]
        lines.append("greatest relative error over the columns:")
        for outcome in result.outcomes:
            if outcome.side in result.fields[FOUND]:
                lines += _worth(outcome.side, result.fields[FOUND][outcome.side])
    notes = [
        "CPU ns, wall ns: per value of the week. reference s: CPU once, before. above base: MiB of the process tree.",
        "driver: peak MiB of the Python process alone in the first run; grew: the same above its base.",
    ]
    return [*lines, *notes]


def _cost(result: CellResult, outcome: Outcome) -> str:
    cost, told = outcome.cost, result.fields[FOUND].get(outcome.side, {}).get("told", {})
    assert cost is not None
    values = result.fields["rows"] * result.fields["columns"]
    cpu, peak, base = cost.cpu_seconds, cost.peak_mib, cost.base_mib
    driver_base, driver_peak = (told.get(name) for name in _MIB_OF_DRIVER)
    return _row(
        outcome.side,
        _number(None if cpu is None else cpu / values * 1e9),
        _number(cost.wall_seconds / values * 1e9),
        _number(told.get("reference_cpu_seconds"), 1),
        _number(None if peak is None or base is None else peak - base),
        _number(driver_peak),
        _number(None if driver_peak is None or driver_base is None else driver_peak - driver_base),
    )


def _row(*texts: str) -> str:
    side, *others = texts
    return f"  {side:<22}" + "".join(f" {text:>11}" for text in others)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _worth(side: str, errors: dict[str, Any]) -> list[str]:
    exact = [name for name, error in errors["greatest"].items() if error <= 1e-9]
    others = [f"{name} {error:.2g}" for name, error in errors["greatest"].items() if error > 1e-9]
    told = ([f"{', '.join(exact)}: below 1e-9"] if exact else []) + others
    if errors["missed"] is not None:
        told.append(f"drift: {errors['missed']} missed, {errors['false']} called so in error")
    return [f"  {side:<22} {'; '.join(told)}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = make_parser(BENCHMARK.title)
    parser.add_argument("--rows", type=size, nargs="+", default=[1_000_000])
    parser.add_argument("--columns", type=int, nargs="+", default=[20])
    options = parser.parse_args(arguments)
    cells = [make_cell(ProfilesCell(rows, columns)) for rows in options.rows for columns in options.columns]
    return run_and_report(BENCHMARK.name, [(BENCHMARK, quick_cells() if options.quick else cells)], options, tell_worth)


if __name__ == "__main__":
    sys.exit(main())

"""What was measured, as a table of 100 columns for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.comparison import CellResult, Settings
from benchmarks.measure import NOT_LINUX, Measurement, can_read_tree
from benchmarks.sides import Outcome, SideStatus

WIDTH = 100
_COLUMNS = ((24, "<"), (9, ">"), (9, ">"), (9, ">"), (10, ">"), (8, ">"), (8, ">"), (8, ">"))
_HEAD = ("side", "first s", "wall s", "CPU s", "peak MiB", "x wall", "x CPU", "x peak")
_MISSING = "-"


def format_table(results: Sequence[CellResult]) -> str:
    """Format results as one table, cell by cell.

    Args:
        results: What came of the cells.

    Returns:
        Lines of at most 100 characters. A ratio is a side's figure over that of the cell's first side; a side without
        figures says why.
    """
    lines = [_line(_HEAD), "-" * WIDTH]
    for result in results:
        lines.append(f"{result.benchmark}: {result.cell}"[:WIDTH])
        base = result.outcomes[0].cost if result.outcomes else None
        for outcome in result.outcomes:
            lines += _describe(outcome, base)
    lines += ["", *_notes(results)]
    return "\n".join(lines)


def _notes(results: Sequence[CellResult]) -> list[str]:
    bases = dict.fromkeys(result.outcomes[0].side for result in results if result.outcomes)
    notes = [
        "first: the run that wrote the checked result; wall, CPU: median of the runs after it;",
        f"peak: resident memory of the process tree. x: times {' or '.join(bases)}, the first side of the cell.",
    ]
    return notes if can_read_tree() else [*notes, NOT_LINUX]


def _describe(outcome: Outcome, base: Measurement | None) -> list[str]:
    cost, first = outcome.cost, outcome.first
    if cost is None or outcome.status is not SideStatus.OK:
        text = f"  {outcome.side:<22} {outcome.status.value.lower().replace('_', ' ')}: {outcome.detail}"
        return textwrap.wrap(text, WIDTH, subsequent_indent=" " * 4, break_on_hyphens=False)
    figures = _line(
        (
            f"  {outcome.side}",
            _number(None if first is None else first.wall_seconds),
            _number(cost.wall_seconds),
            _number(cost.cpu_seconds),
            _number(cost.peak_mib, 0),
            *(
                _ratio(getattr(cost, name), None if base is None else getattr(base, name))
                for name in ("wall_seconds", "cpu_seconds", "peak_mib")
            ),
        )
    )
    return [figures]


def _line(texts: Iterable[str]) -> str:
    cells = (f"{text:{side}{width}}" for text, (width, side) in zip(texts, _COLUMNS, strict=True))
    return " ".join(cells).rstrip()


def _number(value: float | None, digits: int = 2) -> str:
    return _MISSING if value is None else f"{value:,.{digits}f}"


def _ratio(value: float | None, base: float | None) -> str:
    return _MISSING if value is None or not base else f"{value / base:.2f}"


def format_growth(results: Sequence[CellResult], along: str, fixed: Sequence[str]) -> list[str]:
    """Say how wall time grows with one size while the others stay.

    Args:
        results: What came of the cells of one benchmark.
        along: The size that grows.
        fixed: The sizes that stay.

    Returns:
        A line per side and pair of neighbouring sizes that both have figures.
    """
    times: dict[tuple[Any, ...], dict[Any, float]] = {}
    for result in results:
        for outcome in result.outcomes:
            if outcome.cost is not None and outcome.status is SideStatus.OK:
                others = tuple(result.fields[name] for name in fixed)
                times.setdefault((*others, outcome.side), {})[result.fields[along]] = outcome.cost.wall_seconds
    lines = []
    for key, of_size in times.items():
        *others, side = key
        for small, large in pairwise(sorted(of_size)):
            where = ", ".join(f"{name} {value}" for name, value in zip(fixed, others, strict=True))
            grown = of_size[large] / of_size[small]
            lines.append(f"  {side}: {along} {small:,} to {large:,}: wall x {grown:.2f} ({where})"[:WIDTH])
    return lines


def describe_machine() -> dict[str, Any]:
    """Describe the machine in general terms."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "python": platform.python_version(),
    }


def write_json(results: Sequence[CellResult], settings: Settings, load: Sequence[float], path: Path) -> None:
    """Write results as JSON, every run by itself.

    Args:
        results: What came of the cells.
        settings: How sides were run.
        load: Load average of a minute, before and after.
        path: Where to.
    """
    cells = [
        {
            "benchmark": result.benchmark,
            "cell": result.cell,
            "fields": result.fields,
            "sides": [
                {**asdict(each), "cost": None if each.cost is None else asdict(each.cost)} for each in result.outcomes
            ],
        }
        for result in results
    ]
    written = {"machine": describe_machine(), "load": list(load), "settings": asdict(settings), "cells": cells}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=2, default=str) + "\n", encoding="utf-8")

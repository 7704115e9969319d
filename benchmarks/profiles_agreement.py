"""How far a side's figures lie from the exact ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.agreement import Agreement
from benchmarks.profiles_data import QUANTILES

DRIFT = "drift"
FIGURES_SCHEMA: pa.Schema = pa.schema(
    [("column_name", pa.string()), ("statistic", pa.string()), ("value", pa.float64())]
)
"""What a side writes: the statistics that it has, and without a column what it tells of its own run."""

TOLERANCES: Mapping[str, float] = {
    "count": 0.0,
    "nulls": 0.0,
    "min": 0.0,
    "max": 0.0,
    "mean": 1e-9,
    "stddev": 1e-9,
    "distance": 1e-9,
    "distinct": 0.1,
    **dict.fromkeys(QUANTILES, 0.1),
}
"""Statistic -> greatest relative error with which a side is measured; beyond it a sketch estimates nothing."""


@dataclass(frozen=True)
class Errors:
    """What a side's figures are worth.

    Attributes:
        greatest: Statistic -> greatest relative error over the columns; the quantiles together.
        missed: Drifted columns that the side has not called so; None where it gives no verdicts.
        false: Columns that it has called drifted and that have not.
        told: What the side tells of its own run.
    """

    greatest: Mapping[str, float]
    missed: int | None = None
    false: int | None = None
    told: Mapping[str, float] = field(default_factory=dict)


def figures_table(columns: Mapping[str, Mapping[str, float | None]], told: Mapping[str, float]) -> pa.Table:
    """Lay out what a side has found.

    Args:
        columns: Column -> statistic -> value; a None is left out.
        told: What it tells of its own run.

    Returns:
        A table of `FIGURES_SCHEMA`.
    """
    rows: list[tuple[str | None, str, float]] = [(None, key, float(value)) for key, value in told.items()]
    rows += [
        (name, key, float(value))
        for name, figures in columns.items()
        for key, value in figures.items()
        if value is not None
    ]
    return pa.table(
        {each: [row[place] for row in rows] for place, each in enumerate(FIGURES_SCHEMA.names)}, FIGURES_SCHEMA
    )


def compare_figures(found: Path, expected: pa.Table) -> tuple[Agreement, Errors]:
    """Compare a side's figures with the exact ones; verdicts are told, and are no reason not to measure a side.

    Args:
        found: File with a table of `FIGURES_SCHEMA`.
        expected: The table of `expected_figures`.

    Returns:
        How they compare, a figure beyond its tolerance being different, and how far they lie apart.
    """
    exact = {(row["column_name"], row["statistic"]): (row["value"], row["scale"]) for row in expected.to_pylist()}
    rows = pq.read_table(found).to_pylist()
    told = {row["statistic"]: row["value"] for row in rows if row["column_name"] is None}
    given = {(row["column_name"], row["statistic"]): row["value"] for row in rows if row["column_name"] is not None}
    unknown = [key for key in given if key not in exact]
    if unknown:
        return Agreement(len(exact), 0, 0, f"no such figure: {unknown[0]}"), Errors({}, told=told)
    greatest: dict[str, float] = {}
    different = 0
    for (column, statistic), value in given.items():
        if statistic == DRIFT:
            continue
        true, scale = exact[column, statistic]
        error = abs(value - true) / scale if scale else abs(value - true)
        name = "quantiles" if statistic in QUANTILES else statistic
        greatest[name] = max(greatest.get(name, 0.0), error)
        different += not error <= TOLERANCES[statistic]
    verdicts = {column: value for (column, statistic), value in given.items() if statistic == DRIFT}
    wrong = [value > exact[column, DRIFT][0] for column, value in verdicts.items() if value != exact[column, DRIFT][0]]
    errors = Errors(greatest, wrong.count(False) if verdicts else None, sum(wrong) if verdicts else None, told)
    return Agreement(len(exact), len(given), different), errors

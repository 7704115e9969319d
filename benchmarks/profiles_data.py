"""Two samples of a table, what a model was accepted on and a week to be judged, and what is true of the week."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cached import cached

REFERENCE, CURRENT, EXPECTED = "reference.parquet", "current.parquet", "expected.parquet"
AT = "at"
CATEGORIES = tuple("abcdef")
QUANTILES = {f"q{rank:02d}": rank / 100 for rank in (5, 25, 50, 75, 95)}

_MOST_REFERENCE_ROWS = 1_000_000
_ROW_GROUP = 250_000
_NUMBERS = 0.7
_MISSING = 0.01
_DRIFTED_NUMBERS = 3
_SHARES, _DRIFTED_SHARES = (0.4, 0.25, 0.15, 0.1, 0.07, 0.03), (0.2, 0.25, 0.15, 0.1, 0.07, 0.23)
_DAY = 86_400_000_000
_START = 1_704_067_200_000_000  # 2024-01-01, microseconds
_REFERENCE_DAYS = 90
_CURRENT_FIRST_DAY, _CURRENT_DAYS = 91, 7  # a calendar week, from Monday on
_BINS = 10
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class ProfilesCell:
    """A size of the benchmark.

    Attributes:
        rows: Rows of the week; of the reference as many, at most a million.
        columns: Columns of either: seven in ten are numbers, normal, lognormal or gamma, the others one of six texts;
            one value in a hundred is missing. Three numbers and one text have drifted.
    """

    rows: int
    columns: int

    @property
    def name(self) -> str:
        """The cell in tables."""
        return f"{self.rows:,} rows x {self.columns} columns"

    @property
    def slug(self) -> str:
        """The cell in names of files."""
        return f"profiles_{self.rows}_{self.columns}"

    @property
    def numbers(self) -> list[str]:
        """Names of the columns of numbers."""
        return [f"n{place:03d}" for place in range(round(self.columns * _NUMBERS))]

    @property
    def texts(self) -> list[str]:
        """Names of the columns of texts."""
        return [f"c{place:03d}" for place in range(self.columns - len(self.numbers))]

    @property
    def drifted(self) -> list[str]:
        """Names of the columns that have drifted."""
        return [*self.numbers[:_DRIFTED_NUMBERS], *self.texts[:1]]


def write_data(cell: ProfilesCell) -> Path:
    """Write both samples in row groups, and what is true of the week, when they are not there yet.

    Args:
        cell: The size.

    Returns:
        Folder of the data.
    """
    return cached(cell.slug, lambda folder: _make(cell, folder))


def _make(cell: ProfilesCell, folder: Path) -> None:
    reference_rows = min(cell.rows, _MOST_REFERENCE_ROWS)
    _write(cell, folder / REFERENCE, reference_rows, 0, _REFERENCE_DAYS, is_current=False)
    _write(cell, folder / CURRENT, cell.rows, _CURRENT_FIRST_DAY, _CURRENT_DAYS, is_current=True)
    pq.write_table(expected_figures(folder, cell), folder / EXPECTED)


def _write(cell: ProfilesCell, path: Path, rows: int, first_day: int, days: int, *, is_current: bool) -> None:
    drawn = np.random.default_rng([11, int(is_current)])
    with pq.ParquetWriter(path, _schema(cell)) as writer:
        for start in range(0, rows, _ROW_GROUP):
            n = min(_ROW_GROUP, rows - start)
            at = _START + first_day * _DAY + (np.arange(start, start + n) * (days * _DAY / rows)).astype(np.int64)
            columns: dict[str, Any] = {AT: pa.array(at, pa.timestamp("us", "UTC"))}
            for place, name in enumerate(cell.numbers):
                columns[name] = _draw_number(drawn, n, place, is_drifted=is_current and name in cell.drifted)
            for name in cell.texts:
                shares = _DRIFTED_SHARES if is_current and name in cell.drifted else _SHARES
                which = drawn.choice(len(CATEGORIES), n, p=shares)
                places = pa.array(which, mask=drawn.random(n) < _MISSING)
                columns[name] = pa.array(CATEGORIES).take(places)
            writer.write_table(pa.table(columns, _schema(cell)))


def _draw_number(drawn: np.random.Generator, n: int, place: int, *, is_drifted: bool) -> pa.Array:
    match place % 3:
        case 0:
            values = drawn.normal(size=n)
        case 1:
            values = drawn.lognormal(size=n)
        case _:
            values = drawn.gamma(2.0, size=n)
    return pa.array(values * 1.2 + 0.3 if is_drifted else values, mask=drawn.random(n) < _MISSING)


def _schema(cell: ProfilesCell) -> pa.Schema:
    numbers = [(name, pa.float64()) for name in cell.numbers]
    return pa.schema([(AT, pa.timestamp("us", "UTC")), *numbers, *((name, pa.string()) for name in cell.texts)])


def expected_figures(folder: Path, cell: ProfilesCell) -> pa.Table:
    """Compute by numpy, from all values of a column at once, what sides are to find.

    Args:
        folder: Folder of both samples.
        cell: The size.

    Returns:
        Column, statistic, value and scale: what an error is relative to. `distance` is that of shares of rows by bin,
        the missing ones in a bin of their own: of a number the population stability index over ten quantiles of the
        reference, of a text the total variation. `drift` is 1 where the column has drifted.
    """
    rows: list[tuple[str, str, float, float]] = []
    for name in (*cell.numbers, *cell.texts):
        reference, current = (
            pq.read_table(folder / each, columns=[name]).column(name).combine_chunks() for each in (REFERENCE, CURRENT)
        )
        figures = {"count": float(len(current)), "nulls": float(current.null_count)}
        scale = 0.0
        if name in cell.numbers:
            a, b = (each.drop_null().to_numpy() for each in (reference, current))
            scale = float(np.std(b, ddof=1))
            figures |= {"mean": float(b.mean()), "stddev": scale, "min": float(b.min()), "max": float(b.max())}
            figures |= {key: float(np.quantile(b, rank)) for key, rank in QUANTILES.items()}
            figures |= {"distinct": float(len(np.unique(b))), "distance": _stability(a, b, reference, current)}
        else:
            shares = [_shares([*_rows_of(each), each.null_count]) for each in (reference, current)]
            figures |= {"distinct": float(np.count_nonzero(_rows_of(current)))}
            figures |= {"distance": float(np.abs(shares[0] - shares[1]).sum() / 2)}
        figures["drift"] = float(name in cell.drifted)
        rows += [(name, key, value, _scale_of(key, value, scale)) for key, value in figures.items()]
    names = ("column_name", "statistic", "value", "scale")
    return pa.table({each: [row[place] for row in rows] for place, each in enumerate(names)})


def _scale_of(key: str, value: float, deviation: float) -> float:
    """What an error is relative to: the value, or of a mean or quantile the standard deviation, if that is greater."""
    return max(abs(value), deviation) if key == "mean" or key in QUANTILES else abs(value)


def _stability(a: NDArray[np.float64], b: NDArray[np.float64], reference: pa.Array, current: pa.Array) -> float:
    edges = np.quantile(a, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf")
    bounds = [-np.inf, *np.nextafter(edges, np.inf), np.inf]  # a bin takes its upper edge in
    old, new = (
        np.maximum(_shares([*np.histogram(each, bounds)[0], whole.null_count]), _LEAST_SHARE)
        for each, whole in ((a, reference), (b, current))
    )
    return float(((new - old) * np.log(new / old)).sum())


def _rows_of(texts: pa.Array) -> list[int]:
    found = {each["values"]: each["counts"] for each in texts.value_counts().to_pylist()}
    return [found.get(each, 0) for each in CATEGORIES]


def _shares(rows: list[int]) -> NDArray[np.float64]:
    return np.array(rows) / np.sum(rows)

"""Frozen bins: the edges and categories by which a column is counted, in the reference and in every window alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.errors import DistributionError
from lakeloop.on_demand.arrow import as_model_input

BinKind = Literal["number", "category"]


@dataclass(frozen=True)
class ColumnBins:
    """The bins of one column.

    A number x falls into bin i = how many edges lie below x. A category falls into the bin of its place in
    `categories`, any other text into OTHER. The last bin of both kinds is NULL; a NaN counts as null.

    Attributes:
        name: The column.
        kind: How its values are read.
        edges: Interior edges of a number, strictly increasing and finite; empty for a category.
        categories: Known texts of a category; empty for a number.

    Raises:
        DistributionError: If edges are not finite and strictly increasing, a category repeats, or one kind carries
            what belongs to the other.

    >>> bins = ColumnBins("distance", "number", edges=(100.0, 500.0))
    >>> bins.n_bins, bins.null_bin, bins.labels()
    (4, 3, ('<= 100', '<= 500', '> 500', 'NULL'))
    >>> ColumnBins("origin", "category", categories=("EWR", "JFK")).labels()
    ('EWR', 'JFK', 'OTHER', 'NULL')
    """

    name: str
    kind: BinKind
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "number" and self.categories) or (self.kind == "category" and self.edges):
            raise DistributionError(self.name, f"bins of kind {self.kind} carry what belongs to the other kind")
        if not all(math.isfinite(edge) for edge in self.edges):
            raise DistributionError(self.name, "an edge is not finite")
        if any(not low < high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise DistributionError(self.name, "edges are not strictly increasing")
        if len(set(self.categories)) != len(self.categories):
            raise DistributionError(self.name, "a category repeats")

    @property
    def n_bins(self) -> int:
        """Number of bins, OTHER and NULL included."""
        return (len(self.edges) if self.kind == "number" else len(self.categories)) + 2

    @property
    def null_bin(self) -> int:
        """Index of the NULL bin, the last."""
        return self.n_bins - 1

    def labels(self) -> tuple[str, ...]:
        """Name every bin for a person.

        Returns:
            One text per bin, in order.
        """
        if self.kind == "category":
            return (*self.categories, "OTHER", "NULL")
        above = f"> {self.edges[-1]:.6g}" if self.edges else "any"
        return (*(f"<= {edge:.6g}" for edge in self.edges), above, "NULL")

    def to_dict(self) -> dict[str, Any]:
        """Write the bins as JSON values; floats survive the round trip exactly.

        Returns:
            What `from_dict` reads.
        """
        return {"name": self.name, "kind": self.kind, "edges": list(self.edges), "categories": list(self.categories)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnBins:
        """Read what `to_dict` wrote.

        Args:
            values: The mapping.

        Returns:
            The bins.

        >>> bins = ColumnBins("distance", "number", edges=(0.1, 0.3))
        >>> ColumnBins.from_dict(bins.to_dict()) == bins
        True
        """
        edges = tuple(float(edge) for edge in values["edges"])
        return cls(values["name"], values["kind"], edges, tuple(values["categories"]))


def is_number(type_: pa.DataType) -> bool:
    """Tell whether a column of this Arrow type is binned as a number.

    Args:
        type_: Arrow type.

    Returns:
        True for integers, floats, decimals, and instants, which count in seconds as they do in the model's inputs;
        False for booleans, text, and times without a zone.

    >>> is_number(pa.int32()), is_number(pa.timestamp("us", "UTC")), is_number(pa.bool_())
    (True, True, False)
    """
    is_measure = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    return bool(is_measure or is_instant(type_))


def is_instant(type_: pa.DataType) -> bool:
    """Tell whether a column of this Arrow type holds instants.

    Args:
        type_: Arrow type.

    Returns:
        True for timestamps with a zone.

    >>> is_instant(pa.timestamp("us", "UTC")), is_instant(pa.timestamp("us"))
    (True, False)
    """
    return bool(pa.types.is_timestamp(type_) and type_.tz is not None)


def read_numbers(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Read a column the way models are given it.

    Args:
        values: Values of a type that is a number.

    Returns:
        The same as float64, nulls kept: instants in seconds since 1970-01-01 00:00 UTC.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError: If the values are no numbers.

    >>> from datetime import UTC, datetime
    >>> instant = datetime(1970, 1, 1, 0, 1, 0, 500_000, tzinfo=UTC)
    >>> read_numbers(pa.array([instant, None])).to_pylist(), read_numbers(pa.array([2])).to_pylist()
    ([60.5, None], [2.0])
    """
    if is_instant(values.type):
        return as_model_input(values)
    return pc.cast(values, pa.float64(), safe=False)


def is_category(type_: pa.DataType) -> bool:
    """Tell whether a column of this Arrow type is binned as a category.

    Args:
        type_: Arrow type.

    Returns:
        True for booleans and text, dictionary-encoded or not.

    >>> is_category(pa.string()), is_category(pa.date32())
    (True, False)
    """
    if pa.types.is_dictionary(type_):
        return is_category(type_.value_type)
    return bool(pa.types.is_boolean(type_) or pa.types.is_string(type_) or pa.types.is_large_string(type_))


def measure_deviations(table: pa.Table, columns: Sequence[str]) -> dict[str, float]:
    """Measure how far numbers spread.

    Args:
        table: Rows of the reference.
        columns: Columns in `table`; those that are no numbers are left out, and numbers without a finite value too.

    Returns:
        Column -> standard deviation of its finite values, divisor n, in the column's unit.

    >>> measure_deviations(pa.table({"seats": [2.0, 4.0, None], "origin": ["JFK", "EWR", "JFK"]}), ["seats", "origin"])
    {'seats': 1.0}
    """
    found = {}
    for name in columns:
        if is_number(table.column(name).type):
            numbers = read_numbers(table.column(name).drop_null()).to_numpy()
            finite = numbers[np.isfinite(numbers)]
            if finite.size:
                found[name] = float(finite.std())
    return found


def propose_bins(
    table: pa.Table, columns: Sequence[str], bins: int, *, max_categories: int = 100
) -> tuple[ColumnBins, ...]:
    """Choose bins from the data of the reference.

    Numbers get edges at their quantiles, each an observed value. A value that fills several quantiles gets a bin of its
    own. With at most `bins` distinct values every value gets a bin of its own, and what lies outside their range falls
    into bins the reference leaves empty; so a constant column shows when it stops being constant. Text and booleans get
    one bin per value, the most frequent first.

    Args:
        table: Rows of the reference.
        columns: Columns to bin, each in `table`.
        bins: Most bins of a number that is not constant, NULL aside; at least 2.
        max_categories: Most values of text with a bin of their own; the rest is OTHER.

    Returns:
        One entry per column, in the order given.

    Raises:
        DistributionError: If a column is absent or of a type that has no bins, or `bins` is below 2.

    >>> table = pa.table({"seats": [2, 2, 180], "origin": ["JFK", "EWR", "JFK"]})
    >>> seats, origin = propose_bins(table, ["seats", "origin"], 10)
    >>> seats.edges
    (1.9999999999999998, 91.0, 180.0)
    >>> origin.categories
    ('JFK', 'EWR')
    """
    if bins < 2:
        raise DistributionError("bins", "fewer than 2 bins tell nothing apart")
    return tuple(_column_bins(table, name, bins, max_categories) for name in columns)


def _column_bins(table: pa.Table, name: str, bins: int, max_categories: int) -> ColumnBins:
    if name not in table.column_names:
        raise DistributionError(name, "the column is absent")
    values = table.column(name)
    if is_number(values.type):
        numbers = np.asarray(read_numbers(values.drop_null()).to_numpy(), dtype=np.float64)
        return ColumnBins(name, "number", edges=_number_edges(numbers[np.isfinite(numbers)], bins))
    if is_category(values.type) or pa.types.is_null(values.type):
        texts = pc.value_counts(pc.cast(values.drop_null(), pa.string()))
        rows = Counter({cell["values"].as_py(): cell["counts"].as_py() for cell in texts})
        ranked = sorted(rows, key=lambda text: (-rows[text], text))
        return ColumnBins(name, "category", categories=tuple(ranked[:max_categories]))
    raise DistributionError(name, f"type {values.type} has no bins; cast it to a number or to text")


def _number_edges(numbers: npt.NDArray[np.float64], bins: int) -> tuple[float, ...]:
    """Edges for the finite values of a column; none when there are no values."""
    if numbers.size == 0:
        return ()
    distinct = np.unique(numbers)
    if distinct.size <= bins:
        middles = distinct[:-1] / 2 + distinct[1:] / 2
        between = np.where(middles < distinct[1:], middles, distinct[:-1])  # neighbouring floats have no middle
        edges = np.concatenate([[math.nextafter(distinct[0], -math.inf)], between, [distinct[-1]]])
    else:
        quantiles = np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
        edges, repeats = np.unique(quantiles, return_counts=True)
        heavy = edges[(repeats > 1) & (edges > distinct[0])]
        edges = np.concatenate([edges, np.nextafter(heavy, -np.inf)])
    edges = np.unique(edges[np.isfinite(edges)])
    return tuple(float(edge) for edge in edges)

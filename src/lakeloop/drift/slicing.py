"""Slices: the parts of the rows that are looked at beside all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.conditions import Condition
from lakeloop.config.monitor import SliceBy
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import fits_bins, place_rows

TRUTHS = ("true", "false")
"""Values of a slicing by a condition; where it is not known the value is NULL."""


@dataclass(frozen=True)
class Slicing:
    """One way to part the rows: by the values of a column, by its bins, or by a condition.

    Attributes:
        name: What it is called; `slice_key` in the tables.
        bins: The parts: the values that have one of their own, OTHER and NULL. Of a condition `true` and `false`.
        condition: SQL text; None where the rows are parted by the column that `bins` names.

    >>> by_origin = Slicing("origin", ColumnBins("origin", "category", categories=("EWR", "JFK")))
    >>> far = Slicing("far", ColumnBins("far", "category", categories=TRUTHS), "distance > 1000")
    >>> rows = pa.table({"origin": ["JFK", "LGA"], "distance": [1200, None]})
    >>> [[each.bins.labels()[place] for place in each.place(rows)] for each in (by_origin, far)]
    [['JFK', 'OTHER'], ['true', 'NULL']]
    """

    name: str
    bins: ColumnBins
    condition: str | None = None

    @property
    def n_slices(self) -> int:
        """Number of slices, OTHER and NULL included."""
        return self.bins.n_bins

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are looked at."""
        return (self.bins.name,) if self.condition is None else Condition(self.condition).columns

    def place(self, rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.int64]:
        """Tell each row's slice.

        Args:
            rows: Rows; a column that they lack is null in each.

        Returns:
            Its place among `bins.labels()`, shape [n_rows].
        """
        if self.condition is not None:
            values = Condition(self.condition).holds(rows).cast(pa.string())
        elif self.bins.name in rows.schema.names:
            values = rows.column(self.bins.name)
        else:
            values = pa.nulls(rows.num_rows, pa.string())
        if not fits_bins(values, self.bins):
            return np.full(rows.num_rows, self.bins.null_bin, dtype=np.int64)
        return place_rows(values, self.bins)[0]

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values.

        Returns:
            What `from_dict` reads.
        """
        return {"name": self.name, "bins": self.bins.to_dict(), "condition": self.condition}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Slicing:
        """Read what `to_dict` wrote.

        Args:
            values: The mapping.

        Returns:
            The slicing.

        >>> far = Slicing("far", ColumnBins("far", "category", categories=TRUTHS), "distance > 1000")
        >>> Slicing.from_dict(far.to_dict()) == far
        True
        """
        return cls(values["name"], ColumnBins.from_dict(values["bins"]), values["condition"])


def make_slicings(declared: Mapping[str, SliceBy], bins: Sequence[ColumnBins]) -> tuple[Slicing, ...]:
    """Freeze the declared slices.

    Args:
        declared: Name -> how the rows are parted.
        bins: Frozen bins of the model columns; the categories most frequent first.

    Returns:
        One entry per name, in the order declared. A column without bins is left out.

    >>> bins = [ColumnBins("origin", "category", categories=("EWR", "JFK", "LGA"))]
    >>> by = {"origin": SliceBy(top=2), "far": SliceBy(condition="distance > 1000")}
    >>> [each.bins.labels() for each in make_slicings(by, bins)]
    [('EWR', 'JFK', 'OTHER', 'NULL'), ('true', 'false', 'OTHER', 'NULL')]
    """
    known = {each.name: each for each in bins}
    made = []
    for name, by in declared.items():
        column = by.column or name
        if by.condition is not None:
            made.append(Slicing(name, ColumnBins(name, "category", categories=TRUTHS), by.condition))
        elif column in known:
            own = known[column]
            made.append(Slicing(name, ColumnBins(column, own.kind, own.edges, own.categories[: by.top])))
    return tuple(made)

"""What is counted of one column while batches go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import fits_bins, place_numbers, place_rows, to_numbers
from lakeloop.drift.sketches import DistinctSketch, QuantileSketch
from lakeloop.statuses import Status

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

_MARKS = ("num_nan", "num_zeros", "num_infinite")


class ColumnProfiler:
    """Counts one column by block and slice, in arrays [blocks, slices, ...] per way of slicing.

    Args:
        bins: The column's frozen bins.
        slices: Number of slices of each way of slicing; the first is 1, of all rows.
        sketches: Whether sketches are kept over all rows.
        is_private: Whether no single value may be kept: then there are neither sketches nor extremes.

    >>> profiler = ColumnProfiler(ColumnBins("seats", "number", edges=(100.0,)), [1], sketches=False)
    >>> one_block = np.zeros(2, dtype=np.int64)
    >>> profiler.add(pa.array([50.0, None]), np.array([0]), [one_block])
    >>> (row,) = profiler.rows(0, [(None, None)])
    >>> row["count"], row["bins"], row["bin_sums"]
    (2, [1, 0, 1], [50.0, 0.0, 0.0])
    """

    def __init__(self, bins: ColumnBins, slices: Sequence[int], *, sketches: bool, is_private: bool = False) -> None:
        self._bins, self._slices = bins, tuple(slices)
        self._sketches, self._extremes = sketches and not is_private, not is_private
        self._rows: list[Ints] = [np.zeros((0, n, bins.n_bins), dtype=np.int64) for n in slices]
        self._marks: list[Ints] = [np.zeros((0, n, len(_MARKS)), dtype=np.int64) for n in slices]
        self._sums: list[Floats] = [np.zeros((0, n, bins.n_bins)) for n in slices]
        self._squares: list[Floats] = [np.zeros((0, n)) for n in slices]
        self._bounds: list[Floats] = [np.zeros((0, n, 2)) for n in slices]
        self._quantiles: dict[int, QuantileSketch] = {}
        self._distinct: dict[int, DistinctSketch] = {}
        self._status = Status.OK

    def add(self, values: pa.Array | pa.ChunkedArray, blocks: Ints, groups: Sequence[Ints]) -> None:
        """Take a batch in.

        Args:
            values: The column's values.
            blocks: Places of the batch's blocks among all, each once.
            groups: Per way of slicing each row's place: its block in `blocks` x number of slices + its slice.
        """
        self._grow(int(blocks.max()) + 1)
        is_number = self._bins.kind == "number"
        if not fits_bins(values, self._bins):
            self._status = Status.CHANGED_TYPE
            number, place = np.zeros(0), np.full(len(values), self._bins.null_bin, dtype=np.int64)
        elif is_number:
            number = to_numbers(values, self._bins)
            place = place_numbers(number, self._bins)
        else:
            number, place = np.zeros(0), place_rows(values, self._bins)[0]
        for which, (group, n) in enumerate(zip(groups, self._slices, strict=True)):
            cells = len(blocks) * n * self._bins.n_bins
            found = np.bincount(group * self._bins.n_bins + place, minlength=cells)
            self._rows[which][blocks] += found.reshape(len(blocks), n, -1)
        if len(number):
            self._measure(number, place, _is_null(values), blocks, groups)
        if self._sketches and self._status is Status.OK:
            self._sketch(values, number, groups[0], blocks)

    def _grow(self, blocks: int) -> None:
        missing = blocks - len(self._rows[0])
        if missing <= 0:
            return
        for which, n in enumerate(self._slices):
            rows, marks = self._rows[which], self._marks[which]
            self._rows[which] = np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), dtype=np.int64)])
            self._marks[which] = np.concatenate([marks, np.zeros((missing, *marks.shape[1:]), dtype=np.int64)])
            self._sums[which] = np.concatenate([self._sums[which], np.zeros((missing, n, self._bins.n_bins))])
            self._squares[which] = np.concatenate([self._squares[which], np.zeros((missing, n))])
            nothing = np.broadcast_to(np.array([np.inf, -np.inf]), (missing, n, 2))
            self._bounds[which] = np.concatenate([self._bounds[which], nothing])

    def _measure(self, number: Floats, bin_of_row: Ints, is_null: Truths, blocks: Ints, groups: Sequence[Ints]) -> None:
        finite = np.isfinite(number)
        clean = number if finite.all() else np.where(finite, number, 0.0)
        squares, n_bins = clean * clean, self._bins.n_bins
        marks = (np.isnan(number) & ~is_null, finite & (number == 0), np.isinf(number))
        for which, (group, n) in enumerate(zip(groups, self._slices, strict=True)):
            shape, size = (len(blocks), n), len(blocks) * n
            for place, marked in enumerate(marks):
                if marked.any():
                    self._marks[which][blocks, :, place] += np.bincount(group[marked], minlength=size).reshape(shape)
            cells = np.bincount(group * n_bins + bin_of_row, weights=clean, minlength=size * n_bins)
            self._sums[which][blocks] += cells.reshape(*shape, n_bins)
            self._squares[which][blocks] += np.bincount(group, weights=squares, minlength=size).reshape(shape)
            if self._extremes:
                self._widen(which, blocks, group[finite], number[finite], n)

    def _widen(self, which: int, blocks: Ints, group: Ints, number: Floats, n: int) -> None:
        if not len(number):
            return
        lower, upper = np.full(len(blocks) * n, np.inf), np.full(len(blocks) * n, -np.inf)
        if len(lower) == 1:
            lower[0], upper[0] = number.min(), number.max()
        else:
            np.minimum.at(lower, group, number)
            np.maximum.at(upper, group, number)
        bounds = self._bounds[which]
        bounds[blocks, :, 0] = np.minimum(bounds[blocks, :, 0], lower.reshape(-1, n))
        bounds[blocks, :, 1] = np.maximum(bounds[blocks, :, 1], upper.reshape(-1, n))

    def _sketch(self, values: pa.Array | pa.ChunkedArray, number: Floats, block_of_row: Ints, blocks: Ints) -> None:
        for place, block in enumerate(blocks.tolist()):
            own = np.full(len(values), True) if len(blocks) == 1 else block_of_row == place
            distinct = self._distinct.setdefault(block, DistinctSketch())
            if len(number):
                kept = number[own & np.isfinite(number)]
                self._quantiles.setdefault(block, QuantileSketch()).add(kept)
                distinct.add_numbers(kept)
            elif self._bins.kind == "category":
                texts = pc.unique(values if len(blocks) == 1 else values.filter(pa.array(own)))
                distinct.add(texts.cast(pa.string()).drop_null().to_pylist())

    def rows(self, block: int, names: Sequence[tuple[str | None, str | None]]) -> Iterator[dict[str, Any]]:
        """Give what was counted in a block.

        Args:
            block: Its place.
            names: Key and value of every slice, in the order of the ways of slicing.

        Yields:
            One row per slice with rows, with the columns of `PROFILES_SCHEMA` but the block's.
        """
        named = iter(names)
        for which, n in enumerate(self._slices):
            for of_slice in range(n):
                key, value = next(named)
                if block >= len(self._rows[which]) or not self._rows[which][block, of_slice].any():
                    continue
                bins = self._rows[which][block, of_slice].tolist()
                lower, upper = self._bounds[which][block, of_slice].tolist()
                sums = self._sums[which][block, of_slice].tolist()
                quantiles, distinct = (
                    (self._quantiles.get(block), self._distinct.get(block)) if not which else (None,) * 2
                )
                yield {
                    "slice_key": key,
                    "slice_value": value,
                    "column_name": self._bins.name,
                    "count": sum(bins),
                    **dict(zip(_MARKS, self._marks[which][block, of_slice].tolist(), strict=True)),
                    "sum_squares": float(self._squares[which][block, of_slice]),
                    "min": lower if lower <= upper else None,
                    "max": upper if lower <= upper else None,
                    "bins": bins,
                    "bin_sums": sums if self._bins.kind == "number" else None,
                    "quantile_sketch": None if quantiles is None else quantiles.to_bytes(),
                    "distinct_sketch": None if distinct is None else distinct.to_bytes(),
                    "status": self._status.value,
                }


def _is_null(values: pa.Array | pa.ChunkedArray) -> Truths:
    return np.asarray(pc.is_null(values).to_numpy(zero_copy_only=False), dtype=bool)

"""Sketches of a column's values: KLL for quantiles, HyperLogLog for how many differ.

Both are randomised or approximate, so no verdict is taken from them: they draw quantiles and tell distinct values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from datasketches import HLL_4, hll_sketch, hll_union, kll_floats_sketch

from lakeloop.drift.murmur import Hashes, hash_numbers

KLL_K = 800
"""Size of a quantile sketch: a quantile's rank is off by 0.35 % at 99 % confidence."""

HLL_LOG_K = 11
"""Logarithm of the registers of a distinct count, which is off by 2.3 % at one standard deviation."""

_GREATEST = float(np.finfo(np.float32).max)
_AT_ONCE = 8192
"""Numbers that are hashed at once: they and their hashes stay in the cache."""
_FEW = 4 * _AT_ONCE
"""Numbers up to which a distinct count is given each of them: most raise a register, so asking first costs more."""


class QuantileSketch:
    """A KLL sketch of the finite values of a column, kept in single precision.

    Source: Karnin, Lang and Liberty, "Optimal Quantile Approximation in Streams", 2016.

    >>> sketch = QuantileSketch()
    >>> sketch.add(np.arange(101.0))
    >>> QuantileSketch.merged([sketch.to_bytes(), sketch.to_bytes()]).quantiles([0.0, 0.5, 1.0])
    (0.0, 50.0, 100.0)
    """

    def __init__(self) -> None:
        self._sketch = kll_floats_sketch(KLL_K)

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Take values in.

        Args:
            values: Finite values, shape [n].
        """
        if len(values):
            self._sketch.update(np.clip(values, -_GREATEST, _GREATEST).astype(np.float32))

    def to_bytes(self) -> bytes | None:
        """Write the sketch as every DataSketches library reads it.

        Returns:
            The bytes; None of an empty one.
        """
        return None if self._sketch.is_empty() else bytes(self._sketch.serialize())

    @classmethod
    def merged(cls, sketches: Iterable[bytes | None]) -> QuantileSketch:
        """Merge written sketches.

        Args:
            sketches: What `to_bytes` gave.

        Returns:
            The sketch of all their values.
        """
        made = cls()
        for each in sketches:
            if each is not None:
                made._sketch.merge(kll_floats_sketch.deserialize(each))
        return made

    def quantiles(self, ranks: Sequence[float]) -> tuple[float, ...]:
        """Draw quantiles.

        Args:
            ranks: Shares of the values at or below, 0 to 1.

        Returns:
            One value per rank; none of an empty sketch.
        """
        if self._sketch.is_empty():
            return ()
        return tuple(float(each) for each in self._sketch.get_quantiles(list(ranks), True))


class DistinctSketch:
    """A HyperLogLog sketch of the values of a column.

    Source: Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog", 2007.

    >>> sketch = DistinctSketch()
    >>> sketch.add(["EWR", "JFK", "EWR"])
    >>> DistinctSketch.merged([sketch.to_bytes(), sketch.to_bytes()]).estimate
    2
    """

    def __init__(self) -> None:
        self._sketch = hll_sketch(HLL_LOG_K, HLL_4)
        self._registers = _Registers()
        self._one_by_one = _FEW

    def add(self, values: Iterable[float] | Iterable[str]) -> None:
        """Take values in.

        Args:
            values: Numbers or texts, in any number and order.
        """
        deque(map(self._sketch.update, values), maxlen=0)

    def add_numbers(self, values: npt.NDArray[np.float64]) -> None:
        """Take numbers in; the sketch is the same as if each were added by itself.

        Args:
            values: Finite numbers, shape [n].
        """
        values = values + 0.0  # minus zero is zero
        start = min(len(values), self._one_by_one)
        self._one_by_one -= start
        self.add(values[:start].tolist())
        for place in range(start, len(values), _AT_ONCE):
            self.add(self._registers.raise_by(values[place : place + _AT_ONCE]).tolist())

    def to_bytes(self) -> bytes | None:
        """Write the sketch as every DataSketches library reads it.

        Returns:
            The bytes; None of an empty one.
        """
        return None if self._sketch.is_empty() else bytes(self._sketch.serialize_compact())

    @classmethod
    def merged(cls, sketches: Iterable[bytes | None]) -> DistinctSketch:
        """Merge written sketches.

        Args:
            sketches: What `to_bytes` gave.

        Returns:
            The sketch of all their values.
        """
        union = hll_union(HLL_LOG_K)
        for each in sketches:
            if each is not None:
                union.update(hll_sketch.deserialize(each))
        made = cls()
        made._sketch = union.get_result(HLL_4)
        return made

    @property
    def estimate(self) -> int:
        """Number of different values, rounded."""
        return round(float(self._sketch.get_estimate()))


class _Registers:
    """What is known of a sketch's registers: a number that cannot raise one need not be given to it.

    A register keeps the most leading zeros of the upper halves of the hashes that fall to it, and only what raises one
    changes the sketch. That holds as soon as it has registers: below an eighth as many different values it lists them.
    """

    def __init__(self) -> None:
        self._limits = np.full(1 << HLL_LOG_K, np.iinfo(np.uint64).max, dtype=np.uint64)
        self._are_in_use = False

    def raise_by(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Give the numbers that the sketch has to be given, in their order."""
        low, high = hash_numbers(numbers)
        place = (low & np.uint64((1 << HLL_LOG_K) - 1)).astype(np.intp)
        is_new = high < self._limits[place]
        np.minimum.at(self._limits, place[is_new], _limits(high[is_new]))
        if self._are_in_use:
            return numbers[is_new]
        self._are_in_use = int(np.count_nonzero(self._limits != np.iinfo(np.uint64).max)) > (1 << HLL_LOG_K) // 8
        return numbers


def _limits(hashes: Hashes) -> Hashes:
    """The least number with as many leading zeros as each hash: below it a hash has more."""
    _, bits = np.frexp(hashes.astype(np.float64))  # rounded up at worst, to a limit that lets more pass
    return np.asarray(np.left_shift(np.uint64(1), np.maximum(bits - 1, 0).astype(np.uint64)))

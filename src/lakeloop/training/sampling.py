"""Which training rows a sample takes: those whose id falls into a stretch of the space of hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

_DIGITS = 32
"""Hexadecimal digits of a `prediction_id`, which is cut from a SHA-256: every one is equally likely."""

_SPACE = 16**_DIGITS


@dataclass(frozen=True)
class HashRange:
    """Ids from one bound up to another, compared as texts.

    Attributes:
        low: The least id in it.
        below: The least id above it; None where it reaches to the end of the space.
    """

    low: str
    below: str | None


@dataclass(frozen=True)
class Sample:
    """A share of rows, each chosen by its own id alone.

    Whether a row is chosen depends on no other row. With the same seed, the sample of a smaller fraction is part of
    that of a larger one.

    Attributes:
        fraction: Share of the rows, in (0, 1].
        seed: Where in the space of hashes the stretch begins.

    >>> Sample(1.0, seed=7).ranges
    (HashRange(low='00000000000000000000000000000000', below=None),)
    >>> sample = Sample(0.25, seed=7)
    >>> ids = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(10_000)]
    >>> sum(sample.holds(each) for each in ids)
    2462
    """

    fraction: float
    seed: int

    @property
    def ranges(self) -> tuple[HashRange, ...]:
        """The stretch of ids: one range, or two where it runs over the end of the space and on from its beginning."""
        if self.fraction >= 1:
            return (HashRange(_hex(0), None),)
        start = int(hashlib.sha256(f"sample {self.seed}".encode()).hexdigest()[:_DIGITS], 16)
        end = start + int(Fraction(self.fraction) * _SPACE)
        if end < _SPACE:
            return (HashRange(_hex(start), _hex(end)),)
        over = end - _SPACE
        return (HashRange(_hex(start), None), *((HashRange(_hex(0), _hex(over)),) if over else ()))

    def holds(self, row_id: str) -> bool:
        """Tell whether a row is chosen.

        Args:
            row_id: Its `prediction_id`.

        Returns:
            Whether its id lies in the stretch.
        """
        return any(each.low <= row_id and (each.below is None or row_id < each.below) for each in self.ranges)


def _hex(number: int) -> str:
    return f"{number:0{_DIGITS}x}"

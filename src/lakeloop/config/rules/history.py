"""How a value of a turn is compared with those recorded of earlier turns."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from lakeloop.config.section import Number, Section, Whole

_TURNS = re.compile(r"^(\d{1,4}) turns?$", re.ASCII)
_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_FACTORS = re.compile(rf"^({_NUMBER}) to ({_NUMBER})$", re.ASCII)
_WITHIN = re.compile(rf"^({_NUMBER}) ?(%|standard deviations?)$", re.ASCII)
_ROUNDING = 1e-9  # engines add numbers in no fixed order


def _as_turns(value: Any) -> Any:
    match = _TURNS.match(value) if isinstance(value, str) else None
    if match is None or not int(match[1]):
        raise ValueError(f"{value!r} is no number of turns; write it as in '7 turns'")
    return int(match[1])


Turns = Annotated[Whole, BeforeValidator(_as_turns)]
"""A number of turns, written `7 turns`."""


@dataclass(frozen=True)
class Band:
    """Bounds of a value, both included.

    >>> Band(0.0, 2.0).holds(2.0), Band(0.0, 2.0).holds(2.1), Band(0.0, 2.0).holds(math.nan)
    (True, False, False)
    """

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a value lies within the bounds, up to rounding."""
        slack = _ROUNDING * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack


class Factors(Section):
    """Multiples of the median of earlier turns, both included."""

    low: Number = Field(ge=0)
    high: Number = Field(gt=0)

    def band(self, past: Sequence[float]) -> Band:
        """Give the bounds.

        >>> Factors(low=0.5, high=2).band([10, 20, 90])
        Band(low=10.0, high=40.0)
        """
        middle = statistics.median(past)
        return Band(self.low * middle, self.high * middle)


def _as_factors(value: Any) -> Any:
    if isinstance(value, Factors):
        return value
    match = _FACTORS.match(value) if isinstance(value, str) else None
    if match is None or not float(match[1]) <= float(match[2]) or not float(match[2]):
        raise ValueError(f"{value!r} is no pair of factors; write the least and the greatest, as in '0.5 to 2.0'")
    return Factors(low=float(match[1]), high=float(match[2]))


FactorsText = Annotated[Factors, BeforeValidator(_as_factors)]
"""Two factors, written `0.5 to 2.0`."""


class Within(Section):
    """A distance from earlier turns: standard deviations from their mean, or a share of their median."""

    deviations: Number | None = None
    share: Number | None = None

    def band(self, past: Sequence[float]) -> Band:
        """Give the bounds.

        Args:
            past: Values of earlier turns; at least two for standard deviations, which are those of a sample.

        >>> Within(deviations=2).band([1, 2, 3])
        Band(low=0.0, high=4.0)
        >>> Within(share=0.25).band([-8.0])
        Band(low=-10.0, high=-6.0)
        """
        if self.deviations is not None:
            # Exact, so that equal values have a spread of none.
            middle, reach = float(statistics.mean(past)), self.deviations * float(statistics.stdev(past))
        else:
            middle = float(statistics.median(past))
            reach = (self.share or 0) * abs(middle)
        return Band(middle - reach, middle + reach)


def _as_within(value: Any) -> Any:
    if isinstance(value, Within):
        return value
    match = _WITHIN.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no distance; write it as in '3 standard deviations' or '20%'")
    return Within(share=float(match[1]) / 100) if match[2] == "%" else Within(deviations=float(match[1]))


WithinText = Annotated[Within, BeforeValidator(_as_within)]
"""A distance, written `3 standard deviations` or `20%`."""


def is_number(value: float | None) -> bool:
    """Tell whether a recorded value can be compared with.

    >>> is_number(1.5), is_number(None), is_number(math.nan)
    (True, False, False)
    """
    return value is not None and math.isfinite(value)

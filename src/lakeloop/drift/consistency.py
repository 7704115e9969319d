"""Whether values that were served are those that the offline tables give for the same instant.

The measures are those that feature stores compare online and offline by: values that were missing, values that should
not have been there, values that differ, and by how much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lakeloop.statuses import ServedVerdict

_RELATIVE, _ABSOLUTE = 1e-9, 1e-9
"""Numbers that are closer are the same: sums are taken in another order each time."""


@dataclass(frozen=True)
class Consistency:
    """How the served values of a column compare with the offline ones.

    A row is *marked* when its answer said that the value may be old: its look-up was STALE or AHEAD.

    Attributes:
        rows: Rows compared.
        missing: Rows, not marked, served without a value where there is one.
        extra: Rows, not marked, served with a value where there is none.
        mismatch: Rows, not marked, served with another value.
        marked: Rows that were marked.
        marked_different: Marked rows that differ in any way.
        mean_difference: Mean absolute difference of numbers that differ, marked or not; None where none do.
        max_difference: Greatest absolute difference of them.
    """

    rows: int
    missing: int
    extra: int
    mismatch: int
    marked: int
    marked_different: int
    mean_difference: float | None
    max_difference: float | None

    @property
    def verdict(self) -> ServedVerdict:
        """SKEWED when a row that was not marked differs, STALE when only marked ones do.

        >>> Consistency(9, 0, 0, 0, 2, 1, None, None).verdict.value
        'STALE'
        """
        if not self.rows:
            return ServedVerdict.UNKNOWN
        if self.missing or self.extra or self.mismatch:
            return ServedVerdict.SKEWED
        return ServedVerdict.STALE if self.marked_different else ServedVerdict.CONSISTENT


def compare_served(served: Sequence[Any], offline: Sequence[Any], marked: Sequence[bool]) -> Consistency:
    """Compare the values of a column.

    Args:
        served: Values as they were served, length n_rows; None is no value, and so is NaN.
        offline: Values of the offline tables, same rows and order.
        marked: Whether the answer said that the value may be old.

    Returns:
        Counts. Numbers are the same within 1e-9, relative or absolute; all else must be equal.

    >>> found = compare_served([1.0, None, 3.0, 4.0], [1.0, 2.0, None, 5.0], [False, False, False, True])
    >>> found.missing, found.extra, found.mismatch, found.marked_different, found.max_difference
    (1, 1, 0, 1, 1.0)
    """
    missing = extra = mismatch = marked_different = 0
    differences = []
    for ours, theirs, is_marked in zip(served, offline, marked, strict=True):
        one, other = _value(ours), _value(theirs)
        if _same(one, other):
            continue
        if _is_number(one) and _is_number(other):
            differences.append(abs(float(one) - float(other)))
        if is_marked:
            marked_different += 1
        elif one is None:
            missing += 1
        elif other is None:
            extra += 1
        else:
            mismatch += 1
    finite = [each for each in differences if math.isfinite(each)]
    mean = math.fsum(finite) / len(finite) if finite else None
    largest = max(differences, default=None)
    return Consistency(len(served), missing, extra, mismatch, sum(map(bool, marked)), marked_different, mean, largest)


def _value(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    if _is_number(one) and _is_number(other):
        return one == other or math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return bool(one == other)

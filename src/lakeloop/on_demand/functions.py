"""The named functions of on-demand columns, vectorised over rows.

A timestamp is a float64 of seconds since 1970-01-01T00:00:00Z. Missing is NaN; what is computed from missing, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
"""Values per row, shape (n_rows,)."""

MAX_SECONDS = 6e10
"""Greatest magnitude taken for seconds since the epoch (years 68 to 3871); milliseconds of our time lie beyond."""

_QUARTER_HOUR = 900  # every change of a zone's offset since 1972 falls on a quarter of an hour UTC
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def _as_numbers(name: str, values: Any) -> FloatArray:
    if isinstance(values, str):
        raise ValueError(f"{name}: got the text {values!r}; allowed: a column of numbers, or a number")  # noqa: TRY004
    array = np.asarray(values)
    if array.dtype.kind in "mM" or isinstance(getattr(values, "dtype", None), pd.DatetimeTZDtype):
        raise ValueError(f"{name}: got {array.dtype}; allowed: numbers, a timestamp as float64 seconds since the epoch")
    if array.dtype.kind == "O":
        array = np.where(pd.isna(array), np.nan, array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: got values that are not numbers; allowed: a column of numbers"
        ) from None  # the cause shows values


def _or_missing(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _as_seconds(name: str, values: Any) -> FloatArray:
    seconds = _as_numbers(name, values)
    with np.errstate(invalid="ignore"):
        if np.any(np.abs(seconds) > MAX_SECONDS):
            raise ValueError(f"{name}: got a value that is not a time; allowed: seconds (not ms or ns) since the epoch")
    return seconds


def _local_seconds(seconds: FloatArray, timezone: str) -> FloatArray:
    """Shift instants to the wall clock of a zone; missing stays missing."""
    zone = ZoneInfo(timezone)
    present = ~np.isnan(seconds)
    quarters, inverse = np.unique(np.floor(seconds[present] / _QUARTER_HOUR), return_inverse=True)
    shifts = np.zeros(len(quarters))
    for index, quarter in enumerate(quarters):
        shift = datetime.fromtimestamp(float(quarter) * _QUARTER_HOUR, zone).utcoffset()
        shifts[index] = 0.0 if shift is None else shift.total_seconds()
    local = np.full(seconds.shape, np.nan)
    local[present] = seconds[present] + shifts[inverse]
    return local


def hour(timestamp: FloatArray, *, timezone: str) -> FloatArray:
    """Give the hour of the day on the wall clock of a zone.

    Args:
        timestamp: Instants, seconds since the epoch, shape (n_rows,); NaN is missing.
        timezone: IANA name.

    Returns:
        Whole hours 0 to 23, shape (n_rows,); NaN where missing.

    Raises:
        ValueError: If values are not seconds since the epoch.

    >>> hour(np.array([1_372_680_000.0, np.nan]), timezone="America/New_York")  # 2013-07-01T12:00Z
    array([ 8., nan])
    """
    local = _local_seconds(_as_seconds("hour", timestamp), timezone)
    return np.floor(np.mod(local, 86400) / 3600)


def weekday(timestamp: FloatArray, *, timezone: str) -> FloatArray:
    """Give the day of the week on the wall clock of a zone.

    Args:
        timestamp: Instants, seconds since the epoch, shape (n_rows,); NaN is missing.
        timezone: IANA name.

    Returns:
        0 for Monday to 6 for Sunday, shape (n_rows,); NaN where missing.

    Raises:
        ValueError: If values are not seconds since the epoch.

    >>> weekday(np.array([1_372_640_400.0]), timezone="America/New_York")  # 2013-07-01T01:00Z: still Sunday there
    array([6.])
    """
    local = _local_seconds(_as_seconds("weekday", timestamp), timezone)
    days: FloatArray = np.floor(local / 86400)
    return np.asarray(np.mod(days + _EPOCH_WEEKDAY, 7), dtype=np.float64)


def minutes_between(start: FloatArray, end: FloatArray) -> FloatArray:
    """Give the minutes from one instant to another.

    Args:
        start: Instants, seconds since the epoch, shape (n_rows,).
        end: Instants, the same.

    Returns:
        Minutes, negative where `end` comes first; NaN where either is missing.

    Raises:
        ValueError: If values are not seconds since the epoch.

    >>> minutes_between(np.array([0.0, 120.0]), np.array([90.0, 60.0]))
    array([ 1.5, -1. ])
    """
    return (_as_seconds("minutes_between", end) - _as_seconds("minutes_between", start)) / 60.0


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide.

    Args:
        numerator: Numbers, shape (n_rows,), or one number.
        denominator: Numbers, the same.

    Returns:
        The quotient; NaN where either is missing, the denominator is zero, or no double is as large, which no estimator
        takes.

    Raises:
        ValueError: If values are not numbers.

    >>> ratio(np.array([1.0, 1.0]), np.array([4.0, 0.0]))
    array([0.25,  nan])
    """
    above, below = _as_numbers("ratio", numerator), _as_numbers("ratio", denominator)
    with np.errstate(over="ignore"):
        return _or_missing(above / np.where(below == 0, np.nan, below))


def difference(value: FloatArray, subtracted: FloatArray) -> FloatArray:
    """Subtract.

    Args:
        value: Numbers, shape (n_rows,), or one number.
        subtracted: Numbers, the same.

    Returns:
        `value - subtracted`; NaN where either is missing, or no double is as large: no estimator takes it.

    Raises:
        ValueError: If values are not numbers.

    >>> difference(np.array([3.0]), np.array([5.0]))
    array([-2.])
    """
    with np.errstate(over="ignore"):
        return _or_missing(_as_numbers("difference", value) - _as_numbers("difference", subtracted))


def cyclic(value: FloatArray, period: float, part: str) -> FloatArray:
    """Place a value on a circle, so that the end of a period is next to its start.

    Args:
        value: Numbers, shape (n_rows,).
        period: Length of one round in the unit of `value`, > 0.
        part: `sin` or `cos`.

    Returns:
        The coordinate, in [-1, 1]; NaN where missing.

    Raises:
        ValueError: If the period is not a positive number or the part is neither of the two.

    >>> cyclic(np.array([6.0]), 24.0, "sin")
    array([1.])
    """
    length = _as_numbers("cyclic", period)
    if length.ndim or not 0 < float(length) < np.inf:
        got = "a column" if length.ndim else f"{float(length):g}"
        raise ValueError(f"cyclic: got {got} for the period; allowed: a number above 0")
    if part not in ("sin", "cos"):
        raise ValueError(f"cyclic: got the part {part!r}; allowed: 'sin' or 'cos'")
    angle = 2.0 * np.pi * _as_numbers("cyclic", value) / length
    return np.sin(angle) if part == "sin" else np.cos(angle)


def is_in(value: NDArray[Any], first: float | str, *others: float | str) -> FloatArray:
    """Tell whether a value is one of those listed.

    Args:
        value: Numbers or texts, shape (n_rows,).
        first: A value to look for.
        *others: Further ones, of the same kind.

    Returns:
        1 where it is listed, 0 where not; NaN where missing.

    Raises:
        ValueError: If texts and numbers are mixed in the list, or the list does not fit the column.

    >>> is_in(np.array(["EWR", "LGA", None], dtype=object), "JFK", "LGA")
    array([ 0.,  1., nan])
    """
    listed = (first, *others)
    if not (all(isinstance(v, str) for v in listed) or all(isinstance(v, int | float) for v in listed)):
        raise ValueError("is_in: got numbers and texts, or columns, in the list; allowed: only numbers or only texts")
    values = np.asarray(value)
    is_text = values.dtype.kind in "OU" and pd.api.types.infer_dtype(values, skipna=True) == "string"
    missing = pd.isna(values)
    if not missing.all() and is_text != isinstance(first, str):
        kinds = ("texts", "numbers") if is_text else ("numbers", "texts")
        raise ValueError(f"is_in: got a column of {kinds[0]} and a list of {kinds[1]}; allowed: the same kind of both")
    if isinstance(first, str):
        found = np.isin(np.where(missing, "", values).astype(object), np.asarray(listed, dtype=object))
    else:
        found = np.isin(_as_numbers("is_in", values), np.asarray(listed, dtype=np.float64))
    return np.where(missing, np.nan, found.astype(np.float64))


FUNCTIONS: Mapping[str, Callable[..., FloatArray]] = MappingProxyType(
    {f.__name__: f for f in (hour, weekday, minutes_between, ratio, difference, cyclic, is_in)}
)
"""The functions that every project has, by name."""

"""Types of columns, as Spark names them: what a request may give, what a model is given, what a log keeps.

A value is checked once, as it is read, and from then on is what an online store holds: an instant is its microseconds
since the epoch, a date its ISO text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, AwareDatetime, Field, NaiveDatetime
from pydantic_core import PydanticCustomError

from lakeloop.on_demand.functions import MAX_SECONDS

MAX_TEXT = 4096
"""Characters of a text in a request."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_ALIASES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_ARROW = {"tinyint": pa.int8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64()}
_MAX_MICROS = int(MAX_SECONDS) * 1_000_000


@dataclass(frozen=True)
class Kind:
    """A type of a column.

    Attributes:
        name: As Spark names it.
        allowed: What a request may give, in words.
        annotation: What pydantic checks a value by, null aside; it gives the value as a store holds it.
        arrow: Type in the log.
        to_input: Gives a value as a model takes it; None for a type that no model takes.
        is_text: Whether a model takes it as text.

    >>> kind_of("timestamp").to_input(1_367_366_401_500_000), kind_of("boolean").to_input(True)
    (1367366401.5, 1.0)
    """

    name: str
    allowed: str
    annotation: Any
    arrow: pa.DataType
    to_input: Callable[[Any], Any] | None
    is_text: bool = False


def micros_of(instant: datetime) -> int:
    """Give an instant as microseconds since the epoch.

    >>> micros_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (instant - EPOCH) // _MICROSECOND


def instant_of(micros: int) -> datetime:
    """Give microseconds since the epoch as an instant, UTC.

    >>> instant_of(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=micros)


def instant_text(micros: int) -> str:
    """Write an instant.

    >>> instant_text(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    return f"{instant_of(micros).replace(tzinfo=None).isoformat()}Z"


def _checked_micros(instant: datetime) -> int:
    micros = micros_of(instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC))
    if abs(micros) > _MAX_MICROS:
        raise PydanticCustomError("instant_range", "outside the years 69 to 3870")
    return micros


def _as_single(value: float) -> float:
    with np.errstate(over="ignore"):
        single = float(np.float32(value))
    if not np.isfinite(single):
        raise PydanticCustomError("single_range", "outside the range of a float of 32 bits")
    return single


def _seconds(micros: int) -> float:
    return float(micros) / 1_000_000.0


def _iso(day: date) -> str:
    return day.isoformat()


def kind_of(name: str) -> Kind:
    """Find a type.

    Args:
        name: As Spark names it.

    Returns:
        The type.

    Raises:
        ValueError: If a request cannot give it.

    >>> kind_of("bigint").allowed
    'a whole number of 64 bits'
    >>> kind_of("array<int>")
    Traceback (most recent call last):
    ValueError: array<int>
    """
    name = _ALIASES.get(name, name)
    decimal = _DECIMAL.fullmatch(name)
    if decimal is not None:
        digits, scale = map(int, decimal.groups())
        exact = AfterValidator(lambda value: value.quantize(Decimal(1).scaleb(-scale)))
        exactly = Annotated[Decimal, Field(max_digits=digits, decimal_places=scale, allow_inf_nan=False), exact]
        allowed = f"a decimal number of {digits} digits, {scale} of them after the point"
        return Kind(name, allowed, exactly, pa.decimal128(digits, scale), float)
    if name in _BITS:
        bits = _BITS[name]
        whole = Annotated[int, Field(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)]
        return Kind(name, f"a whole number of {bits} bits", whole, _ARROW[name], float)
    match name:
        case "string":
            text = Annotated[str, Field(max_length=MAX_TEXT)]
            return Kind(name, f"a text of at most {MAX_TEXT} characters", text, pa.string(), str, is_text=True)
        case "double" | "float":
            number = Annotated[float, Field(allow_inf_nan=False)]
            single = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_as_single)]
            arrow = pa.float64() if name == "double" else pa.float32()
            return Kind(name, "a finite number", number if name == "double" else single, arrow, float)
        case "boolean":
            return Kind(name, "true or false", bool, pa.bool_(), float)
        case "timestamp":
            instant = Annotated[AwareDatetime, AfterValidator(_checked_micros)]
            allowed = "an instant with its offset, as 2013-05-01T06:00:00Z, of the years 69 to 3870"
            return Kind(name, allowed, instant, pa.timestamp("us", "UTC"), _seconds)
        case "timestamp_ntz":
            reading = Annotated[NaiveDatetime, AfterValidator(_checked_micros)]
            allowed = "a reading of a clock without an offset, as 2013-05-01T06:00:00"
            return Kind(name, allowed, reading, pa.timestamp("us"), _seconds)
        case "date":
            return Kind(name, "a date, as 2013-05-01", Annotated[date, AfterValidator(_iso)], pa.date32(), None)
    raise ValueError(name)

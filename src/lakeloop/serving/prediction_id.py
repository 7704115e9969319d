"""The id of a prediction, as a turn of the loop gives it to the same row: no Spark is asked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from lakeloop.serving.columns import EPOCH

_DIGITS = 32
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7
_CONTROL = {number: f"\\u{number:04X}" for number in range(32)}
_CONTROL |= {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def prediction_id_of(row: Mapping[str, Any], id_columns: Sequence[str], types: Mapping[str, str]) -> str | None:
    """Hash a row's id columns as `labels.spine.prediction_id` does: SHA-256 of Spark's JSON of them.

    A number of type double is written as Java from 19 on writes it, which older ones do for all but a few.

    Args:
        row: Column -> value, as a store holds it.
        id_columns: Id columns, in order.
        types: Column -> type, as Spark names it.

    Returns:
        32 hex digits; None where the row does not give every id column.

    >>> prediction_id_of({"order": 7}, ["order"], {"order": "bigint"})
    '8bcbace4a85bfd655264d50663d10000'
    >>> prediction_id_of({}, ["order"], {"order": "bigint"}) is None
    True
    """
    if any(name not in row for name in id_columns):
        return None
    parts = []
    for name in id_columns:
        # An instant is hashed as a number, whose text depends on no time zone, and under a name of its own.
        written = f"_id_{name}" if types[name] == "timestamp" else name
        parts.append(f"{_text(written)}:{_value(row[name], types[name])}")
    return hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()[:_DIGITS]


def _text(value: str) -> str:
    return f'"{value.translate(_CONTROL)}"'


def _value(value: Any, kind: str) -> str:
    if value is None:
        return "null"
    match kind:
        case "double":
            return _number(float(value), repr(float(value)))
        case "float":
            return _number(float(value), str(np.float32(value)))
        case "timestamp_ntz":
            at = (EPOCH + timedelta(microseconds=value)).replace(tzinfo=None)
            return _text(f"{at.isoformat(timespec='milliseconds')}")
    if isinstance(value, str):
        return _text(value)
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _number(value: float, shortest: str) -> str:
    """Write a double as Java does: from 0.001 up to ten millions plainly, else by a power of ten."""
    if value == 0 or not math.isfinite(value):
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign, digits, exponent = Decimal(shortest).as_tuple()
    figures = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) + int(exponent) - 1  # of the first figure
    minus = "-" if sign else ""
    if _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        if power < 0:
            return f"{minus}0.{'0' * (-power - 1)}{figures}"
        whole = figures[: power + 1].ljust(power + 1, "0")
        return f"{minus}{whole}.{figures[power + 1 :] or '0'}"
    return f"{minus}{figures[0]}.{figures[1:] or '0'}E{power}"

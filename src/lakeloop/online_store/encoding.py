"""Keys and values as the text that a store holds: JSON on one line, exact for every value.

A float is written as the shortest text that reads back as the same float; NaN and the infinities are written as
`NaN`, `Infinity` and `-Infinity`, which Python's JSON reads, and some other readers do not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lakeloop.online_store.store import Key, State, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_write = json.JSONEncoder(separators=(",", ":")).encode
_read = json.JSONDecoder().decode


def to_micros(instant: datetime) -> int:
    """Count the microseconds from the epoch to an instant.

    Args:
        instant: Aware.

    Returns:
        Microseconds, exact; below 0 before 1970.

    >>> to_micros(datetime(2013, 5, 1, tzinfo=UTC))
    1367366400000000
    """
    return (instant - _EPOCH) // _MICROSECOND


def to_instant(micros: int) -> datetime:
    """Give the instant that is so many microseconds after the epoch.

    Args:
        micros: Microseconds.

    Returns:
        The instant, aware, UTC.

    >>> to_instant(1367366400000000).isoformat()
    '2013-05-01T00:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def as_value(value: Any) -> Value:
    """Give what a store holds of a value of a gold table.

    Args:
        value: As Arrow or Spark gives it to Python.

    Returns:
        Text, number, truth or None; an instant as microseconds since the epoch, a date as ISO text, a decimal as the
        nearest float.

    Raises:
        TypeError: If it is of another type.

    >>> as_value(datetime(2013, 5, 1, tzinfo=UTC)), as_value(date(2013, 5, 1)), as_value(True)
    (1367366400000000, '2013-05-01', True)
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a store holds no {type(value).__name__}")


def encode_key(key: Key) -> str:
    """Write a key.

    Args:
        key: Values of the entity's columns.

    Returns:
        Its text. Equal keys have one text: -0.0 is written as 0.0, as Spark takes them for equal.

    >>> encode_key(("AA", 7)), encode_key((-0.0,))
    ('["AA",7]', '[0.0]')
    """
    return _write([0.0 if isinstance(each, float) and each == 0 else each for each in key])


def encode_values(values: Sequence[Value]) -> str:
    """Write the features of a state.

    Args:
        values: In the manifest's order.

    Returns:
        Their text.

    >>> encode_values((0.1, None, float("inf"), "late", True, 3))
    '[0.1,null,Infinity,"late",true,3]'
    """
    return _write(list(values))


def decode_values(text: str | bytes) -> tuple[Value, ...]:
    """Read the features of a state.

    Args:
        text: What `encode_values` wrote.

    Returns:
        The values, each of the type that was written.

    >>> decode_values('[0.1,null,Infinity,"late",true,3]')
    (0.1, None, inf, 'late', True, 3)
    """
    return tuple(_read(text if isinstance(text, str) else text.decode()))


def encode_states(states: Sequence[State]) -> str:
    """Write the states of an entity as one text.

    Args:
        states: Oldest first.

    Returns:
        Their text.

    >>> encode_states([State(20, 10, (0.5, None))])
    '[[20,10,[0.5,null]]]'
    """
    return _write([[each.available_micros, each.event_micros, list(each.values)] for each in states])


def decode_states(text: str | bytes | None) -> list[State]:
    """Read the states of an entity.

    Args:
        text: What `encode_states` wrote; None where nothing is known.

    Returns:
        The states, oldest first.

    >>> decode_states(b"[[20,10,[0.5,null]]]"), decode_states(None)
    ([State(available_micros=20, event_micros=10, values=(0.5, None))], [])
    """
    if text is None:
        return []
    found = _read(text if isinstance(text, str) else text.decode())
    return [State(available, event, tuple(values)) for available, event, values in found]
